import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { resetConnections } from "../support/faults";
import { endpoints, liveCluster } from "../support/gateway-envoy";
import { assertCount, assertSplit, Client, failures } from "../../lab/client";
import {
  editStackFile,
  gatewayPods,
  kubectl,
  must,
  readyPods,
  stackFile,
  until,
  up,
} from "../../lab/harness";

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
/** Who asks v2 alone; all others ask v1. */
const trial = { "x-trial": "v2" };
/** Names of the routes that lead to one version alone. */
const ROUTES = { v1: "category", v2: "trial" };
type Version = keyof typeof ROUTES;

/** The cluster of a version and the hash policy of its route, as the gateway's Envoy has them. */
async function live(version: Version): Promise<{ cluster: EnvoyCluster; hash: readonly HashPolicy[] }> {
  const [pod] = await gatewayPods();
  assert.ok(pod, "a gateway pod is ready");
  const cluster = await liveCluster(version);
  const routes = await must(
    ...["istioctl", "proxy-config", "route", `${pod.metadata.name}.istio-ingress`, "-o", "json"],
  );
  const route = (JSON.parse(routes) as EnvoyRouteConfig[])
    .flatMap((r) => r.virtualHosts ?? [])
    .flatMap((h) => h.routes ?? [])
    .find((r) => r.name === ROUTES[version]);
  return { cluster, hash: route?.route?.hashPolicy ?? [] };
}

/** Requests to each endpoint of a version, by address, while `work` ran; without those that got none. */
async function sentDuring(version: string, work: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = new Map((await endpoints(version)).map((e) => [e.address, e.requests]));
  await work();
  return Object.fromEntries(
    (await endpoints(version))
      .map(({ address, requests }) => [address, requests - (before.get(address) ?? 0)] as const)
      .filter(([, n]) => n > 0),
  );
}

type Pod = Awaited<ReturnType<typeof readyPods>>[number];
const addressOf = ({ metadata, status }: Pod): string => {
  assert.ok(status.podIP !== undefined, `${metadata.name} has an address`);
  return status.podIP;
};

