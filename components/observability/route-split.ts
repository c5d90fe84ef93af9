/** The split of a VirtualService: its rule that sends requests to versions by weight. Pure. */
import type { HttpRoute } from "../istio/virtual-service";
import { plainName } from "../traffic/sticky";
import { percentByWeight, type Shares } from "../traffic/weights";
import type { ObservedService } from "./queries";

/** The part of a VirtualService of any author that is read. */
export interface RoutedObject {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: {
    readonly gateways?: readonly string[];
    readonly http?: readonly Pick<HttpRoute, "name" | "route" | "mirrors">[];
  };
}

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
export function splitOf(object: RoutedObject): Split | undefined {
  const { metadata, spec } = object;
  const { namespace = "" } = metadata;
  const rules = (spec.http ?? []).map((rule, index) => ({
    rule,
    name: rule.name === undefined ? String(index) : plainName(rule.name),
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

/** Who is compared with whom: all that get requests with the one that gets most; a version that gets all of them with its objective. */
export function rolesOf(shares: Shares): {
  readonly baseline?: string;
  readonly candidates: readonly string[];
} {
  const serving = Object.keys(shares).filter((version) => (shares[version] ?? 0) > 0);
  const [most, ...others] = [...serving].sort((a, b) => (shares[b] ?? 0) - (shares[a] ?? 0));
  return most === undefined || others.length === 0
    ? { candidates: serving }
    : { baseline: most, candidates: others };
}

/**
 * Whether two splits send requests alike, to a hundredth of a percent: Istio rounds shares to integers as weights, which Envoy has as
 * ratios. A version that one of them does not have counts as 0 there.
 */
export const sameSplit = (a: Shares, b: Shares): boolean =>
  [...new Set([...Object.keys(a), ...Object.keys(b)])].every(
    (version) => Math.abs((a[version] ?? 0) - (b[version] ?? 0)) < 0.005,
  );
