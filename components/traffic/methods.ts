/** Safe methods: those that only read. */
import type { HttpMatchRequest, HttpRoute } from "../istio/virtual-service";

/** Safe methods (RFC 9110, 9.2.1). Their requests may be repeated, because they change nothing. */
export const SAFE_METHODS: readonly string[] = ["GET", "HEAD", "OPTIONS"];

const safe = (method: string): boolean => SAFE_METHODS.includes(method);

/** Whether one of `methods` is unsafe. Default: any method. */
export const mayWrite = (methods: readonly string[] | undefined): boolean =>
  methods === undefined || !methods.every(safe);

/** Whether one of `methods` is safe. Default: any method. */
export const mayRead = (methods: readonly string[] | undefined): boolean =>
  methods === undefined || methods.some(safe);

/**
 * A rule with one spec for safe methods and another for all others, as two rules of one name. The first matches only safe
 * methods. If the matches allow only one of the two kinds, the result is one rule.
 */
export function splitByMethod(
  route: HttpRoute,
  reads: Partial<HttpRoute>,
  writes: Partial<HttpRoute>,
): HttpRoute[] {
  const any = route.match ?? [{}];
  const reading = any.filter((match) => mayRead(methodsOf(match)));
  const writing = any.filter((match) => mayWrite(methodsOf(match)));
  return [
    ...(reading.length > 0 ? [{ ...route, match: reading.map(onlyReads), ...reads }] : []),
    ...(writing.length > 0 ? [{ ...route, ...(route.match && { match: writing }), ...writes }] : []),
  ];
}

/** Several methods as one match, which is a regex of their names. */
function methodsOf({ method }: HttpMatchRequest): readonly string[] | undefined {
  return method?.exact === undefined ? method?.regex?.split("|") : [method.exact];
}

function onlyReads(match: HttpMatchRequest): HttpMatchRequest {
  const methods = (methodsOf(match) ?? SAFE_METHODS).filter(safe);
  return {
    ...match,
    method: methods.length === 1 ? { exact: methods[0] ?? "" } : { regex: methods.join("|") },
  };
}
