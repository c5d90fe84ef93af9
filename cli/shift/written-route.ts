/** A VirtualService as the cluster has it: its split, who wrote it, and what Pulumi would write. Pure. */
import { fineWeights, integerWeights, percentByWeight, type Shares } from "../../components/traffic/weights";
import { specWriters, UNNAMED } from "../../components/kubernetes/drift";
import { isSticky } from "../../components/traffic/sticky";

interface Destination {
  readonly host: string;
  readonly subset?: string;
}
interface Routed {
  readonly destination: Destination;
  readonly weight?: number;
  readonly headers?: unknown;
}
interface Rule {
  readonly name?: string;
  readonly route?: readonly Routed[];
}
interface Writer {
  readonly manager?: string;
  readonly operation?: string;
  readonly time?: string;
  readonly fieldsV1?: {
    readonly "f:spec"?: object;
    readonly "f:metadata"?: Readonly<Record<string, object>>;
  };
}
/** As the cluster has it. */
export interface VirtualServiceObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly labels?: Readonly<Record<string, string>>;
    readonly managedFields?: readonly Writer[];
  };
  readonly spec: { readonly http?: readonly Rule[] };
}

export const subsetOf = ({ destination }: Routed): string => destination.subset ?? destination.host;

/** The last rule that splits requests between `version` and others: those before it are for some requests only. */
export function splitOf({ spec }: VirtualServiceObject, version: string): readonly Routed[] | undefined {
  return spec.http
    ?.filter(({ route = [] }) => route.length > 1 && route.some((to) => subsetOf(to) === version))
    .at(-1)?.route;
}

/** Version → percent. */
export function liveShares(object: VirtualServiceObject, version: string): Shares {
  const route = splitOf(object, version) ?? [];
  const percents = percentByWeight(route);
  return Object.fromEntries(route.map((to, i) => [subsetOf(to), percents[i] ?? 0]));
}

/** Who wrote the rules last, in words. */
export function lastWriter({ metadata }: VirtualServiceObject): string {
  const [last] = specWriters(metadata).sort((a, b) => (b.at ?? 0) - (a.at ?? 0));
  return last?.words ?? UNNAMED;
}

/**
 * What Pulumi's field manager applies for these shares: all that it owns of the object, since fields that an apply leaves out are removed.
 * Pulumi then writes the same, so that there is neither a conflict nor drift.
 *
 * @returns undefined where no Pulumi applies the object (server-side), or the rule has no such destinations.
 */
export function appliedByPulumi(
  object: VirtualServiceObject,
  version: string,
  shares: Shares,
): { readonly manager: string; readonly object: object } | undefined {
  const { metadata, spec } = object;
  const owner = metadata.managedFields?.find(
    ({ manager = "", operation, fieldsV1 }) =>
      manager.startsWith("pulumi-kubernetes") && operation === "Apply" && fieldsV1?.["f:spec"] !== undefined,
  );
  const split = splitOf(object, version);
  if (owner?.manager === undefined || !split) return undefined;
  const known = split.map(subsetOf);
  if (known.length !== Object.keys(shares).length || !known.every((name) => name in shares)) return undefined;
  // Rules of one split are written with the same destinations.
  const same = JSON.stringify(split);
  const http = spec.http?.map((rule) => {
    if (rule.route === undefined || JSON.stringify(rule.route) !== same) return rule;
    // As planRoutes writes them.
    const weights = isSticky(rule.name) ? fineWeights(shares) : integerWeights(shares);
    return { ...rule, route: rule.route.map((to) => ({ ...to, weight: weights[subsetOf(to)] ?? 0 })) };
  });
  const owned = (field: "annotations" | "labels"): Record<string, string> => {
    const names = Object.keys(owner.fieldsV1?.["f:metadata"]?.[`f:${field}`] ?? {});
    return Object.fromEntries(
      Object.entries(metadata[field] ?? {}).filter(([name]) => names.includes(`f:${name}`)),
    );
  };
  return {
    manager: owner.manager,
    object: {
      ...identity(object),
      metadata: { ...identity(object).metadata, annotations: owned("annotations"), labels: owned("labels") },
      spec: { ...spec, http },
    },
  };
}

export const identity = ({ metadata: { name, namespace } }: VirtualServiceObject) => ({
  apiVersion: "networking.istio.io/v1",
  kind: "VirtualService",
  metadata: { name, namespace },
});
