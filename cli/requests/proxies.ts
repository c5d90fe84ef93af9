/** Which proxies decide about requests, and by what: from the objects of a side to the plans of the simulator. */
import type { EnvoyConfigPatch } from "../../components/istio/envoy-filter";
import type {
  SimulatedPlan,
  WrittenMatch,
  WrittenRequestAuthenticationSpec,
  WrittenScope,
  WrittenVirtualService,
} from "../../components/simulator";
import { hasLabels } from "../diff/istio-objects";
import { keyOf, type KubernetesObject, type Side } from "../side";
import { gatewayPods, workloadOf, type GatewayPod, type Labels } from "./gateway-pods";
import { meshSettings, textAt, textsAt, valueAt, type MeshSettings } from "./mesh-settings";
import { DecidingObjects } from "./deciding-objects";

/** A proxy, or those that decide alike. */
export interface DecidingProxy {
  /** `gateway istio-ingress/istio-ingressgateway`, `sidecars in namespace shop`. */
  readonly name: string;
  readonly plan: SimulatedPlan;
  /** What may decide otherwise and was not looked at, in words. */
  readonly notLookedAt: readonly string[];
}

/** Note of a side that does not show the settings of the mesh. */
export const MESH_DEFAULTS = "MeshConfig: Istio's defaults count";

/**
 * Those of every gateway, then those of the sidecars where a VirtualService is for them. `other`: the side that is compared; what
 * its rules tell apart are sidecars here, too.
 */
export function proxiesOf(side: Side, other: Side = side): DecidingProxy[] {
  const objects = new DecidingObjects(side, other);
  const mesh = meshSettings(side);
  const named = [...side.notShown, ...(mesh.shown ? [] : [MESH_DEFAULTS]), ...objects.ofGatewayApi()];
  return [
    ...gatewayPods(objects).map((pod) => gatewayProxy(pod, objects, mesh, named)),
    ...callers([...objects.virtualServices, ...new DecidingObjects(other).virtualServices]).map(
      ({ name, ...proxy }): DecidingProxy => ({
        name,
        plan: {
          virtualServices: objects.virtualServices,
          proxy,
          pathNormalization: mesh.pathNormalization,
        },
        notLookedAt: named,
      }),
    ),
  ];
}

function gatewayProxy(
  { name, namespace, labels, trustedProxies = 0, notLookedAt }: GatewayPod,
  objects: DecidingObjects,
  mesh: MeshSettings,
  named: readonly string[],
): DecidingProxy {
  const isFor = (one: { readonly metadata: { readonly namespace?: string } }): boolean =>
    inScope(one, valueAt(one, "spec") as WrittenScope, { namespace, labels, root: mesh.rootNamespace });
  const filters = objects.envoyFilters.filter(
    (one) =>
      [namespace, mesh.rootNamespace].includes(one.metadata.namespace ?? "default") &&
      hasLabels(labels, textsAt(one, "spec", "workloadSelector", "labels")),
  );
  const jwtRules = objects.authentications
    .filter(isFor)
    .flatMap((one) => (valueAt(one, "spec") as WrittenRequestAuthenticationSpec).jwtRules ?? []);
  const headersFrom = jwtRules.filter(
    (rule) => rule.outputPayloadToHeader !== undefined || rule.outputClaimToHeaders?.length,
  );
  const policies = objects.policies.filter(isFor);
  const plan: { -readonly [K in keyof SimulatedPlan]: SimulatedPlan[K] } = {
    virtualServices: objects.virtualServices,
    proxy: { namespace, labels, gateways: objects.gateways },
    pathNormalization: mesh.pathNormalization,
    trustedProxies: trustedProxies || mesh.trustedProxies,
    gatewayPatches: filters.flatMap(limitPatches),
  };
  if (policies.length > 0) plan.authorizationPolicies = policies;
  if (jwtRules.length > 0) plan.requestAuthentication = { jwtRules };
  return {
    name,
    plan,
    notLookedAt: [
      ...named,
      ...notLookedAt,
      ...filters.filter(hasForeignFilter).map((one) => `the filters of ${keyOf(one)}`),
      ...headersFrom.map(({ issuer }) => `headers from the tokens of ${issuer}`),
    ],
  };
}

/** Istio: WorkloadPolicyMatcher. A policy with a target is for a Gateway of the Gateway API, or for a waypoint. */
function inScope(
  { metadata }: { readonly metadata: { readonly namespace?: string } },
  { selector, targetRef, targetRefs }: WrittenScope,
  pod: { readonly namespace: string; readonly labels: Labels; readonly root: string },
): boolean {
  const own = metadata.namespace ?? "default";
  return (
    [pod.namespace, pod.root].includes(own) &&
    !targetRef &&
    !targetRefs?.length &&
    hasLabels(pod.labels, selector?.matchLabels ?? {})
  );
}

