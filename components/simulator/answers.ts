/** What a rule makes of a request that matches (Istio: HTTPRoute; pilot/pkg/networking/core/route, translateRoute). */
import type { StringMatch } from "../istio/virtual-service";
import { regexProblem, replacedAll } from "../traffic/regex";
import { percentByWeight } from "../traffic/weights";
import { stringTest, type Seen } from "./conditions";
import type { Outcome, RoutedDestination } from "./decision";
import { hostAfter, portOf, withoutDot } from "./request-host";
import type { WrittenMatch, WrittenRoute } from "./written-objects";

/** `limited`: whether the rule has a limit. */
export function answerOf(
  rule: WrittenRoute,
  match: WrittenMatch,
  name: string,
  limited: boolean,
): (seen: Seen) => Outcome {
  const { redirect, directResponse } = rule;
  if (redirect) return redirection(redirect, name);
  if (directResponse) {
    const { status, body } = directResponse;
    const text = body?.string ?? Buffer.from(body?.bytes ?? "", "base64").toString();
    const answer: Outcome = { kind: "answered", rule: name, status, body: text };
    return () => answer;
  }
  const destinations = destinationsOf(rule);
  const path = rewrittenPath(rule, match);
  const host = rewrittenHost(rule);
  return (seen) => ({
    kind: "routed",
    rule: name,
    destinations,
    path: path ? path(seen) : seen.whole,
    host: host ?? seen.host,
    limited,
  });
}

function redirection(redirect: NonNullable<WrittenRoute["redirect"]>, name: string): (seen: Seen) => Outcome {
  const status = redirect.redirectCode || 301;
  const derived = redirect.derivePort === "FROM_REQUEST_PORT";
  return ({ request, scheme: own, whole, path }) => {
    const asked = redirect.port ?? (derived ? portOf(request) : undefined);
    const scheme = redirect.scheme || own;
    // istiod leaves out a standard port by the scheme of the listener, whatever a proxy before the gateway says.
    const standard = asked === ((redirect.scheme || request.scheme) === "https" ? 443 : 80);
    const port = asked === undefined || standard ? "" : `:${asked}`;
    const host = redirect.authority || hostAfter(withoutDot(request.host), own, scheme, port);
    const query = redirect.uri?.includes("?") ? "" : whole.slice(path.length);
    const target = redirect.uri ? redirect.uri + query : whole;
    return { kind: "redirected", rule: name, status, location: `${scheme}://${host}${port}${target}` };
  };
}

function destinationsOf({ route }: WrittenRoute): readonly RoutedDestination[] {
  const all = route ?? [];
  const percents = percentByWeight(all);
  return all.flatMap(({ destination: { host, subset, port } }, i) => {
    const percent = percents[i] ?? 0;
    if (percent <= 0) return [];
    const one: { -readonly [K in keyof RoutedDestination]: RoutedDestination[K] } = {
      host,
      percent,
    };
    if (subset) one.subset = subset;
    if (port) one.port = port.number;
    return [one];
  });
}

/** Envoy: `prefix_rewrite`, which replaces what the match matched, and `regex_rewrite`, if RE2 takes it. The query stays. */
function rewrittenPath(
  { rewrite }: WrittenRoute,
  { uri }: WrittenMatch,
): ((seen: Seen) => string) | undefined {
  const regex = rewrite?.uriRegexRewrite;
  if (regex && regexProblem(regex.match) === undefined) {
    const replaced = replacedAll(regex.match, regex.rewrite);
    return ({ whole, path }) => replaced(path) + whole.slice(path.length);
  }
  const text = rewrite?.uri;
  if (!text) return undefined;
  const prefix = uri && Object.keys(uri).length > 0 ? uri.prefix : "/";
  return ({ whole, path }) => text + whole.slice(prefix?.length ?? path.length);
}

/** Where several destinations set a host each, that of the request is given. */
function rewrittenHost({ rewrite, headers, route }: WrittenRoute): string | undefined {
  const lone = route?.length === 1 ? route[0]?.headers : undefined;
  for (const { request } of [headers ?? {}, lone ?? {}]) {
    if (rewrite?.authority) break;
    for (const [name, value] of Object.entries({ ...request?.add, ...request?.set })) {
      if (/^(host|:authority)$/i.test(name)) return value;
    }
  }
  return rewrite?.authority || undefined;
}

/** What a gateway says to a CORS preflight; undefined where it passes it on. */
export function preflightAnswer(
  { corsPolicy }: WrittenRoute,
  name: string,
): ((seen: Seen) => Outcome | undefined) | undefined {
  if (!corsPolicy) return undefined;
  const { allowOrigins, allowOrigin } = corsPolicy;
  const written = allowOrigins ?? allowOrigin?.map((exact): StringMatch => ({ exact })) ?? [];
  const origins = written.filter((match) => Object.keys(match).length > 0).map(stringTest);
  return ({ headers }) => {
    const origin = textOf(headers.origin);
    const allowed = origins.some((test) => test("*") || test(origin));
    return allowed || corsPolicy.unmatchedPreflights === "IGNORE"
      ? { kind: "preflight", rule: name, allowed }
      : undefined;
  };
}

export const isPreflight = (method: string, headers: Seen["headers"]): boolean =>
  method === "OPTIONS" &&
  textOf(headers.origin) !== "" &&
  textOf(headers["access-control-request-method"]) !== "";

export const textOf = (value: string | readonly string[] | undefined): string =>
  typeof value === "object" ? (value[0] ?? "") : (value ?? "");
