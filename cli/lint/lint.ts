/** Rules over the objects of a side. */
import { LEVELS } from "../diff/report";
import { keyOf, type KubernetesObject, type Side } from "../side";
import { ALL_RULES } from "./all-rules";
import { Mesh } from "./mesh";
import type { Finding, Rule } from "./rule";

export interface LintOptions {
  /** Codes of rules, or of `istioctl analyze` or Kiali for all rules that find the same. Default: none. */
  readonly ignore?: readonly string[];
}

export interface LintResult {
  /** The heaviest first; of one level in the order of the codes. */
  readonly findings: readonly Finding[];
  /** What the objects of the side cannot tell, in words. */
  readonly notLookedAt: readonly string[];
}

/** On an object: codes of findings that are meant, with commas between them; `*` for all. */
export const IGNORE_ANNOTATION = "shopzier-mesh/lint-ignore";
/** The same, of `istioctl analyze`. */
const ISTIO_ANNOTATION = "galley.istio.io/analyze-suppress";

export function lint(side: Side, { ignore = [] }: LintOptions = {}): LintResult {
  const mesh = new Mesh(side);
  const findings = ALL_RULES.filter((rule) => !isIn(ignore, rule)).flatMap((rule) =>
    [...rule.check(mesh)]
      .filter(({ object }) => !isIn(ignored(object), rule))
      .map(({ object, field, message }): Finding => ({
        code: rule.code,
        level: rule.level,
        object: keyOf(object),
        field,
        message,
        fix: rule.fix,
      })),
  );
  return {
    findings: findings.sort((a, b) => LEVELS.indexOf(b.level) - LEVELS.indexOf(a.level)),
    notLookedAt: [...side.notShown, ...mesh.notLookedAt],
  };
}

const isIn = (codes: readonly string[], { code, like }: Rule): boolean =>
  [code, ...like].some((one) => codes.includes(one));

function ignored({ metadata: { annotations = {} } }: KubernetesObject): string[] {
  const codes = [IGNORE_ANNOTATION, ISTIO_ANNOTATION].flatMap((name) =>
    (annotations[name] ?? "").split(",").map((code) => code.trim()),
  );
  return codes.includes("*") ? ALL_RULES.map(({ code }) => code) : codes;
}
