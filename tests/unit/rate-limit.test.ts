import fc from "fast-check";
import assert from "node:assert/strict";
import type { EnvoyConfigPatch } from "../../components/istio/envoy-filter";
import {
  podRateLimit,
  rateLimitServiceEntry,
  type GlobalRateLimit,
  type RateLimit,
} from "../../components/traffic/rate-limit";
import { planRoutes, type RouteRequest } from "../../components/traffic/route-plan";
import { route } from "../../components/simulator/simulator";

const request: RouteRequest = {
  service: { name: "category", namespace: "shop", port: 8080 },
  hosts: ["shop.example.com", "shop.example.org"],
  gateways: ["istio-ingress/shop"],
  weights: { v1: "rest", v2: 10 },
  loadBalancer: "LEAST_REQUEST",
};
const global: GlobalRateLimit = {
  host: "limits.platform.svc.cluster.local",
  port: 8081,
  domain: "shop",
  timeoutMs: 100,
  failure: "closed",
};
const perSecond = (requests: number): RateLimit => ({ requests, perMs: 1000 });

interface HttpFilter {
  readonly name: string;
  readonly typed_config: Readonly<Record<string, unknown>>;
}
const patches = (more: Partial<RouteRequest>): readonly EnvoyConfigPatch[] =>
  planRoutes({ ...request, ...more }).gatewayPatches;
const filters = (of: readonly EnvoyConfigPatch[]): HttpFilter[] =>
  of.filter((p) => p.applyTo === "HTTP_FILTER").map((p) => p.patch.value as unknown as HttpFilter);
const filter = (of: readonly EnvoyConfigPatch[], name: string): HttpFilter["typed_config"] => {
  const found = filters(of).find((f) => f.name === `envoy.filters.http.${name}`);
  assert.ok(found, name);
  return found.typed_config;
};

/** Rule → retry-after, of the routes of one host. */
function marked(of: readonly EnvoyConfigPatch[], host: string): Record<string, unknown> {
  const routes = of.filter((p) => p.match.routeConfiguration?.vhost.domainName === host);
  return Object.fromEntries(
    routes.map(({ match, patch }): [string, unknown] => {
      const { metadata } = patch.value as {
        metadata: { filter_metadata: Record<string, { rule: string; "retry-after"?: string }> };
      };
      const of = metadata.filter_metadata["shopzier-mesh.shop.category"];
      assert.ok(of);
      assert.equal(of.rule, match.routeConfiguration?.vhost.route?.name);
      return [of.rule, of["retry-after"]];
    }),
  );
}

