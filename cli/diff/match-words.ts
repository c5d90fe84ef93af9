/** The conditions of a rule in words. */
import type { StringMatch } from "../../components/istio/virtual-service";
import type { WrittenMatch } from "../../components/simulator/written-objects";

/**
 * `GET /api/v1/category*, cookie cohort=b`. Of several matches that differ by their paths alone: the other conditions, the first
 * path, and how many more paths there are. Of others: the first, and how many more there are.
 */
export function matchWords(matches: readonly WrittenMatch[] | undefined): string {
  const [first, ...others] = matches ?? [];
  if (!first) return "all requests";
  const conditions = conditionWords(first);
  const more = others.length;
  if (more === 0) return [pathWords(first), conditions].filter(Boolean).join(", ") || "all requests";
  const onlyPaths = others.every(
    (one) => one.method?.exact === first.method?.exact && conditionWords(one) === conditions,
  );
  const words = onlyPaths ? [conditions, pathWords(first)] : [pathWords(first), conditions];
  return `${words.filter(Boolean).join(", ")} (and ${more} more ${onlyPaths ? "path" : "match"}${more === 1 ? "" : onlyPaths ? "s" : "es"})`;
}

/** The method and the path. */
const pathWords = ({ uri, method }: WrittenMatch): string =>
  [method && value(method).replace(/^~/, ""), uri && value(uri)].filter(Boolean).join(" ");

function conditionWords(match: WrittenMatch): string {
  const { authority, scheme, headers = {}, withoutHeaders = {}, queryParams = {} } = match;
  const words = [
    authority && `host ${host(authority)}`,
    scheme && `scheme ${value(scheme)}`,
    ...Object.entries(headers).map(([name, one]) => header(name, one)),
    ...Object.entries(withoutHeaders).map(([name, one]) => `without ${header(name, one)}`),
    ...Object.entries(queryParams).map(([name, one]) => `query ${field(name, one)}`),
    match.port && `port ${match.port}`,
    match.sourceNamespace && `from namespace ${match.sourceNamespace}`,
    match.sourceLabels && `from pods ${labels(match.sourceLabels)}`,
    match.gateways && `at ${match.gateways.join(" or ")}`,
  ];
  return words.filter((word) => typeof word === "string" && word !== "").join(", ");
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
