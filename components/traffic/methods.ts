/** Which methods only read. */
import type { HttpMatchRequest, HttpRoute } from "../istio/virtual-service";

/** Methods that ask for nothing to be changed (RFC 9110, 9.2.1), so that a request may be made once more. */
export const SAFE_METHODS: readonly string[] = ["GET", "HEAD", "OPTIONS"];

const safe = (method: string): boolean => SAFE_METHODS.includes(method);

/** Whether requests by `methods` (any method when absent) may change something. */
export const mayWrite = (methods: readonly string[] | undefined): boolean =>
  methods === undefined || !methods.every(safe);

/** Whether requests by `methods` (any method when absent) may be ones that only read. */
export const mayRead = (methods: readonly string[] | undefined): boolean =>
  methods === undefined || methods.some(safe);

/**
 * A route with one spec for requests by safe methods and another for all others: two routes of one name, the first
 * confined to safe methods. A route whose matches leave only one of the two kinds stays one route.
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

/** A match of several methods is a regex of their names. */
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
