/** The conditions of a rule in words. */
import type { StringMatch } from "../../components/istio/virtual-service";
import type { WrittenMatch } from "../../components/simulator/written-objects";

/** `GET /api/v1/category*, cookie cohort=b`; of several matches the first, and how many more there are. */
export function matchWords(matches: readonly WrittenMatch[] | undefined): string {
  const all = (matches ?? []).map(oneMatch);
  const [first = "all requests"] = all;
  return all.length > 1 ? `${first} (and ${all.length - 1} more)` : first;
}

function oneMatch(match: WrittenMatch): string {
  const { uri, method, authority, scheme, headers = {}, withoutHeaders = {}, queryParams = {} } = match;
  const path = [method && value(method), uri && value(uri)].filter(Boolean).join(" ");
  const words = [
    path,
    authority && `host ${host(authority)}`,
    scheme && `scheme ${value(scheme)}`,
    ...Object.entries(headers).map(([name, match]) => header(name, match)),
    ...Object.entries(withoutHeaders).map(([name, match]) => `without ${header(name, match)}`),
    ...Object.entries(queryParams).map(([name, match]) => `query ${field(name, match)}`),
    match.port && `port ${match.port}`,
    match.sourceNamespace && `from namespace ${match.sourceNamespace}`,
    match.sourceLabels && `from pods ${labels(match.sourceLabels)}`,
    match.gateways && `at ${match.gateways.join(" or ")}`,
  ].filter((word): word is string => typeof word === "string" && word !== "");
  return words.length > 0 ? words.join(", ") : "all requests";
}

/** What stands around the cookie in a regex of the header, in this package (components/traffic/matches.ts) and in Istio's samples. */
const AROUND_COOKIE = [
  ["(?:.*;\\s*)?", "(?:;.*)?"],
  ["^(.*?;)?(", ")(;.*)?$"],
  ["(.*?;)?(", ")(;.*)?"],
] as const;

function header(name: string, match: StringMatch): string {
  if (name.toLowerCase() !== "cookie") return `header ${field(name, match)}`;
  const { regex = "" } = match;
  for (const [start, end] of AROUND_COOKIE) {
    const inside = regex.slice(start.length, regex.length - end.length);
    if (regex.startsWith(start) && regex.endsWith(end) && !/[()|]/.test(inside))
      return `cookie ${plain(inside)}`;
  }
  return `cookies ${value(match)}`;
}

/** A host with any port, as this package writes it. */
function host(match: StringMatch): string {
  const [, name] = /^\(\?i\)(.*)\(\?::\\d\+\)\?$/.exec(match.regex ?? "") ?? [];
  return name === undefined ? value(match) : plain(name.replace("[^:]+", "*"));
}

/** A regex of literal text as that text. */
const plain = (regex: string): string => regex.replace(/\\([^\w\s])/g, "$1");

const field = (name: string, match: StringMatch): string =>
  Object.keys(match).length === 0 ? name : `${name}=${value(match)}`;

/** A prefix ends with `*`; a regex begins with `~`. */
function value({ exact, prefix, regex }: StringMatch): string {
  if (exact !== undefined) return exact;
  if (prefix !== undefined) return `${prefix}*`;
  return regex === undefined ? "*" : `~${regex}`;
}

const labels = (given: Readonly<Record<string, string>>): string =>
  Object.entries(given)
    .map(([key, text]) => `${key}=${text}`)
    .join(",");
