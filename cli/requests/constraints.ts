/** What one condition of a rule or policy asks of one dimension of a request. */
import type { StringMatch } from "../../components/istio/virtual-service";
import { stringTest } from "../../components/simulator/conditions";
import type { Dimension } from "./assignment";
import { regexSamples } from "./regex-samples";

export interface Constraint {
  readonly dimension: Dimension;
  /** `undefined` stands for absent. */
  readonly test: (text: string | undefined) => boolean;
  /** Texts at both sides of the boundary, in any order. */
  readonly samples: readonly string[];
}

/** Everything that one match of a rule, or one alternative of a policy, asks of a request. */
export interface Scenario {
  readonly constraints: readonly Constraint[];
}

/** Of several lines any may fit. */
const anyLine =
  (test: (text: string) => boolean): Constraint["test"] =>
  (text) =>
    text !== undefined && (text.includes("\n") ? text.split("\n").some(test) : test(text));

/** A match that asks for presence alone (Istio: canBeConvertedToPresentMatch). */
const isPresence = (match: StringMatch | null): boolean =>
  !match || Object.keys(match).length === 0 || match.regex === "*";

/** Of a header, a claim or a query parameter. */
export function matched(dimension: Dimension, match: StringMatch | null): Constraint {
  const test = !match || isPresence(match) ? () => true : stringTest(match);
  return { dimension, test: anyLine(test), samples: textSamples(match) };
}

/** Of `withoutHeaders`: a missing header counts as empty, unless its presence alone is asked for. */
export function unmatched(dimension: Dimension, match: StringMatch | null): Constraint {
  const { test, samples } = matched(dimension, match);
  const missing = !isPresence(match) && !dimension.startsWith("claim") && test("");
  return { dimension, test: (text) => (text === undefined ? !missing : !test(text)), samples };
}

/** Texts that just match, and texts that just miss. */
function textSamples(match: StringMatch | null): string[] {
  if (!match || isPresence(match)) return ["x", ""];
  const { exact, prefix, regex } = match;
  if (typeof exact === "string") return around(exact);
  if (typeof prefix === "string") return [prefix, ...around(prefix), `${prefix}-1`];
  const samples = typeof regex === "string" ? regexSamples(regex) : [];
  return [...samples, ...samples.slice(0, 3).flatMap(around), "x", ""];
}

export const around = (text: string): string[] => [text, `${text}x`, text.slice(0, -1)];

/** Of the path: also what is one segment deeper, or has a slash more or less. */
export function pathConstraint(uri: StringMatch, ignoreCase: boolean): Constraint {
  const exactly = stringTest(uri);
  const lower = ({ exact, prefix }: StringMatch): StringMatch =>
    typeof exact === "string" ? { exact: exact.toLowerCase() } : { prefix: prefix?.toLowerCase() ?? "" };
  const anyCase = ignoreCase && typeof uri.regex !== "string" ? stringTest(lower(uri)) : undefined;
  return {
    dimension: "path",
    test: (path = "/") => (anyCase ? anyCase(path.toLowerCase()) : exactly(path)),
    samples: pathSamples(uri),
  };
}

function pathSamples({ exact, prefix, regex }: StringMatch): string[] {
  const written = exact ?? prefix;
  const starts = written === undefined ? regexSamples(regex ?? "") : [written];
  return starts.flatMap(pathsNear);
}

export function pathsNear(path: string): string[] {
  const start = path.startsWith("/") ? path : `/${path}`;
  const bare = start.length > 1 && start.endsWith("/") ? start.slice(0, -1) : start;
  return [start, bare, `${bare}/`, `${bare}/a`, `${bare}x`, bare.slice(0, -1), bare.toUpperCase()].filter(
    (one) => one.startsWith("/"),
  );
}

/** One text of several. */
export const oneOf = (dimension: Dimension, texts: readonly string[], preset?: string): Constraint => ({
  dimension,
  test: (text = preset) => text !== undefined && texts.includes(text),
  samples: texts,
});
