/** How policies compare texts (Istio: pilot/pkg/security/authz/matcher). */
import { literal, wholeMatch } from "../traffic/regex";

export type TextTest = (value: string) => boolean;

/** Exact, or with "*" at one end; "*" alone is any text but an empty one (Istio: StringMatcher). */
export function textTest(pattern: string): TextTest {
  if (pattern === "*") return (value) => value !== "";
  if (pattern.startsWith("*")) {
    const end = pattern.slice(1);
    return (value) => value.endsWith(end);
  }
  if (pattern.endsWith("*")) {
    const start = pattern.slice(0, -1);
    return (value) => value.startsWith(start);
  }
  return (value) => value === pattern;
}

export function anyText(
  patterns: readonly string[],
  testOf: (pattern: string) => TextTest = textTest,
): TextTest {
  const tests = patterns.map(testOf);
  const [first] = tests;
  return tests.length === 1 && first ? first : (value) => tests.some((test) => test(value));
}

/** A path, or one in which "{*}" is one segment and "{**}" the rest (Istio: PathTemplateMatcher). */
export const pathTest = (pattern: string): TextTest =>
  /\{\*\*?\}/.test(pattern)
    ? wholeMatch(
        pattern
          .split(/(\{\*\*?\})/)
          .map((part) => (part === "{*}" ? "[^/]+" : part === "{**}" ? ".*" : literal(part)))
          .join(""),
      )
    : textTest(pattern);

/** Of an identity `<trust domain>/ns/<namespace>/sa/<account>`; every "*" is any text (Istio: srcNamespaceGenerator). */
export const namespaceTest = (pattern: string): TextTest =>
  wholeMatch(`.*/ns/${pattern.split("*").map(literal).join(".*")}/.*`);

/** Istio: serviceAccountRegex. */
export function serviceAccountTest(pattern: string, own: string): TextTest {
  const at = pattern.indexOf("/");
  const [namespace, account] = at < 0 ? [own, pattern] : [pattern.slice(0, at), pattern.slice(at + 1)];
  return wholeMatch(`.+/ns/${literal(namespace)}/(?:.+/|)sa/${literal(account)}(?:/.+)?`);
}

/** Istio: srcTrustDomainGenerator. */
export function trustDomainTest(pattern: string): TextTest {
  if (pattern === "*") return () => true;
  if (!pattern.includes("*")) return (value) => value.startsWith(`${pattern}/`);
  const [start = "", ...ends] = pattern.split("*");
  return wholeMatch(`${literal(start)}[^/]*${literal(ends.join("*"))}/.*`);
}

/** `<issuer>/<subject>`, parted at the last slash, with "*" at one end (Istio: requestPrincipalGenerator). */
export function tokenOwnerTest(pattern: string): (issuer: string, subject: string) => boolean {
  const at = pattern.lastIndexOf("/");
  const [first, last] = [pattern.startsWith("*"), pattern.endsWith("*")];
  const [issuer, subject] =
    at >= 0
      ? [pattern.slice(0, at), pattern.slice(at + 1)]
      : [first ? "*" : pattern, first ? pattern : last ? "*" : ""];
  const [ofIssuer, ofSubject] = [textTest(issuer), textTest(subject)];
  return (iss, sub) => ofIssuer(iss) && ofSubject(sub);
}
