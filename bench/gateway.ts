/**
 * The gateway's cost per request, with rules, tokens and limits. Each case is compared with an Envoy without Istio that has as many
 * routes and filters, on the same node, with the same upstream and the same client.
 */
import { createSign, generateKeyPairSync } from "node:crypto";
import { planAuthentication } from "../components/security/authentication";
import { planRoutes } from "../components/traffic/route-plan";
import type { RateLimit } from "../components/traffic/rate-limit";
import type { TrafficRule } from "../components/traffic/traffic-rules";
import { applyObjects, baseline, deleteObjects, kubectl } from "../lab/harness";
import type { Result } from "./measure";
import {
  HOST,
  imageOf,
  NAMESPACE,
  object,
  pod,
  podAddress,
  PORT,
  rate,
  shown,
  startUpstream,
} from "./upstream";

export const GATEWAYS = { namespace: "istio-ingress", labels: { istio: "ingressgateway" } };
const ISSUER = "https://id.lab.internal/";

interface Case {
  readonly name: string;
  readonly rules?: number;
  readonly rateLimit?: RateLimit;
  readonly jwt?: boolean;
}
const CASES: readonly Case[] = [
  { name: "no rules" },
  { name: "10 rules", rules: 10 },
  { name: "100 rules", rules: 100 },
  { name: "500 rules", rules: 500 },
  { name: "JWT", jwt: true },
  // More than a gateway can handle, so that only the cost of counting is measured.
  { name: "local rate limit", rateLimit: { requests: 1_000_000, perMs: 1000 } },
];

/** An RS256 key pair: the public key as a key set, and a token signed with the private key. */
function issuer(): { jwks: string; token: string } {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const jwks = JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "1", alg: "RS256" }] });
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const signed = [
    { alg: "RS256", kid: "1" },
    { iss: ISSUER, aud: "bench", sub: "bench", exp: now + 86_400 },
  ]
    .map(part)
    .join(".");
  const signature = createSign("RSA-SHA256").update(signed).sign(privateKey).toString("base64url");
  return { jwks, token: `${signed}.${signature}` };
}

/** Rules that do not match the measured request, and the weights, which apply to it. */
function plan({ rules = 0, rateLimit }: Case): ReturnType<typeof planRoutes> {
  return planRoutes({
    service: { name: "upstream", namespace: NAMESPACE, port: PORT },
    hosts: [HOST],
    gateways: [`${NAMESPACE}/bench`],
    weights: { v1: 100 },
    loadBalancer: "LEAST_REQUEST",
    rules: Array.from({ length: rules }, (_, i): TrafficRule => ({
      name: `rule-${i}`,
      match: [{ path: { exact: `/rule-${i}` }, headers: { "x-rule": { exact: `rule-${i}` } } }],
      action: { to: "v1" },
    })),
    policies: rateLimit ? { rateLimit } : {},
  });
}

/** Settings that a case adds to the gateway. */
export function istioObjects(of: Case, jwks = ""): object[] {
  const { virtualService, policy, subsets, gatewayPatches } = plan(of);
  const networking = "networking.istio.io/v1";
  const tokens = of.jwt
    ? planAuthentication(
        { jwt: [{ issuer: ISSUER, audiences: ["bench"], jwks }] },
        { matchLabels: GATEWAYS.labels },
      )
    : undefined;
  return [
    object(networking, "Gateway", "bench", {
      spec: {
        selector: GATEWAYS.labels,
        servers: [{ port: { number: 80, name: "http", protocol: "HTTP" }, hosts: [HOST] }],
      },
    }),
    object(networking, "VirtualService", "bench", { spec: virtualService }),
    object(networking, "DestinationRule", "upstream", { spec: policy }),
    object(networking, "DestinationRule", "upstream-v1", { spec: subsets.v1 }),
    ...(gatewayPatches.length === 0
      ? []
      : [
          object(
            "networking.istio.io/v1alpha3",
            "EnvoyFilter",
            "bench",
            { spec: { workloadSelector: { labels: GATEWAYS.labels }, configPatches: gatewayPatches } },
            GATEWAYS.namespace,
          ),
        ]),
    ...(tokens === undefined
      ? []
      : [
          object(
            "security.istio.io/v1",
            "RequestAuthentication",
            "bench",
            { spec: tokens.requestAuthentication },
            GATEWAYS.namespace,
          ),
          object(
            "security.istio.io/v1",
            "AuthorizationPolicy",
            "bench",
            { spec: tokens.required },
            GATEWAYS.namespace,
          ),
        ]),
  ];
}

