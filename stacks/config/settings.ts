import { effectivePolicies, type TrafficRule } from "../../components/traffic/traffic-rules";
import { effectiveShares } from "../../components/traffic/weights";
import { warningsOf } from "./checks/warnings";
import { readConfiguration } from "./read";
import type { Configuration } from "./schema/configuration";
import { observabilitySettings } from "./schema/observability-args";
import { rulePolicies } from "./schema/policies-settings";
import { trafficRuleOf } from "./schema/rule-settings";
import { securitySettings } from "./schema/security-args";

export { SettingsError, type Reported } from "./report/report";

/** The checked configuration of a stack with all defaults, deeply frozen. Times are numbers in the unit of their field's name. */
export type Settings = DeepReadonly<Omit<Made, ComponentArgs>> & Readonly<Pick<Made, ComponentArgs>>;
type Made = ReturnType<typeof settingsOf>;
/** Settings whose types are those of components. */
type ComponentArgs = "observability" | "security";

export type CategorySettings = Settings["category"];
export type VersionSettings = CategorySettings["versions"][string];

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/**
 * The settings of a stack.
 *
 * @param config key without namespace → value as Pulumi gives it: text, or the object of a JSON text.
 * @param stack name of the stack, for the commands in the report.
 * @param file text of the stack file, to find values that Pulumi gives in another form; empty if there is no file.
 * @throws SettingsError with all problems.
 */
export const parseSettings = (
  config: Readonly<Record<string, unknown>>,
  stack: string,
  file?: string,
): Settings => deepFreeze(settingsOf(readConfiguration(config, stack, file)));

function settingsOf(c: Configuration) {
  const { weights, maxStep, rules, circuitBreaker, globalRateLimit, sticky, versions = {} } = c.traffic;
  const { tls, ...gateway } = c.gateway;
  return {
    ...c,
    gateway: { ...gateway, ...(tls && { tls: { redirect: gateway.http, ...tls } }) },
    /** Arguments of CategoryApi. */
    traffic: {
      /** Version → percent. Only this function computes the value of "rest". */
      weights: effectiveShares(weights),
      maxStep,
      policies: effectivePolicies({}, rulePolicies(c.traffic)),
      rules: rules.map((rule) => withShares(trafficRuleOf(rule))),
      circuitBreaker,
      globalRateLimit,
      sticky,
      versions,
    },
    observability: observabilitySettings(c.observability),
    security: securitySettings(c.security),
    /** Messages for the user, which do not stop an update. */
    warnings: warningsOf(c),
  };
}

const withShares = (rule: TrafficRule): TrafficRule =>
  "weights" in rule.action ? { ...rule, action: { weights: effectiveShares(rule.action.weights) } } : rule;

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
