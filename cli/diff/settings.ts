/** What changes beside where requests go: the fields of objects that decide about requests or carry them. */
import { isDeepStrictEqual } from "node:util";
import { keyOf, type KubernetesObject } from "../side";
import { compared } from "./compared";
import { fieldChanges, isObject } from "./fields";
import { byKey } from "./istio-objects";
import type { SettingChange } from "./report";

/** The kinds that decide about requests, the most important first. All others come after them. */
const ORDER = [
  ...["VirtualService", "AuthorizationPolicy", "RequestAuthentication", "PeerAuthentication", "EnvoyFilter"],
  ...["DestinationRule", "Gateway", "Deployment", "HorizontalPodAutoscaler", "Service", "Release"],
];
export const rank = (kind: string): number => (ORDER.indexOf(kind) + ORDER.length + 1) % (ORDER.length + 1);

/** Told field by field also where the whole object is new or gone. What else such a rule does, the rules say. */
const POLICIES = /^(AuthorizationPolicy|RequestAuthentication|PeerAuthentication|EnvoyFilter)$/;
const OF_POLICIES = /^(rules|limit|limit of .*|mtls.*|jwtRules.*)$/;

/** Where requests go is left out: see `ruleChanges`. An object that is made or deleted has fields only if it is a policy. */
export function settingChanges(
  before: readonly KubernetesObject[],
  after: readonly KubernetesObject[],
): SettingChange[] {
  const [earlier, later] = [byKey(before), byKey(after)];
  const all = [...after, ...before.filter((object) => !later.has(keyOf(object)))];
  return all
    .sort((a, b) => rank(a.kind) - rank(b.kind))
    .flatMap((object) => {
      const [old, now] = [earlier.get(keyOf(object)), later.get(keyOf(object))];
      const whole = old !== undefined && now !== undefined;
      if (isDeepStrictEqual(old, now) || (!whole && !POLICIES.test(object.kind))) return [];
      const fields = both(old ? compared(old) : {}, now ? compared(now) : {});
      return fieldChanges(...fields)
        .filter(({ field }) => whole || OF_POLICIES.test(field))
        .map((change) => ({ object: keyOf(object), ...change }));
    });
}

/** A rule that one side lacks has no fields there, so that its fields are told one by one. */
function both(...sides: [Record<string, unknown>, Record<string, unknown>]): typeof sides {
  const keys = sides.flatMap((side) =>
    Object.keys(side).filter((key) => key.startsWith("rule ") && isObject(side[key])),
  );
  const filled = (side: Record<string, unknown>): Record<string, unknown> => ({
    ...Object.fromEntries(keys.map((key) => [key, {}])),
    ...side,
  });
  return [filled(sides[0]), filled(sides[1])];
}
