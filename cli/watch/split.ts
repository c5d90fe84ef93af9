/** The split of a VirtualService: its rule that sends requests to versions by weight. Pure. */
import type { ObservedService } from "../../components/observability/queries";
import type { Shares } from "../../components/traffic/weights";
import { percentByWeight } from "../../components/traffic/weights";
import { ofKind, type WithSpec } from "../diff/istio-objects";
import { qualifiedName, type KubernetesObject } from "../side";
import { SourceError } from "../sources/source-error";

export type VirtualService = ReturnType<typeof ofKind<"VirtualService">>[number];

export interface Split {
  readonly namespace: string;
  readonly name: string;
  readonly rule: string;
  /** Version → percent. */
  readonly shares: Shares;
  /** The service whose versions they are. Its port is 0 where the route names none. */
  readonly service: ObservedService;
  /** Gateways as `namespace/name`. */
  readonly gateways: readonly string[];
  /** Why the measured shares are not those of the rule alone; undefined where they are. */
  readonly otherRequests: string | undefined;
}

/** Undefined where no rule has versions of one service in the cluster. */
export function splitOf(object: VirtualService): Split | undefined {
  const { metadata, spec } = object;
  const { namespace = "" } = metadata;
  const rules = (spec.http ?? []).map((rule, index) => ({
    rule,
    name: rule.name ?? String(index),
    versions: (rule.route ?? []).filter(({ destination }) => destination.subset !== undefined),
  }));
  // Rules before the last are for some requests only.
  const last = rules.filter(({ versions }) => versions.length > 0).at(-1);
  const [first] = last?.versions ?? [];
  if (!last || !first) return undefined;
  const [service = "", of = namespace] = first.destination.host.split(".");
  const percents = percentByWeight(last.rule.route ?? []);
  const named = (last.rule.route ?? []).map(({ destination }, i): [string, number] => [
    destination.subset ?? destination.host,
    percents[i] ?? 0,
  ]);
  const others = rules.filter(({ versions }) => versions.length > 0).length > 1;
  const mirrored = rules.some(({ rule }) => (rule.mirrors ?? []).length > 0);
  return {
    namespace,
    name: metadata.name,
    rule: last.name,
    shares: Object.fromEntries(named),
    service: {
      name: service,
      namespace: of,
      port: first.destination.port?.number ?? 0,
      versions: named.map(([version]) => version),
    },
    gateways: (spec.gateways ?? ["mesh"])
      .filter((gateway) => gateway !== "mesh")
      .map((gateway) => (gateway.includes("/") ? gateway : `${namespace}/${gateway}`)),
    otherRequests: others
      ? "other rules send requests to versions, too"
      : mirrored
        ? "requests are mirrored to versions, too"
        : undefined,
  };
}

/**
 * The VirtualService that is meant.
 *
 * @param name `namespace/name`, or a name that only one namespace has. Default: the only one with a split.
 * @throws SourceError where there is none, or more than one.
 */
export function chosenRoute(
  objects: readonly KubernetesObject[],
  name: string | undefined,
): { readonly object: WithSpec<VirtualService["spec"]>; readonly split: Split } {
  const all = ofKind(objects, "VirtualService").flatMap((object) => {
    const split = splitOf(object);
    return split ? [{ object, split }] : [];
  });
  const named = all.filter(
    ({ object }) => name === undefined || [qualifiedName(object), object.metadata.name].includes(name),
  );
  const [found, ...more] = named;
  if (found && more.length === 0) return found;
  const there = all.map(({ object }) => qualifiedName(object)).join(", ");
  throw new SourceError(
    `VirtualService: found ${name ?? (all.length === 0 ? "none with versions" : "more than one with versions")}\n` +
      `  allowed: ${there === "" ? "one with a rule that sends requests to subsets" : `one of ${there}`}`,
  );
}