/** Envoy's own configuration of the same size: a route for each rule, the same filters. */
function envoyConfig(of: Case, jwks: string, upstream: string): object {
  const { virtualService, gatewayPatches } = plan(of);
  const type = (name: string): string => `type.googleapis.com/envoy.extensions.filters.${name}`;
  const patched = (kind: string): Record<string, unknown>[] =>
    gatewayPatches.filter((p) => p.applyTo === kind).map((p) => p.patch.value);
  const [metadata] = patched("HTTP_ROUTE");
  const routes = virtualService.http.map((rule) => ({
    name: rule.name,
    match: {
      ...(rule.match?.[0]?.uri?.exact === undefined ? { prefix: "/" } : { path: rule.match[0].uri.exact }),
      headers: Object.entries(rule.match?.[0]?.headers ?? {}).map(([name, value]) => ({
        name,
        string_match: { exact: value.exact },
      })),
    },
    route: { cluster: "upstream" },
    ...metadata,
  }));
  const authentication = {
    name: "envoy.filters.http.jwt_authn",
    typed_config: {
      "@type": type("http.jwt_authn.v3.JwtAuthentication"),
      providers: { bench: { issuer: ISSUER, audiences: ["bench"], local_jwks: { inline_string: jwks } } },
      rules: [{ match: { prefix: "/" }, requires: { provider_name: "bench" } }],
    },
  };
  const manager = {
    "@type": type("network.http_connection_manager.v3.HttpConnectionManager"),
    stat_prefix: "bench",
    route_config: { virtual_hosts: [{ name: "bench", domains: [HOST], routes }] },
    http_filters: [
      ...(of.jwt ? [authentication] : []),
      ...patched("HTTP_FILTER"),
      { name: "envoy.filters.http.router", typed_config: { "@type": type("http.router.v3.Router") } },
    ],
  };
  const address = (host: string, port: number): object => ({
    address: { socket_address: { address: host, port_value: port } },
  });
  return {
    static_resources: {
      listeners: [
        {
          name: "bench",
          ...address("0.0.0.0", PORT),
          filter_chains: [
            { filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }] },
          ],
        },
      ],
      clusters: [
        {
          name: "upstream",
          lb_policy: "LEAST_REQUEST",
          load_assignment: {
            cluster_name: "upstream",
            endpoints: [{ lb_endpoints: [{ endpoint: address(upstream, PORT) }] }],
          },
        },
      ],
    },
  };
}

/** Requests per second and latency through the gateway, against plain Envoy. */
export async function gatewayRates(): Promise<Result[]> {
  const { jwks, token } = issuer();
  await baseline();
  try {
    const upstream = await startUpstream();
    const gateway = await podAddress(GATEWAYS.namespace, "istio=ingressgateway");
    const results: Result[] = [];
    for (const of of CASES) {
      const config = JSON.stringify(envoyConfig(of, jwks, upstream));
      await applyObjects(
        object("v1", "ConfigMap", "envoy", { data: { "envoy.json": config } }),
        pod("envoy", await imageOf("istio-proxy"), [
          "envoy",
          "-c",
          "/config/envoy.json",
          "--concurrency",
          "2",
        ]),
      );
      const envoy = await podAddress(NAMESPACE, "app=envoy");
      const ofIstio = istioObjects(of, jwks);
      await applyObjects(...ofIstio);
      const ours = await rate(gateway, token);
      const theirs = await rate(`${envoy}:${PORT}`, token);
      await deleteObjects(...ofIstio);
      await kubectl("delete", "pod", "envoy", "-n", NAMESPACE);
      results.push({
        name: `requests through the gateway, ${of.name}, against plain Envoy`,
        ours: shown(ours),
        against: shown(theirs),
        ratio: (ours.perSecond / theirs.perSecond).toFixed(2),
        target: "reported",
        met: undefined,
      });
    }
    return results;
  } finally {
    await kubectl(
      ...["delete", "envoyfilters,requestauthentications,authorizationpolicies", "-n", GATEWAYS.namespace],
      ...["-l", "shopzier-mesh/bench=true"],
    );
    await kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found");
  }
}
