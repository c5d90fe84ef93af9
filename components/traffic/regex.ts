/**
 * Regular expressions with Envoy's semantics: RE2, matched against the whole value (Envoy: RegexMatcher; RE2 syntax:
 * github.com/google/re2/wiki/Syntax).
 */
import { createRequire } from "node:module";
import type { RE2JS } from "re2js";

const load = createRequire(__filename);
/** Loaded with the first regex, because most stacks have none. */
const re2 = (): typeof RE2JS => (load("re2js") as { RE2JS: typeof RE2JS }).RE2JS;

/** Longest regex that Istio accepts, in characters. */
export const REGEX_LIMIT = 1024;

/** Why Istio or Envoy refuses `regex`, in words; undefined where both accept it. */
export function regexProblem(regex: string): string | undefined {
  if (regex === "") return "an empty expression";
  if (regex.length > REGEX_LIMIT) return `${regex.length} characters`;
  try {
    re2().compile(regex);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Whether `regex` matches the whole of a value. */
export function wholeMatch(regex: string): (value: string) => boolean {
  let compiled: RE2JS | undefined;
  const exactly = (value: string): boolean => (compiled ??= re2().compile(regex)).testExact(value);
  const own = equivalent(regex);
  // V8's engine is ten times as fast.
  return own ? (value) => (PRINTABLE.test(value) ? own.test(value) : exactly(value)) : exactly;
}

/**
 * Every match of `regex` in a value replaced by `text`, in which `\0` is the match and `\1` to `\9` are its groups (RE2:
 * GlobalReplace).
 */
export function replacedAll(regex: string, text: string): (value: string) => string {
  let compiled: RE2JS | undefined;
  return (value) => {
    const matcher = (compiled ??= re2().compile(regex)).matcher(value);
    let [result, end] = ["", 0];
    let before: number | undefined;
    while (matcher.find()) {
      // What is empty and follows a match at once is none.
      if (matcher.start() === matcher.end() && matcher.start() === before) continue;
      const written = text.replaceAll(/\\([\d\\])/g, (_, by: string) =>
        by === "\\" ? by : Number(by) <= matcher.groupCount() ? (matcher.group(Number(by)) ?? "") : "",
      );
      result += value.slice(end, matcher.start()) + written;
      before = end = matcher.end();
    }
    return result + value.slice(end);
  };
}

/** Syntax that has the same meaning in RE2 and in JavaScript ({@link equivalent}). */
const PRINTABLE = /^[\x20-\x7e]*$/;

/**
 * The same expression in JavaScript; undefined where its meaning could differ, or where nested repetitions could take more
 * than quadratic time.
 */
function equivalent(regex: string): RegExp | undefined {
  const ignoreCase = regex.startsWith("(?i)");
  const all = tokens(ignoreCase ? regex.slice(4) : regex);
  const repeated: boolean[] = [];
  let inside = false;
  for (const [i, token] of all.entries()) {
    const known =
      /^(\(|\(\?:|[^\\[(]|\\[dDwWsS]|\\[^\w]|[*+?]\??|\{\d+(,\d*)?\}\??)$/.test(token) ||
      (/^\[/.test(token) && !/\[:|\\[^dDwWsS\W]/.test(token));
    if (!known) return undefined;
    if (token.startsWith("(")) {
      repeated.push(inside);
      inside = false;
    }
    const many = /^([*+]|\{)/.test(all[i + 1] ?? "");
    if (token === ")") {
      if (inside && many) return undefined;
      inside ||= repeated.pop() === true;
    }
    inside ||= many;
  }
  try {
    return new RegExp(`^(?:${all.join("")})$`, ignoreCase ? "i" : "");
  } catch {
    // RE2 accepts more, such as a repeated anchor.
    return undefined;
  }
}

/** A regex that matches only `text`. */
export const literal = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");

const TOKEN =
  /\\[pP](?:\{[^}]*\}|.)|\\x(?:\{[^}]*\}|[\dA-Fa-f]{2})|\\[0-7]{1,3}|\\.|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]|\((?:\?(?:P?<\w+>|[imsU-]*[:)]))?|[*+?]\??|\{\d+(?:,\d*)?\}\??|./gsu;
const tokens = (regex: string): string[] => regex.match(TOKEN) ?? [];

/** Literal text at the start of every match of `regex`; empty where it cannot be determined. */
export function regexStart(regex: string): string {
  const all = tokens(regex).slice(regex.startsWith("^") ? 1 : 0);
  if (regex.includes("\\Q") || hasAlternative(all)) return "";
  const end = all.findIndex((token) => !/^([^\\[(){}*+?.^$|]|\\[^\w])$/u.test(token));
  const start = end < 0 ? all : all.slice(0, end);
  // A quantifier applies to the last character, which is then not literal.
  const certain = end >= 0 && /^[*+?{]/.test(all[end] ?? "") ? start.slice(0, -1) : start;
  return certain.map((token) => token.replace(/^\\/, "")).join("");
}

/** Whether there is a "|" outside all groups. */
function hasAlternative(all: readonly string[]): boolean {
  let depth = 0;
  return all.some((token) => {
    if (token.startsWith("(") && !token.endsWith(")")) depth++;
    if (token === ")") depth--;
    return token === "|" && depth === 0;
  });
}

const WITHOUT: Readonly<Record<string, (character: string) => string>> = {
  ".": (c) => `[^${c}]`,
  "\\S": (c) => `[^${c}\\s]`,
  "\\D": (c) => `[^${c}\\d]`,
  "\\W": (c) => `[^${c}\\w]`,
};

/**
 * `regex` as a part of a larger one: without anchors at its ends, and so that it never matches `character`. Undefined where
 * that is not possible: with an anchor inside, or a class that names the character.
 */
export function embedded(regex: string, character: string): string | undefined {
  let all = tokens(regex);
  if (regex.includes("\\Q")) return undefined;
  if (!hasAlternative(all)) {
    if (all[0] === "^" && !/^[*+?{]/.test(all[1] ?? "")) all = all.slice(1);
    if (all.at(-1) === "$") all = all.slice(0, -1);
  }
  const parts = all.map((token) => {
    if (/^(\^|\$|\\[AzbBC]|\(\?[imsU-]+[:)])$/.test(token)) return undefined;
    if (Object.hasOwn(WITHOUT, token)) return WITHOUT[token]?.(character);
    if (token.startsWith("[^")) return `[^${character}${token.slice(2).replace(/^\]/, "\\]")}`;
    const atom = token.startsWith("[") || token.startsWith("\\") || token.length === 1;
    if (!atom || /^[()|*+?]$/.test(token)) return token;
    return wholeMatch(token)(character) ? undefined : token;
  });
  return parts.some((part) => part === undefined) ? undefined : `(?:${parts.join("")})`;
}
