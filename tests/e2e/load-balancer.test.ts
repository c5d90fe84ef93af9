import assert from "node:assert/strict";
import { baseline, Client, editStackFile, gatewayPods, must, readyPods, until, up } from "./lab";

interface EnvoyCluster {
  readonly lbPolicy?: string;
  readonly ringHashLbConfig?: { readonly minimumRingSize?: string };
  readonly maglevLbConfig?: { readonly tableSize?: string };
}
interface HashPolicy {
  readonly header?: { readonly headerName: string };
  readonly cookie?: { readonly name: string; readonly ttl?: string; readonly path?: string };
  readonly connectionProperties?: { readonly sourceIp: boolean };
  readonly queryParameter?: { readonly name: string };
}
interface EnvoyRouteConfig {
  readonly virtualHosts?: readonly {
    readonly routes?: readonly {
      readonly name?: string;
      readonly route?: { readonly hashPolicy?: readonly HashPolicy[] };
    }[];
  }[];
}
interface ClusterStatus {
  readonly cluster_statuses: readonly {
    readonly name: string;
    readonly host_statuses?: readonly {
      readonly address: { readonly socket_address?: { readonly address: string } };
      readonly stats: readonly { readonly name?: string; readonly value?: string }[];
    }[];
  }[];
}

const FQDN = "category.category.svc.cluster.local";

async function gatewayPod(): Promise<string> {
  const [pod] = await gatewayPods();
  assert.ok(pod, "a gateway pod is ready");
  return pod.metadata.name;
}

/** The cluster of v1 and the hash policy of its route, as the gateway's Envoy has them. */
async function live(): Promise<{ cluster: EnvoyCluster; hash: readonly HashPolicy[] }> {
  const target = `${await gatewayPod()}.istio-ingress`;
  const clusters = await must(
    "istioctl",
    "proxy-config",
    "cluster",
    target,
    "--fqdn",
    FQDN,
    "--subset",
    "v1",
    "-o",
    "json",
  );
  const routes = await must("istioctl", "proxy-config", "route", target, "-o", "json");
  const [cluster] = JSON.parse(clusters) as EnvoyCluster[];
  assert.ok(cluster, "the gateway has the cluster of v1");
  const route = (JSON.parse(routes) as EnvoyRouteConfig[])
    .flatMap((r) => r.virtualHosts ?? [])
    .flatMap((h) => h.routes ?? [])
    .find((r) => r.name === "category");
  return { cluster, hash: route?.route?.hashPolicy ?? [] };
}

/** Requests that the gateway has sent to each endpoint of v1 so far. */
async function sent(): Promise<Map<string, number>> {
  const body = await must(
    "kubectl",
    "-n",
    "istio-ingress",
    "exec",
    await gatewayPod(),
    "--",
    "pilot-agent",
    "request",
    "GET",
    "clusters?format=json",
  );
  const status = (JSON.parse(body) as ClusterStatus).cluster_statuses.find(
    (c) => c.name === `outbound|8080|v1|${FQDN}`,
  );
  return new Map(
    (status?.host_statuses ?? []).map((h) => [
      h.address.socket_address?.address ?? "",
      Number(h.stats.find((s) => s.name === "rq_total")?.value ?? 0),
    ]),
  );
}

/** Requests to each endpoint of v1 while `work` ran, without those that got none. */
async function sentDuring(work: () => Promise<unknown>): Promise<number[]> {
  const before = await sent();
  await work();
  const after = await sent();
  return [...after].map(([pod, n]) => n - (before.get(pod) ?? 0)).filter((n) => n > 0);
}

describe("load balancing", () => {
  let client: Client;
  const settings = async (loadBalancer: unknown) => {
    editStackFile((config) => {
      config["shopzier:loadBalancer"] = loadBalancer;
    });
    await up();
  };

  before(async () => {
    await baseline((config) => {
      const { v1 } = config["shopzier:category"].versions;
      assert.ok(v1);
      v1.replicas = 3;
      config["shopzier:traffic"] = { weights: { v1: 100, v2: 0 } };
    });
    await until(
      "three pods of v1 are ready",
      async () => (await readyPods("category", "version=v1")).length === 3,
    );
    client = await Client.open();
  });
  after(async () => {
    await client.close();
    await baseline();
  });

  for (const [setting, policy] of [
    ["ROUND_ROBIN", undefined],
    ["LEAST_REQUEST", "LEAST_REQUEST"],
    ["RANDOM", "RANDOM"],
    ["PASSTHROUGH", "CLUSTER_PROVIDED"],
  ] as const) {
    it(`${setting} is what the gateway's Envoy does`, async () => {
      await settings(setting);
      // Envoy's JSON leaves out its default, ROUND_ROBIN.
      await until(
        `lbPolicy ${policy ?? "ROUND_ROBIN"}`,
        async () => (await live()).cluster.lbPolicy === policy,
        10,
      );
      assert.deepEqual((await live()).hash, []);
    });
  }

  it("RANDOM spreads one client over the pods", async () => {
    await settings("RANDOM");
    await until("lbPolicy RANDOM", async () => (await live()).cluster.lbPolicy === "RANDOM", 10);
    const spread = await sentDuring(() =>
      client.sample(500, { headers: { "x-user": "ada", cookie: "shop=ada" } }),
    );
    assert.equal(spread.length, 3, String(spread));
    assert.equal(
      spread.reduce((a, b) => a + b, 0),
      500,
    );
  });

  for (const { name, hash, policy, request, table } of [
    {
      name: "a header",
      hash: { httpHeader: "x-user", ringHash: { minimumRingSize: 2048 } },
      policy: { header: { headerName: "x-user" } },
      request: { headers: { "x-user": "ada" } },
      table: { ringHashLbConfig: { minimumRingSize: "2048" } },
    },
    {
      name: "a cookie",
      hash: { httpCookie: { name: "shop", path: "/", ttl: "1h" } },
      policy: { cookie: { name: "shop", path: "/", ttl: "3600s" } },
      request: { headers: { cookie: "shop=ada" } },
      table: {},
    },
    {
      name: "the source address",
      hash: { sourceIp: true },
      policy: { connectionProperties: { sourceIp: true } },
      request: {},
      table: {},
    },
    {
      name: "a query parameter, by maglev",
      hash: { queryParameter: "user", maglev: { tableSize: 4099 } },
      policy: { queryParameter: { name: "user" } },
      request: { path: "/api/v1/category?user=ada" },
      table: { maglevLbConfig: { tableSize: "4099" } },
    },
  ]) {
    it(`consistent hash by ${name} keeps a client on one pod`, async () => {
      await settings({ consistentHash: hash });
      const kind = "maglev" in hash ? "MAGLEV" : "RING_HASH";
      await until(`lbPolicy ${kind}`, async () => (await live()).cluster.lbPolicy === kind, 10);
      const { cluster, hash: live_ } = await live();
      assert.deepEqual({ ...live_[0], terminal: undefined }, { ...policy, terminal: undefined });
      for (const [key, value] of Object.entries(table)) {
        assert.deepEqual((cluster as Record<string, unknown>)[key], value);
      }
      assert.deepEqual(await sentDuring(() => client.sample(500, request)), [500]);
    });
  }
});
