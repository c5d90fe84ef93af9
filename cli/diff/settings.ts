/** What changes beside where requests go: the fields of objects that decide about requests or carry them. */
import { isDeepStrictEqual } from "node:util";
import { isObject, keyOf, type KubernetesObject } from "../side";
import { compared } from "./compared";
import { fieldChanges } from "./fields";
import { byKey } from "./istio-objects";
import type { SettingChange } from "./report";

/** The kinds that decide about requests, the most important first. All others come after them. */
const ORDER = [
  ...["VirtualService", "AuthorizationPolicy", "RequestAuthentication", "PeerAuthentication", "EnvoyFilter"],
  ...["DestinationRule", "Gateway", "Deployment", "HorizontalPodAutoscaler", "Service", "Release"],
];
export const rank = (kind: string): number => (ORDER.indexOf(kind) + ORDER.length + 1) % (ORDER.length + 1);

/** Told field by field also where the whole object is new or gone. What else a VirtualService does, the rules say. */
const TOLD_WHOLE =
  /^(AuthorizationPolicy|RequestAuthentication|PeerAuthentication|EnvoyFilter|DestinationRule|ServiceEntry|Sidecar|Telemetry)$/;
/** Of objects that are new or gone: what says where they are, and not what they do. */
const OF_PLACE =
  /^(labels|annotations|selector|workloadSelector|host|hosts|subsets(\[[^\]]*\])?(\.name|\.labels.*)?$)/;

/**
 * Where requests go is left out: see `ruleChanges`.
 *
 * @param services the VirtualServices of both sides that are one.
 */
export function settingChanges(
  before: readonly KubernetesObject[],
  after: readonly KubernetesObject[],
  services: readonly (readonly [KubernetesObject | undefined, KubernetesObject | undefined])[] = [],
): SettingChange[] {
  const renamed = new Map(
    services.flatMap(([old, now]) =>
      old && now && keyOf(old) !== keyOf(now) ? [[keyOf(now), old] as const] : [],
    ),
  );
  const taken = new Set([...renamed.values()].map(keyOf));
  const [earlier, later] = [byKey(before), byKey(after)];
  const all = [
    ...after,
    ...before.filter((object) => !later.has(keyOf(object)) && !taken.has(keyOf(object))),
  ];
  return all
    .sort((a, b) => rank(a.kind) - rank(b.kind))
    .flatMap((object) => {
      const key = keyOf(object);
      const [old, now] = [earlier.get(key) ?? renamed.get(key), later.get(key)];
      const whole = old !== undefined && now !== undefined;
      if (isDeepStrictEqual(old, now) || (!whole && !TOLD_WHOLE.test(object.kind))) return [];
      const fields = both(old ? compared(old) : {}, now ? compared(now) : {});
      const changes = fieldChanges(...fields);
      // The patches of a limit are long, and say no more than it does.
      const limited = changes.some(({ field }) => field.startsWith("limit"));
      return changes
        .filter(({ field }) => whole || !(OF_PLACE.test(field) || (limited && field === "configPatches")))
        .sort((a, b) => order(a.field) - order(b.field))
        .map((change) => ({ object: key, ...change }));
    });
}

/** What a policy does comes first. Labels seldom mean anything for requests, and charts change many of them at once. */
const order = (field: string): number =>
  /^(rules|limit|mtls|jwtRules)/.test(field) ? 0 : /^(labels|annotations)\b/.test(field) ? 2 : 1;

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
