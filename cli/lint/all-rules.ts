import type { Rule } from "./rule";
import { AUTHENTICATION_RULES } from "./rules/authentication";
import { AUTHORIZATION_RULES } from "./rules/authorization";
import { DESTINATION_RULE_RULES } from "./rules/destination-rules";
import { DESTINATION_RULES } from "./rules/destinations";
import { HTTP_RULES } from "./rules/http-rules";
import { OBJECT_RULES } from "./rules/every-object";
import { EXTENSION_RULES } from "./rules/extensions";
import { GATEWAY_RULES } from "./rules/gateways";
import { OUTSIDE_RULES } from "./rules/outside";
import { SERVICE_RULES } from "./rules/services";
import { VIRTUAL_SERVICE_RULES } from "./rules/virtual-services";
import { WORKLOAD_RULES } from "./rules/workloads";

/** The rules by subject, in the order of their codes. */
export const RULES_BY_SUBJECT: Readonly<Record<string, readonly Rule[]>> = {
  "Every object": OBJECT_RULES,
  VirtualServices: [...DESTINATION_RULES, ...VIRTUAL_SERVICE_RULES, ...HTTP_RULES],
  DestinationRules: DESTINATION_RULE_RULES,
  Gateways: GATEWAY_RULES,
  Authorization: AUTHORIZATION_RULES,
  Authentication: AUTHENTICATION_RULES,
  "Services and workloads": [...SERVICE_RULES, ...WORKLOAD_RULES],
  "ServiceEntries and Sidecars": OUTSIDE_RULES,
  "EnvoyFilters and Telemetries": EXTENSION_RULES,
};

export const ALL_RULES: readonly Rule[] = Object.values(RULES_BY_SUBJECT).flat();