describe("load balancing", () => {
  let client: Client;
  /** v1 has what holds for all versions, v2 its own. */
  const settings = async (loadBalancer: unknown, own: unknown) => {
    editStackFile((config) => {
      config["shopzier:loadBalancer"] = loadBalancer;
      config["shopzier:traffic"] = {
        weights: { v1: 100, v2: 0 },
        versions: { v2: { loadBalancer: own } },
        rules: [{ name: "trial", match: { headers: { "x-trial": { exact: "v2" } } }, to: "v2" }],
      };
    });
    await up();
  };

  before(async () => {
    stackFile((config) => {
      const { v1, v2 } = config["shopzier:category"].versions;
      assert.ok(v1 && v2);
      Object.assign(v1, { replicas: 3 });
      Object.assign(v2, { replicas: 2 });
    });
    await settings("ROUND_ROBIN", "LEAST_REQUEST");
    for (const [version, count] of [
      ["v1", 3],
      ["v2", 2],
    ] as const)
      await until(
        `${count} pods of ${version} are ready`,
        async () => (await readyPods("category", `version=${version}`)).length === count,
      );
    client = await Client.open();
  });
  after(() => client.close());

  /** Envoy's JSON leaves out its default, ROUND_ROBIN. */
  const becomes = async (version: Version, policy: string | undefined): Promise<void> => {
    await until(
      `lbPolicy ${policy ?? "ROUND_ROBIN"} of ${version}`,
      async () => (await live(version)).cluster.lbPolicy === policy,
      10,
    );
    assert.deepEqual((await live(version)).hash, []);
  };

  it("ROUND_ROBIN, and for one version LEAST_REQUEST, is what the gateway's Envoy does", async () => {
    await becomes("v1", undefined);
    await becomes("v2", "LEAST_REQUEST");
  });

  it("RANDOM, and for one version PASSTHROUGH, is what the gateway's Envoy does", async () => {
    await settings("RANDOM", "PASSTHROUGH");
    await becomes("v1", "RANDOM");
    await becomes("v2", "CLUSTER_PROVIDED");
  });

  it("RANDOM spreads one client over the pods", async () => {
    const spread = Object.values(
      await sentDuring("v1", () => client.sample(500, { headers: { "x-user": "ada", cookie: "shop=ada" } })),
    );
    assert.equal(spread.length, 3, String(spread));
    assert.equal(
      spread.reduce((a, b) => a + b, 0),
      500,
    );
  });

  const header = {
    name: "a header",
    hash: { httpHeader: "x-user", ringHash: { minimumRingSize: 2048 } },
    policy: { header: { headerName: "x-user" } },
    request: { headers: { "x-user": "ada" } },
    table: { ringHashLbConfig: { minimumRingSize: "2048" } },
  };
  const cookie = {
    name: "a cookie",
    hash: { httpCookie: { name: "shop", path: "/", ttl: "1h" } },
    policy: { cookie: { name: "shop", path: "/", ttl: "3600s" } },
    request: { headers: { cookie: "shop=ada" } },
    table: {},
  };
  const address = {
    name: "the source address",
    hash: { sourceIp: true },
    policy: { connectionProperties: { sourceIp: true } },
    request: {},
    table: {},
  };
  const query = {
    name: "a query parameter, by maglev",
    hash: { queryParameter: "user", maglev: { tableSize: 4099 } },
    policy: { queryParameter: { name: "user" } },
    request: { path: "/api/v1/category?user=ada" },
    table: { maglevLbConfig: { tableSize: "4099" } },
  };
  for (const [all, own] of [
    [header, cookie],
    [query, address],
  ] as const) {
    it(`consistent hash by ${all.name}, and for one version by ${own.name}, keeps a client on one pod`, async () => {
      await settings({ consistentHash: all.hash }, { consistentHash: own.hash });
      for (const [version, { hash, policy, request, table }] of [
        ["v1", all],
        ["v2", own],
      ] as const) {
        const kind = "maglev" in hash ? "MAGLEV" : "RING_HASH";
        // Clusters and routes come in pushes of their own.
        const isLive = async (): Promise<boolean> => {
          const now = await live(version);
          return (
            now.cluster.lbPolicy === kind &&
            isDeepStrictEqual({ ...now.hash[0], terminal: undefined }, { ...policy, terminal: undefined })
          );
        };
        await until(`lbPolicy ${kind} of ${version} and its hash policy`, isLive, 10);
        const { cluster } = await live(version);
        for (const [key, value] of Object.entries(table)) {
          assert.deepEqual((cluster as Record<string, unknown>)[key], value);
        }
        const headers = { ...("headers" in request && request.headers), ...(version === "v2" && trial) };
        const ask = () => client.sample(500, { ...request, headers });
        assert.deepEqual(Object.values(await sentDuring(version, ask)), [500]);
      }
    });
  }

  describe("by place and by age", () => {
    const WINDOW_SECONDS = 15;
    let pods: readonly [Pod, Pod, Pod];
    let changed: number;

    /** As the labels of its node would say. */
    const place = (namespace: string, pod: string, locality: string) =>
      kubectl("-n", namespace, "label", "--overwrite", "pod", pod, `istio-locality=${locality}`);
    const placeGateway = async (locality: string) => {
      for (const { metadata } of await gatewayPods()) await place("istio-ingress", metadata.name, locality);
    };
    /** The pods that get requests, by priority. */
    const preferred = async () =>
      [...(await endpoints("v1"))].sort((a, b) => a.priority - b.priority).map(({ address }) => address);
    const untilPreferred = (...wanted: Pod[]) =>
      until("the gateway has the places", async () => {
        const known = await preferred();
        return known.join() === wanted.map(addressOf).join();
      });

    before(async () => {
      const [one, two, three] = await readyPods("category", "version=v1");
      assert.ok(one && two && three);
      pods = [one, two, three];
      await placeGateway("eu.a");
      await place("category", one.metadata.name, "eu.a");
      await place("category", two.metadata.name, "eu.b");
      await place("category", three.metadata.name, "us.a");
      editStackFile((config) => {
        const { v2 } = config["shopzier:category"].versions;
        assert.ok(v2);
        delete v2.replicas;
        config["shopzier:loadBalancer"] = {
          choiceCount: 5,
          warmup: { duration: "60s", aggression: 0.5, minimumPercent: 20 },
          locality: { distribute: { "eu/a": { "eu/a": 80, "eu/b": 20 }, us: { "us/*": 100 } } },
        };
        config["shopzier:traffic"] = {
          weights: { v1: 100, v2: 0 },
          versions: {
            v2: {
              loadBalancer: {
                algorithm: "ROUND_ROBIN",
                warmup: { duration: `${WINDOW_SECONDS}s` },
                locality: "none",
              },
            },
          },
          rules: [{ name: "trial", match: { headers: { "x-trial": { exact: "v2" } } }, to: "v2" }],
        };
      });
      await up();
      await until("the gateway knows one pod of v2", async () => (await endpoints("v2")).length === 1);
      changed = performance.now();
    });
    after(async () => {
      // A pod that stays would be far from the others: with outlier detection it gets nothing while they are healthy.
      await kubectl("-n", "category", "label", "pod", "-l", "version=v1", "istio-locality-");
      await kubectl("-n", "istio-ingress", "label", "pod", "-l", "istio=ingressgateway", "istio-locality-");
    });

    it("is what the gateway's Envoy does, each version by itself", async () => {
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
          slowStartWindow: `${WINDOW_SECONDS}s`,
          aggression: { defaultValue: 1, runtimeKey: "(" },
          minWeightPercent: { value: 10 },
        },
      });
      assert.ok(!JSON.stringify(v2.commonLbConfig ?? {}).includes("localityWeightedLbConfig"));
    });

    it("distributes by the places of the gateway and of the pods", async () => {
      const [near, far, abroad] = pods;
      await until("pods elsewhere are no endpoints", async () => (await endpoints("v1")).length === 2, 20);
      const sent = await sentDuring("v1", async () => {
        assert.deepEqual(failures(await client.sample(1000)), {});
      });
      assertCount("eu/a", sent[addressOf(near)] ?? 0, 1000, 80);
      assertCount("eu/b", sent[addressOf(far)] ?? 0, 1000, 20);
      await placeGateway("us.b");
      await untilPreferred(abroad);
      assertSplit(await client.sample(100), { v1: 100 });
    });

    it("sends a new pod little at first, and its whole share once it is warm", async () => {
      // With new settings the pod that is there begins anew as well.
      const warm = (since: number) => () => performance.now() - since > 1000 * WINDOW_SECONDS;
      await until("the pod is warm", warm(changed));
      const known = (await endpoints("v2")).map(({ address }) => address);
      const toNew = async () => {
        const sent = await sentDuring("v2", async () => {
          assert.deepEqual(failures(await client.sample(600, { headers: trial })), {});
        });
        return Object.entries(sent).find(([address]) => !known.includes(address))?.[1] ?? 0;
      };
      await kubectl("-n", "category", "scale", "deployment/category-v2", "--replicas=2");
      try {
        let cold = performance.now();
        await until("the gateway knows a second pod", async () => {
          const now = performance.now();
          const both = (await endpoints("v2")).filter(({ healthy }) => healthy).length === 2;
          if (!both) cold = now;
          return both;
        });
        const early = await toNew();
        const weight = Math.max(0.1, (performance.now() - cold) / 1000 / WINDOW_SECONDS);
        assert.ok(weight < 0.6, `it has ${weight} of its weight at the end of the sample`);
        const most = 600 * (weight / (1 + weight));
        assert.ok(early > 0 && early <= 1.1 * most, `${early} of 600, expected at most ${most}`);
        await until("the new pod is warm", warm(performance.now()));
        assertCount("its whole share", await toNew(), 600, 50);
      } finally {
        await kubectl("-n", "category", "scale", "deployment/category-v2", "--replicas=1");
      }
    });

    it("keeps to the nearest place while it is healthy, and fails over to the region that is asked for", async () => {
      const [near, far, abroad] = pods;
      await placeGateway("eu.a");
      editStackFile((config) => {
        config["shopzier:loadBalancer"] = { locality: { failover: { eu: "us" } } };
        config["shopzier:traffic"] = {
          weights: { v1: 100, v2: 0 },
          circuitBreaker: {
            outlierDetection: { consecutive5xxErrors: 3, interval: "1s", baseEjectionTime: "30s" },
          },
        };
      });
      await up();
      const all = async (pod: Pod) => {
        const sent = await sentDuring("v1", async () => {
          assert.deepEqual(failures(await client.sample(200)), {});
        });
        assert.deepEqual(sent, { [addressOf(pod)]: 200 });
      };
      await untilPreferred(near, far, abroad);
      await all(near);
      // Neither pod is in the gateway's region any more: the setting decides.
      await place("category", far.metadata.name, "ap.a");
      await untilPreferred(near, abroad, far);
      const heal = resetConnections(near.metadata.uid);
      try {
        await until("the nearest is out", async () => {
          await client.sample(16);
          return (await endpoints("v1")).some((e) => e.address === near.status.podIP && e.ejected);
        });
        await all(abroad);
      } finally {
        heal();
      }
    });
  });
});
