/** Texts that a regular expression matches, few and short: they try each alternative and each repetition. */
import { RegExpParser, type AST } from "@eslint-community/regexpp";
import { regexStart, wholeMatch } from "../../components/traffic/regex";

/** How many texts are tried. A choice of `n` takes the one at `try modulo n`. */
const TRIES = 12;

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
    return Array.from({ length: TRIES }, (_, choice) => oneOf(alternatives, choice));
  } catch {
    return [];
  }
}

function oneOf(alternatives: readonly AST.Alternative[], choice: number): string {
  const count = alternatives.length;
  const { elements = [] } = alternatives[choice % count] ?? {};
  // What stands inside is chosen by what is left, so that each alternative meets each choice in the others.
  return elements.map((element) => textOf(element, Math.floor(choice / count) + (choice % count))).join("");
}

function textOf(element: AST.Element, choice: number): string {
  switch (element.type) {
    case "Character":
      return String.fromCodePoint(element.value);
    case "CharacterSet":
      return characterOf(element, choice);
    case "CharacterClass":
      return fromClass(element, choice);
    case "Group":
    case "CapturingGroup":
      return oneOf(element.alternatives, choice);
    case "Quantifier": {
      const times = Math.min(element.min + (choice % 2), element.max);
      return Array.from({ length: times }, (_, i) => textOf(element.element, choice + i)).join("");
    }
    default:
      return "";
  }
}

/** Common in paths and names, the most harmless first. */
const COMMON = ["a", "0", "-", ".", "_", "A", "7", "/", " ", "=", ";", "x", "~"];

function characterOf(set: AST.CharacterSet, choice: number): string {
  const fitting = COMMON.filter((one) => isIn(one, set));
  return fitting[choice % Math.max(fitting.length, 1)] ?? "x";
}

function fromClass({ negate, elements }: AST.CharacterClass, choice: number): string {
  if (negate) {
    const fitting = COMMON.filter((one) => !elements.some((element) => isIn(one, element)));
    return fitting[choice % Math.max(fitting.length, 1)] ?? "x";
  }
  const element = elements[choice % Math.max(elements.length, 1)];
  switch (element?.type) {
    case "Character":
      return String.fromCodePoint(element.value);
    case "CharacterClassRange":
      return String.fromCodePoint(choice % 3 === 2 ? element.max.value : element.min.value);
    case "CharacterSet":
      return characterOf(element, choice);
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
