import type { Problem } from "../report/catalogue";
import { CATEGORY_CHECKS } from "./category-checks";
import type { Check, ReadSettings } from "./check";
import { EXISTING_CHECKS } from "./existing-checks";
import { GATEWAY_CHECKS } from "./gateway-checks";
import { OBSERVABILITY_CHECKS } from "./observability-checks";
import { POD_CHECKS } from "./pod-checks";
import { POLICY_CHECKS } from "./policy-checks";
import { PRODUCTION_CHECKS } from "./production-checks";
import { RULE_CHECKS } from "./rule-checks";
import { SECURITY_CHECKS } from "./security-checks";
import { TRACING_CHECKS } from "./tracing-checks";
import { VERSION_CHECKS } from "./version-checks";
import { VERSION_POLICY_CHECKS } from "./version-policy-checks";

export const CHECKS: readonly Check[] = [
  ...VERSION_CHECKS,
  ...POD_CHECKS,
  ...GATEWAY_CHECKS,
  ...CATEGORY_CHECKS,
  ...OBSERVABILITY_CHECKS,
  ...TRACING_CHECKS,
  ...RULE_CHECKS,
  ...POLICY_CHECKS,
  ...VERSION_POLICY_CHECKS,
  ...SECURITY_CHECKS,
  ...EXISTING_CHECKS,
  ...PRODUCTION_CHECKS,
];

/** The problems of all checks. A kind of problem is reported once at a path, even if several checks find it. */
export function checked(settings: ReadSettings): Problem[] {
  const found = new Map<string, Problem>();
  for (const problem of CHECKS.flatMap(({ find }) => [...find(settings)])) {
    const id = JSON.stringify([problem.name, problem.path]);
    if (!found.has(id)) found.set(id, problem);
  }
  return [...found.values()];
}
