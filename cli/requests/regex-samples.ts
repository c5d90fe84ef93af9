/** Texts that a regular expression matches, few and short: they try each alternative and each repetition. */
import { RegExpParser, type AST } from "@eslint-community/regexpp";
import { regexStart, wholeMatch } from "../../components/traffic/regex";

/** How many texts are tried, in each of two ways. */
const TRIES = 12;

/** One of `count`, from 0. */
type Pick = (count: number) => number;

/** The same everywhere, so that also the last choice of a long expression differs. */
const alike =
  (attempt: number): Pick =>
  (count) =>
    attempt % count;

/** Each choice with each of those before it. */
function combined(attempt: number): Pick {
  let rest = attempt;
  return (count) => {
    const picked = rest % count;
    rest = Math.floor(rest / count);
    return picked;
  };
}

/**
 * Deterministic. None where the expression is beyond what JavaScript and RE2 share and has no literal start that matches.
 */
export function regexSamples(regex: string): string[] {
  const matches = wholeMatch(regex);
  const isMatch = (text: string): boolean => {
    try {
      return matches(text);
    } catch {
      return false;
    }
  };
  return [...new Set([...generated(regex), regexStart(regex)])].filter(isMatch);
}

function generated(regex: string): string[] {
  // What RE2 writes differently.
  const source = regex
    .replace(/^\(\?[imsU]+\)/, "")
    .replaceAll("(?P<", "(?<")
    .replaceAll("\\A", "^")
    .replaceAll("\\z", "$")
    .replaceAll("[:alpha:]", "a-zA-Z")
    .replaceAll("[:digit:]", "0-9")
    .replaceAll("[:alnum:]", "a-zA-Z0-9");
  try {
    const { alternatives } = new RegExpParser().parsePattern(source);
    return Array.from({ length: TRIES }, (_, attempt) => [
      oneOf(alternatives, combined(attempt)),
      oneOf(alternatives, alike(attempt)),
    ]).flat();
  } catch {
    return [];
  }
}

function oneOf(alternatives: readonly AST.Alternative[], pick: Pick): string {
  const { elements = [] } = alternatives[pick(alternatives.length)] ?? {};
  return elements.map((element) => textOf(element, pick)).join("");
}

function textOf(element: AST.Element, pick: Pick): string {
  switch (element.type) {
    case "Character":
      return String.fromCodePoint(element.value);
    case "CharacterSet":
      return characterOf(element, pick);
    case "CharacterClass":
      return fromClass(element, pick);
    case "Group":
    case "CapturingGroup":
      return oneOf(element.alternatives, pick);
    case "Quantifier": {
      const times = Math.min(element.min + pick(2), element.max);
      return Array.from({ length: times }, () => textOf(element.element, pick)).join("");
    }
    default:
      return "";
  }
}

/** Common in paths and names, the most harmless first. */
const COMMON = ["a", "0", "-", ".", "_", "A", "7", "/", " ", "=", ";", "x", "~"];

function characterOf(set: AST.CharacterSet, pick: Pick): string {
  const fitting = COMMON.filter((one) => isIn(one, set));
  return fitting[pick(Math.max(fitting.length, 1))] ?? "x";
}

function fromClass({ negate, elements }: AST.CharacterClass, pick: Pick): string {
  if (negate) {
    const fitting = COMMON.filter((one) => !elements.some((element) => isIn(one, element)));
    return fitting[pick(Math.max(fitting.length, 1))] ?? "x";
  }
  const element = elements[pick(Math.max(elements.length, 1))];
  switch (element?.type) {
    case "Character":
      return String.fromCodePoint(element.value);
    case "CharacterClassRange":
      return String.fromCodePoint(pick(2) === 1 ? element.max.value : element.min.value);
    case "CharacterSet":
      return characterOf(element, pick);
    default:
      return "x";
  }
}

function isIn(
  character: string,
  element: AST.CharacterSet | AST.CharacterClass["elements"][number],
): boolean {
  const code = character.codePointAt(0) ?? 0;
  switch (element.type) {
    case "Character":
      return element.value === code;
    case "CharacterClassRange":
      return element.min.value <= code && code <= element.max.value;
    case "CharacterSet": {
      if (element.kind === "any") return true;
      const known = { digit: /\d/, space: /\s/, word: /\w/ }[element.kind as "digit"] as RegExp | undefined;
      return known !== undefined && known.test(character) !== ("negate" in element && element.negate);
    }
    default:
      return false;
  }
}