/** Those patches that mark a rule with a limit; others do not decide where a request goes. */
function limitPatches(filter: KubernetesObject): EnvoyConfigPatch[] {
  const patches = valueAt(filter, "spec", "configPatches");
  return (Array.isArray(patches) ? (patches as readonly EnvoyConfigPatch[]) : []).filter(
    (patch) =>
      valueAt(patch, "applyTo") === "HTTP_ROUTE" &&
      typeof valueAt(patch, "patch", "value", "metadata", "filter_metadata") === "object" &&
      typeof valueAt(patch, "match") === "object",
  );
}

/** Filters that neither refuse requests by themselves nor change where they go; limits are looked at by their patches. */
const HARMLESS = /^envoy\.filters\.http\.(cors|local_ratelimit|ratelimit|compressor|grpc_stats|grpc_web)$/;

function hasForeignFilter(filter: KubernetesObject): boolean {
  const patches = valueAt(filter, "spec", "configPatches");
  return (Array.isArray(patches) ? (patches as readonly unknown[]) : []).some((patch) => {
    const applied = textAt(patch, "applyTo");
    const name = textAt(patch, "patch", "value", "name") ?? "";
    return applied === "HTTP_FILTER" ? !HARMLESS.test(name) : applied === "VIRTUAL_HOST";
  });
}

/** The sidecars that a VirtualService may tell apart: by namespace and labels, and one that nothing is said of. */
function callers(
  services: readonly WrittenVirtualService[],
): { readonly name: string; readonly namespace: string; readonly labels: Labels }[] {
  const bound = services.filter(
    ({ spec }) => spec.hosts?.length && (!spec.gateways?.length || spec.gateways.includes("mesh")),
  );
  if (bound.length === 0) return [];
  const asked = bound.flatMap(({ spec }) => [
    ...(spec.http ?? []).flatMap(({ match }) => match ?? []),
    ...(spec.exportTo ?? [])
      .filter((name) => !/^[.*~]$/.test(name))
      .map((sourceNamespace): WrittenMatch => ({ sourceNamespace })),
  ]);
  const [any = "default"] = bound.map(({ metadata }) => metadata.namespace ?? "default").sort();
  const all = asked.map(({ sourceNamespace, sourceLabels }) => ({
    namespace: sourceNamespace || any,
    labels: sourceLabels ?? {},
  }));
  const named = [{ namespace: any, labels: {} }, ...all].map(({ namespace, labels }) => {
    const text = Object.entries(labels)
      .map((entry) => entry.join("="))
      .sort()
      .join(",");
    return { name: `sidecars in namespace ${namespace}${text && ` with ${text}`}`, namespace, labels };
  });
  return [...new Map(named.map((one) => [one.name, one])).values()];
}

/** A proxy on both sides; a side that does not have it has nothing there. */
export interface ProxyPair {
  readonly name: string;
  readonly before: DecidingProxy | undefined;
  readonly after: DecidingProxy | undefined;
}

/** By name; where each side has one gateway that the other has not, these two are one whose pods have changed. */
export function proxyPairs(before: Side, after: Side): ProxyPair[] {
  const [old, next] = [proxiesOf(before, after), proxiesOf(after, before)];
  const missing = (from: readonly DecidingProxy[], other: readonly DecidingProxy[]): DecidingProxy[] =>
    from.filter(({ name }) => name.startsWith("gateway") && !other.some((one) => one.name === name));
  const [gone, come] = [missing(old, next), missing(next, old)];
  // A workload that is still there is no other's former self: its Gateway was given to others.
  const stays = gone.some(({ name }) => after.objects.flatMap(workloadOf).some((pod) => pod.name === name));
  const renamed = gone.length === 1 && come.length === 1 && !stays ? gone[0] : undefined;
  return [
    ...next.map((one): ProxyPair => ({
      name: one.name,
      before: old.find(({ name }) => name === one.name) ?? (one === come[0] ? renamed : undefined),
      after: one,
    })),
    ...old
      .filter((one) => one !== renamed && !next.some(({ name }) => name === one.name))
      .map((one): ProxyPair => ({ name: one.name, before: one, after: undefined })),
  ];
}

const NOWHERE: SimulatedPlan = { virtualServices: [], proxy: { namespace: "default", gateways: [] } };

/** Before and after. On a side that does not have the proxy, nothing listens. */
export const plansOf = ({ before, after }: ProxyPair): readonly [SimulatedPlan, SimulatedPlan] => [
  before?.plan ?? NOWHERE,
  after?.plan ?? NOWHERE,
];