describe("rate limits", () => {
  it("create no patch of the gateway if there are none", () => {
    assert.deepEqual(patches({}), []);
    assert.deepEqual(patches({ rules: [{ name: "all", match: [{}], action: { to: "v2" } }] }), []);
  });

  it("have one bucket for each rule with requests to a version, for all its routes and hosts", () => {
    const of = patches({
      policies: { rateLimit: { requests: 100, perMs: 1000, burst: 20 } },
      rules: [
        {
          name: "two-paths",
          match: [{ path: { exact: "/a" } }, { path: { prefix: "/b" } }],
          action: { to: "v2" },
          policies: { rateLimit: { requests: 10, perMs: 60_000 } },
        },
        {
          name: "free",
          match: [{ path: { exact: "/c" } }],
          action: { to: "v1" },
          policies: { rateLimit: "none" },
        },
        { name: "moved", match: [{ path: { exact: "/d" } }], action: { redirect: { path: "/a" } } },
      ],
    });
    assert.deepEqual(filter(of, "local_ratelimit").descriptors, [
      {
        entries: [{ key: "rule", value: "two-paths" }],
        token_bucket: { max_tokens: 10, tokens_per_fill: 10, fill_interval: "60s" },
      },
      {
        entries: [{ key: "rule", value: "category" }],
        token_bucket: { max_tokens: 20, tokens_per_fill: 100, fill_interval: "1s" },
      },
    ]);
    for (const host of request.hosts) {
      assert.deepEqual(marked(of, host), { "two-paths": "6", category: "1" });
    }
  });

  it("apply to one service, even if another one on the same host has a rule of the same name", () => {
    const search = (path: string) => [
      { name: "search", match: [{ path: { exact: path } }], action: { to: "v1" } } as const,
    ];
    const own = { paths: [{ prefix: "/a" }], rules: search("/a"), policies: { rateLimit: perSecond(5) } };
    const other = { paths: [{ prefix: "/b" }], rules: search("/b") };
    const a = planRoutes({ ...request, ...own });
    const b = planRoutes({ ...request, ...other, service: { name: "stock", namespace: "shop", port: 8080 } });
    const limited = (path: string): unknown => {
      const asked = { method: "GET", scheme: "http", host: "shop.example.com", path } as const;
      const decision = route(asked, {
        virtualServices: [a.virtualService, b.virtualService],
        gatewayPatches: [...a.gatewayPatches, ...b.gatewayPatches],
      });
      return "limited" in decision && [decision.rule, decision.limited];
    };
    assert.deepEqual(limited("/a"), ["search", true]);
    assert.deepEqual(limited("/b"), ["search", false]);
    // The metadata that Istio writes into each route, by which the patch finds it.
    const config = "/apis/networking.istio.io/v1/namespaces/shop/virtual-service/category";
    const [action] = (filter(a.gatewayPatches, "local_ratelimit").rate_limits as { actions: object[] }[])[0]
      ?.actions as [{ extension: { typed_config: { text: string; skip_if_error: boolean } } }];
    assert.ok(action.extension.typed_config.text.includes(`'${config}'`));
    assert.equal(action.extension.typed_config.skip_if_error, true);
    assert.match(JSON.stringify(a.gatewayPatches), new RegExp(`local_rate_limited.*== '${config}'`));
  });

  it("come last, the local before the global, so that the service is asked only about requests that pass", () => {
    const of = patches({ policies: { rateLimit: perSecond(5) }, globalRateLimit: global });
    assert.deepEqual(
      filters(of).map((f) => f.name),
      ["envoy.filters.http.local_ratelimit", "envoy.filters.http.ratelimit"],
    );
    for (const { match, patch, applyTo } of of) {
      if (applyTo !== "HTTP_FILTER") continue;
      assert.equal(patch.operation, "INSERT_BEFORE");
      assert.equal(match.listener?.filterChain?.filter.subFilter?.name, "envoy.filters.http.router");
    }
  });

  it("send a client one set of headers, for one limit", () => {
    const of = patches({ policies: { rateLimit: perSecond(5) }, globalRateLimit: global });
    const header = "enable_x_ratelimit_headers";
    assert.equal(filter(of, "local_ratelimit")[header], undefined);
    assert.equal(filter(of, "ratelimit")[header], "DRAFT_VERSION_03");
    const local = patches({ policies: { rateLimit: perSecond(5) } });
    assert.equal(filter(local, "local_ratelimit")[header], "DRAFT_VERSION_03");
    const routes = of.filter((p) => p.applyTo === "HTTP_ROUTE");
    assert.ok(routes.length > 0);
    for (const { patch } of routes) {
      assert.deepEqual(patch.value.response_headers_to_remove, [
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
      ]);
    }
  });

  it("ask the service about every rule with requests to a version, with the configured descriptors", () => {
    for (const failure of ["open", "closed"] as const) {
      const of = patches({
        globalRateLimit: { ...global, failure, clients: ["clientAddress", { header: "x-user" }] },
        rules: [{ name: "beta", match: [{ path: { exact: "/b" } }], action: { to: "v2" } }],
      });
      assert.deepEqual(marked(of, "shop.example.com"), { beta: undefined, category: undefined });
      const config = filter(of, "ratelimit");
      assert.equal(config.failure_mode_deny, failure === "closed");
      assert.equal(config.domain, "shop");
      assert.equal(config.timeout, "0.1s");
      assert.deepEqual(
        (config.rate_limits as { actions: object[] }[]).map(({ actions }) =>
          actions.flatMap((a) => Object.keys(a)),
        ),
        [["extension"], ["extension", "remote_address"], ["extension", "request_headers"]],
      );
      assert.deepEqual(config.rate_limit_service, {
        grpc_service: {
          envoy_grpc: {
            cluster_name: "outbound|8081||limits.platform.svc.cluster.local",
            authority: "limits.platform.svc.cluster.local",
          },
        },
        transport_api_version: "V3",
      });
    }
  });

  it("need a ServiceEntry only for a service outside the cluster", () => {
    assert.equal(rateLimitServiceEntry(global), undefined);
    const entry = {
      location: "MESH_EXTERNAL",
      ports: [{ number: 8081, name: "grpc-8081", protocol: "GRPC" }],
      exportTo: ["."],
    };
    assert.deepEqual(rateLimitServiceEntry({ ...global, host: "limits.example.com" }), {
      ...entry,
      hosts: ["limits.example.com"],
      resolution: "DNS",
    });
    for (const [host, name] of [
      ["10.1.2.3", "ip-10-1-2-3-rate-limit.internal"],
      ["FD00::", "ip-fd00---rate-limit.internal"],
    ] as const) {
      const byAddress = { ...global, host };
      assert.deepEqual(rateLimitServiceEntry(byAddress), {
        ...entry,
        hosts: [name],
        resolution: "STATIC",
        endpoints: [{ address: host }],
      });
      const { rate_limit_service } = filter(patches({ globalRateLimit: byAddress }), "ratelimit");
      assert.match(JSON.stringify(rate_limit_service), new RegExp(`"outbound\\|8081\\|\\|${name}"`));
    }
  });

  it("of a version apply in its pods, on the port of the service", () => {
    const { workloadSelector, configPatches } = podRateLimit(
      { requests: 3, perMs: 60_000, burst: 9 },
      { app: "category", version: "v2" },
      8080,
    );
    assert.deepEqual(workloadSelector.labels, { app: "category", version: "v2" });
    assert.ok(
      configPatches.every(
        ({ match }) => match.context === "SIDECAR_INBOUND" && match.listener?.portNumber === 8080,
      ),
    );
    assert.deepEqual(filter(configPatches, "local_ratelimit").token_bucket, {
      max_tokens: 9,
      tokens_per_fill: 3,
      fill_interval: "60s",
    });
    assert.match(JSON.stringify(configPatches), /"retry-after","value":"20"/);
  });

  it("send `retry-after` with the first second that has a token", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.integer({ min: 1000, max: 86_400_000 }),
        (requests, perMs) => {
          const after = Number(
            marked(patches({ policies: { rateLimit: { requests, perMs } } }), "shop.example.com").category,
          );
          const tokens = (seconds: number): number => (seconds * 1000 * requests) / perMs;
          assert.ok(after >= 1 && tokens(after) >= 1 - 1e-9, `${after} s: ${tokens(after)} tokens`);
          assert.ok(after === 1 || tokens(after - 1) < 1);
        },
      ),
    );
  });
});
