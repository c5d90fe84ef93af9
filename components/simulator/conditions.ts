/** Which requests a match takes (Istio: HTTPMatchRequest; pilot/pkg/networking/core/route, TranslateRouteMatch). */
import type { StringMatch } from "../istio/virtual-service";
import { claimTexts } from "../traffic/claims";
import { wholeMatch } from "../traffic/regex";
import type { SimulatedRequest } from "./decision";
import type { ProxyRequest } from "./proxy-request";
import type { WrittenMatch } from "./written-objects";

/** A request as policies and routes see it. */
export interface Seen extends ProxyRequest {
  readonly request: SimulatedRequest;
  /** By which the client asks, as far as proxies are trusted to say so. */
  readonly scheme: string;
  /** Normalized, with its query. */
  readonly whole: string;
  query: ReadonlyMap<string, string> | undefined;
  claims: ProxyRequest["claims"];
}

export type Condition = (seen: Seen) => boolean;

/** Where routes are made for. */
export interface Place {
  readonly port: number;
  /** `namespace/name`, or `mesh`. */
  readonly gateway: string;
  /** Of the proxy. */
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Whether a match is not for every place. */
export const asksForPlace = ({ port, gateways, sourceLabels, sourceNamespace }: WrittenMatch): boolean =>
  Boolean(port) ||
  Boolean(gateways?.length) ||
  Object.keys(sourceLabels ?? {}).length > 0 ||
  Boolean(sourceNamespace);

/** Whether istiod makes a route of a match for a place (Istio: sourceMatchHTTP). */
export function isFor(match: WrittenMatch, place: Place): boolean {
  const { port, gateways, sourceLabels, sourceNamespace } = match;
  if (port && port !== place.port) return false;
  if (gateways?.length) return gateways.includes(place.gateway);
  return (
    Object.entries(sourceLabels ?? {}).every(([key, value]) => place.labels[key] === value) &&
    (!sourceNamespace || sourceNamespace === place.namespace)
  );
}

/** Istio: IsCatchAllRoute. */
export function takesEverything({ uri, method, authority, scheme, ...maps }: WrittenMatch): boolean {
  const anyPath =
    !uri || (uri.exact === undefined && (uri.prefix ?? "/") === "/" && (uri.regex ?? ".*") === ".*");
  const { headers, withoutHeaders, queryParams } = maps;
  return (
    anyPath &&
    !(method ?? authority ?? scheme) &&
    [headers, withoutHeaders, queryParams].every((map) => Object.keys(map ?? {}).length === 0)
  );
}

/** All of them as one. */
export function conditionOf(match: WrittenMatch): Condition {
  const conditions = conditionsOf(match);
  const [first, second] = conditions;
  if (!first) return () => true;
  if (conditions.length === 1) return first;
  if (conditions.length === 2 && second) return (seen) => first(seen) && second(seen);
  return (seen) => conditions.every((condition) => condition(seen));
}

/** The cheapest and most telling first. */
function conditionsOf(match: WrittenMatch): Condition[] {
  const { uri, method, authority, scheme, headers, withoutHeaders, queryParams, ignoreUriCase } = match;
  const conditions: Condition[] = [];
  if (uri) {
    const test = ignoreUriCase ? anyCaseTest(uri) : stringTest(uri);
    conditions.push(({ path }) => test(path));
  }
  if (method) {
    const test = valueTest(method);
    conditions.push(({ method: asked }) => test(asked));
  }
  if (authority) {
    const test = valueTest(authority);
    conditions.push(({ host }) => test(host));
  }
  if (scheme) {
    const test = valueTest(scheme);
    conditions.push(({ scheme: asked }) => test(asked));
  }
  for (const [name, wanted] of Object.entries(headers ?? {})) {
    conditions.push(headerTest(name, valueTest(wanted)));
  }
  for (const [name, unwanted] of Object.entries(withoutHeaders ?? {})) {
    const test = valueTest(unwanted);
    const has = headerTest(name, test);
    // A missing header counts as empty, unless its presence alone is asked for.
    const missing = !isPresence(unwanted) && test("") && !name.startsWith("@");
    const key = name.toLowerCase();
    conditions.push((seen) => !has(seen) && !(missing && seen.headers[key] === undefined));
  }
  for (const [name, wanted] of Object.entries(queryParams ?? {})) {
    const test = valueTest(wanted);
    conditions.push((seen) => {
      const found = (seen.query ??= queryOf(seen.whole)).get(name);
      return found !== undefined && test(found);
    });
  }
  return conditions;
}

/** An empty match takes any value that is there. */
export function stringTest({ exact, prefix, regex }: StringMatch): (value: string) => boolean {
  if (typeof exact === "string") return (value) => value === exact;
  if (typeof prefix === "string") return (value) => value.startsWith(prefix);
  return typeof regex === "string" ? regexTest(regex) : () => true;
}

/** A regex that RE2 does not take matches nothing: Istio refuses it. */
function regexTest(regex: string): (value: string) => boolean {
  const test = wholeMatch(regex);
  return (value) => {
    try {
      return test(value);
    } catch {
      return false;
    }
  };
}

/** A match that is null or "*", which is no regex, asks for presence alone (Istio: canBeConvertedToPresentMatch). */
const isPresence = (match: StringMatch | null): boolean =>
  !match || Object.keys(match).length === 0 || match.regex === "*";

const valueTest = (match: StringMatch | null): ((value: string) => boolean) =>
  !match || isPresence(match) ? () => true : stringTest(match);

/** Envoy: `case_sensitive`, which a regex does not heed. */
function anyCaseTest(uri: StringMatch): (path: string) => boolean {
  if (typeof uri.regex === "string") return stringTest(uri);
  const lower = (text: string | undefined): string | undefined => text?.toLowerCase();
  const { exact, prefix } = { exact: lower(uri.exact), prefix: lower(uri.prefix) ?? "" };
  return exact === undefined
    ? (path) => path.toLowerCase().startsWith(prefix)
    : (path) => path.toLowerCase() === exact;
}

/** Whether a header is there with a value that fits; of several lines of one name any (Envoy: HeaderUtility::matchHeaders). */
function headerTest(name: string, test: (value: string) => boolean): Condition {
  const claim = /^@request\.auth\.claims(.*)$/.exec(name)?.[1];
  if (claim !== undefined) {
    const texts = claimTexts(claim);
    return ({ claims }) => claims !== undefined && texts(claims).some(test);
  }
  switch (name) {
    case ":method":
      return ({ method }) => test(method);
    case ":authority":
      return ({ host }) => test(host);
    case ":path":
      return ({ whole }) => test(whole);
    case ":scheme":
      return ({ scheme }) => test(scheme);
    case "x-forwarded-proto":
      return ({ scheme }) => test(scheme);
    default: {
      const key = name.toLowerCase();
      return ({ headers }) => {
        const value = headers[key];
        return value !== undefined && (typeof value === "object" ? value.some(test) : test(value));
      };
    }
  }
}

/** The first value of each parameter, undecoded (Envoy: QueryParamsMulti::parseQueryString). */
function queryOf(path: string): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  const at = path.indexOf("?");
  if (at < 0) return parameters;
  for (const parameter of path.slice(at + 1).split("&")) {
    const equals = parameter.indexOf("=");
    const name = equals < 0 ? parameter : parameter.slice(0, equals);
    if (!parameters.has(name)) parameters.set(name, equals < 0 ? "" : parameter.slice(equals + 1));
  }
  return parameters;
}
