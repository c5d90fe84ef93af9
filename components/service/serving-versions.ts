import { minimumReplicas } from "../kubernetes/scale";
import { versionsAsked } from "../traffic/traffic-rules";
import type { VersionArgs } from "./service-version";

export interface OrderedVersions {
  /** Versions that get requests: their pods are ready before the routes are written. */
  readonly serving: Readonly<Record<string, VersionArgs>>;
  /** The others: their pods change once no gateway sends to them (`addVersion` of VersionedService, after the routes). */
  readonly idle: readonly (readonly [string, VersionArgs])[];
  /** Version → lowest number of its pods. */
  readonly pods: Readonly<Record<string, number>>;
}

/** The versions of a service in the order in which an update has to change them. */
export function orderedVersions(
  versions: Readonly<Record<string, VersionArgs>>,
  traffic: Parameters<typeof versionsAsked>[0],
): OrderedVersions {
  const asked = versionsAsked(traffic);
  const all = Object.entries(versions);
  return {
    serving: Object.fromEntries(all.filter(([version]) => asked.has(version))),
    idle: all.filter(([version]) => !asked.has(version)),
    pods: Object.fromEntries(
      all.map(([version, { scale = { replicas: 1 } }]) => [version, minimumReplicas(scale)]),
    ),
  };
}
