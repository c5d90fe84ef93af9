/** Sides of a comparison with generated rules and guards: one gateway, one host. */
import fc from "fast-check";
import { planRoutes, type RouteRequest } from "../../components/traffic/route-plan";
import type { KubernetesObject, Side } from "../../cli/side";
import { guard, guardPolicies, requestAuthentication, SELECTOR, type Guard } from "./access-arbitraries";
import { routeRequest } from "./traffic-arbitraries";

export const HOST = "shop.example.com";
const INGRESS = "istio-ingress";

/** What one side has. */
export interface GeneratedSide {
  readonly routes: RouteRequest;
  readonly guard: Guard | undefined;
}

const object = (
  apiVersion: string,
  kind: string,
  [namespace, name]: readonly [string, string],
  fields: object,
): KubernetesObject => ({ apiVersion, kind, metadata: { name, namespace }, ...fields });

export function sideOf(title: string, { routes, guard: guarded }: GeneratedSide): Side {
  const selector = SELECTOR.matchLabels;
  const config = JSON.stringify({
    gatewayTopology: { numTrustedProxies: guarded?.trustedProxies ?? 0 },
  });
  const policies = guarded ? guardPolicies("guard", [HOST], guarded) : [];
  return {
    title,
    notShown: [],
    objects: [
      object("v1", "ConfigMap", ["istio-system", "istio"], {
        data: { mesh: "pathNormalization:\n  normalization: DECODE_AND_MERGE_SLASHES\n" },
      }),
      object("apps/v1", "Deployment", [INGRESS, "gateway"], {
        spec: {
          template: { metadata: { labels: selector, annotations: { "proxy.istio.io/config": config } } },
        },
      }),
      object("networking.istio.io/v1", "Gateway", ["agreement", "agreement"], {
        spec: {
          selector,
          servers: [{ port: { number: 80, name: "http", protocol: "HTTP" }, hosts: [HOST, `*.${HOST}`] }],
        },
      }),
      object("networking.istio.io/v1", "VirtualService", ["agreement", "category"], {
        spec: planRoutes(routes).virtualService,
      }),
      object("security.istio.io/v1", "RequestAuthentication", [INGRESS, "tokens"], {
        spec: requestAuthentication([]),
      }),
      ...policies.map(({ metadata, spec }) =>
        object("security.istio.io/v1", "AuthorizationPolicy", [INGRESS, metadata.name], { spec }),
      ),
    ],
  };
}

const side: fc.Arbitrary<GeneratedSide> = fc.record({
  routes: routeRequest(HOST),
  guard: fc.option(guard, { nil: undefined, freq: 2 }),
});

/** One change of what a reviewer sees every day. */
const edited = (one: GeneratedSide): fc.Arbitrary<GeneratedSide> => {
  const { routes } = one;
  const rules = routes.rules ?? [];
  const withRules = (changed: typeof rules): GeneratedSide => ({
    ...one,
    routes: { ...routes, rules: changed },
  });
  const at = fc.nat(Math.max(rules.length - 1, 0));
  return fc.oneof(
    fc.constant<GeneratedSide>({ ...one, routes: { ...routes, weights: { v1: "rest", v2: 33 } } }),
    at.map((i) => withRules(rules.filter((_, j) => j !== i))),
    at.map((i) => withRules([...rules.slice(i), ...rules.slice(0, i)])),
    at.map((i) =>
      withRules(
        rules
          .map((rule, j) => (i === j ? { ...rule, match: rule.match.slice(1) } : rule))
          .filter(({ match }) => match.length > 0),
      ),
    ),
    at.map((i) =>
      withRules(
        rules.map((rule, j) => {
          const [first, ...others] = rule.match;
          const kept = Object.fromEntries(Object.entries(first ?? {}).slice(1));
          return i === j && Object.keys(kept).length > 0 ? { ...rule, match: [kept, ...others] } : rule;
        }),
      ),
    ),
    fc.option(guard, { nil: undefined }).map((other) => ({ ...one, guard: other })),
    fc.constant<GeneratedSide>({ ...one, guard: undefined }),
  );
};

/** Two sides: an edit of one, or two that have nothing to do with each other. */
export const sides: fc.Arbitrary<readonly [Side, Side]> = fc
  .oneof(
    { weight: 2, arbitrary: side.chain((one) => fc.tuple(fc.constant(one), edited(one))) },
    fc.tuple(side, side),
  )
  .map(([before, after]) => [sideOf("before", before), sideOf("after", after)] as const);
