import assert from "node:assert/strict";
import { endpoints, liveCluster } from "./gateway-envoy";
import {
  assertCount,
  baseline,
  Client,
  editStackFile,
  failures,
  gatewayPods,
  kubectl,
  must,
  readyPods,
  until,
  up,
} from "./lab";

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
/** The cluster of v1 and the hash policy of its route, as the gateway's Envoy has them. */
async function live(): Promise<{ cluster: EnvoyCluster; hash: readonly HashPolicy[] }> {
  const [pod] = await gatewayPods();
  assert.ok(pod, "a gateway pod is ready");
  const cluster = await liveCluster("v1");
  const routes = await must(
    ...["istioctl", "proxy-config", "route", `${pod.metadata.name}.istio-ingress`, "-o", "json"],
  );
  const route = (JSON.parse(routes) as EnvoyRouteConfig[])
    .flatMap((r) => r.virtualHosts ?? [])
    .flatMap((h) => h.routes ?? [])
    .find((r) => r.name === "category");
  return { cluster, hash: route?.route?.hashPolicy ?? [] };
}

/** Requests to each endpoint of v1 while `work` ran, without those that got none. */
async function sentDuring(work: () => Promise<unknown>): Promise<number[]> {
  const before = new Map((await endpoints("v1")).map((e) => [e.address, e.requests]));
  await work();
  return (await endpoints("v1"))
    .map(({ address, requests }) => requests - (before.get(address) ?? 0))
    .filter((n) => n > 0);
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
    // A pod that stays would be far from the gateway's: with outlier detection it gets nothing while others are healthy.
    await kubectl("-n", "category", "label", "pod", "-l", "version=v1", "istio-locality-");
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

  it("warms up, compares more pods and prefers places as asked, each version by itself", async () => {
    const [one, two, three] = await readyPods("category", "version=v1");
    assert.ok(one && two && three);
    const place = (pod: typeof one, locality: string) =>
      kubectl(
        "-n",
        "category",
        "label",
        "--overwrite",
        "pod",
        pod.metadata.name,
        `istio-locality=${locality}`,
      );
    await place(one, "eu.a");
    await place(two, "eu.b");
    await place(three, "us.a");
    editStackFile((config) => {
      config["shopzier:loadBalancer"] = {
        choiceCount: 5,
        warmup: { duration: "60s", aggression: 0.5, minimumPercent: 20 },
        locality: { distribute: { "*": { "eu/a": 80, "eu/b": 20 } } },
      };
      config["shopzier:traffic"] = {
        weights: { v1: 100, v2: 0 },
        versions: {
          v2: { loadBalancer: { algorithm: "ROUND_ROBIN", warmup: { duration: "30s" }, locality: "none" } },
        },
      };
    });
    await up();
    await until(
      "the choice count",
      async () => JSON.stringify(await liveCluster("v1")).includes('"choiceCount":5'),
      10,
    );
    const [v1, v2] = [await liveCluster("v1"), await liveCluster("v2")];
    assert.equal(v1.lbPolicy, "LEAST_REQUEST");
    assert.deepEqual(v1.leastRequestLbConfig, {
      choiceCount: 5,
      slowStartConfig: {
        slowStartWindow: "60s",
        aggression: { defaultValue: 0.5, runtimeKey: "(" },
        minWeightPercent: { value: 20 },
      },
    });
    assert.ok(JSON.stringify(v1.commonLbConfig).includes("localityWeightedLbConfig"));
    // Envoy's JSON leaves out its default, ROUND_ROBIN.
    assert.equal(v2.lbPolicy, undefined);
    assert.deepEqual(v2.roundRobinLbConfig, {
      slowStartConfig: {
        slowStartWindow: "30s",
        aggression: { defaultValue: 1, runtimeKey: "(" },
        minWeightPercent: { value: 10 },
      },
    });
    assert.ok(!JSON.stringify(v2.commonLbConfig ?? {}).includes("localityWeightedLbConfig"));

    const count = async (address: string | undefined) =>
      (await endpoints("v1")).find((e) => e.address === address)?.requests ?? 0;
    const ips = [one, two, three].map(({ status }) => status.podIP);
    await until("pods elsewhere are no endpoints", async () => (await endpoints("v1")).length === 2, 20);
    const before = await Promise.all(ips.map(count));
    assert.deepEqual(failures(await client.sample(1000)), {});
    const after = await Promise.all(ips.map(count));
    const [near, far] = after.map((n, i) => n - (before[i] ?? 0));
    assertCount("eu/a", near ?? 0, 1000, 80);
    assertCount("eu/b", far ?? 0, 1000, 20);
  });
});
