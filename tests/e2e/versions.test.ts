import assert from "node:assert/strict";
import { keyOf, type Side } from "../../cli/side";
import { fromCluster } from "../../cli/sources/live";
import { fromProgram } from "../../cli/sources/program";
import { kubeconfig } from "../../lab/node";
import { cutOffFromIstiod, freezeService } from "../support/faults";
import { assertSplit, Client, failures, STRICT_DOUBT, type Answer } from "../../lab/client";
import {
  baseline,
  editStackFile,
  gatewayPods,
  get,
  pulumi,
  readyPods,
  ROOT,
  setConfig,
  STACK,
  stackFile,
  tool,
  until,
  up,
} from "../../lab/harness";

interface Named {
  readonly items: readonly { readonly metadata: { readonly name: string } }[];
}
const namesOf = async (kind: string): Promise<string[]> =>
  (await get<Named>(kind, "-n", "category")).items.map((i) => i.metadata.name).sort();

/** v3 beside v1 and v2, with `weights`. */
function withV3(weights: Record<string, number | string>): void {
  editStackFile((config) => {
    const { versions } = config["shopzier:category"];
    versions.v3 = { ...versions.v2 };
    config["shopzier:traffic"] = { weights };
  });
}

/** v1 gone, v2 has it all. */
function withoutV1(): void {
  editStackFile((config) => {
    delete config["shopzier:category"].versions.v1;
    config["shopzier:traffic"] = { weights: { v2: 100 } };
  });
}

/** For an update that repairs, which may take longer than the short limit of the one that was to fail. */
function withUsualLimit(): void {
  editStackFile((config) => {
    delete config["shopzier:propagation"];
  });
}

/** What a gateway pod that gets no updates is said to lack. */
const lacks = (pod: string): RegExp =>
  new RegExp(
    [
      `${pod} still has another version of the rule "category"`,
      'has other limits or patches of the rule "path-parameters"',
    ].join("; "),
  );

describe("versions come and go", () => {
  let client: Client;
  before(async () => {
    await baseline();
    client = await Client.open();
  });
  after(() => client.close());

  it("adds a version, shifts to it, removes the old one under 200 requests per second without losing one", async () => {
    const load = client.load(200);
    withV3({ v1: "rest", v2: 20, v3: 10 });
    await up();
    assertSplit(await client.sample(3000), { v1: 70, v2: 20, v3: 10 }, STRICT_DOUBT);

    withV3({ v1: 0, v2: 0, v3: 100 });
    await up();
    assertSplit(await client.sample(500), { v1: 0, v2: 0, v3: 100 });
    assert.deepEqual(await namesOf("deployments"), ["category-v1", "category-v2", "category-v3"]);

    editStackFile((config) => {
      const { versions } = config["shopzier:category"];
      config["shopzier:category"].versions = { v3: versions.v3 ?? {} };
      config["shopzier:traffic"] = { weights: { v3: 100 } };
    });
    await up();
    assert.deepEqual(await namesOf("deployments"), ["category-v3"]);
    assert.deepEqual(await namesOf("destinationrules"), ["category", "category-v3"]);

    // And back in one step: the old versions come, the new one goes.
    stackFile();
    await up();
    assertSplit(await client.sample(1000), { v1: 80, v2: 20 });
    assert.deepEqual(await namesOf("deployments"), ["category-v1", "category-v2"]);

    const answers = await load.stop();
    assert.ok(answers.length > 2000, `the load ran throughout: ${answers.length} requests`);
    assert.deepEqual(failures(answers), {});
  });

  it("shifts away from a version and takes its pods in one edit under 200 requests per second without losing one", async () => {
    await baseline();
    const load = client.load(200);
    editStackFile((config) => {
      const { v1 } = config["shopzier:category"].versions;
      assert.ok(v1);
      v1.replicas = 0;
      config["shopzier:traffic"] = { weights: { v1: "rest", v2: 100 } };
    });
    await up();
    assert.deepEqual(await readyPods("category", "version=v1"), []);
    assertSplit(await client.sample(200), { v2: 100 });
    await baseline();
    assertSplit(await client.sample(1000), { v1: 80, v2: 20 });
    const answers = await load.stop();
    assert.ok(answers.length > 1000, `the load ran throughout: ${answers.length} requests`);
    assert.deepEqual(failures(answers), {});
  });

  it("shifts away from a version whose image does not exist, and then says which pod fails, and why", async () => {
    await baseline();
    editStackFile((config) => {
      const category = config["shopzier:category"];
      const { v2 } = category.versions;
      assert.ok(v2);
      v2.image = "lab.internal/category-api:does-not-exist";
      category.readyTimeout = "10s";
    });
    const fails = async (...words: RegExp[]): Promise<void> => {
      const started = Date.now();
      const { exitCode, all } = await pulumi("up", "--yes", "--skip-preview");
      assert.notEqual(exitCode, 0, all);
      assert.ok(Date.now() - started < 60_000, "it fails soon after readyTimeout");
      for (const word of words) assert.match(all, word);
      assert.doesNotMatch(all, STACK);
    };
    await fails(/category-v2-[a-z0-9]+-[a-z0-9]+/, /ImagePullBackOff|ErrImagePull|does-not-exist/);
    assertSplit(await client.sample(1000), { v1: 80, v2: 20 });
    await setConfig("traffic.weights.v2", 0);
    // Pulumi's provider says this. Where the ReplicaSet's deadline passed before, it may end before it has looked at the pods.
    await fails(
      /category-v2-[a-z0-9]+/,
      /ImagePullBackOff|ErrImagePull|does-not-exist|timed out progressing/,
    );
    assertSplit(await client.sample(200), { v1: 100 });
    await baseline();
    assertSplit(await client.sample(1000), { v1: 80, v2: 20 });
  });

  it("names who changed the route by hand, at once, and the command that puts the file's weights back", async () => {
    await baseline();
    const weights = [100, 0].map((value, i) => ({
      op: "replace",
      path: `/spec/http/1/route/${i}/weight`,
      value,
    }));
    const patch = ["patch", "virtualservice/category", "--type=json", "-p", JSON.stringify(weights)];
    const declared = await fromProgram({ folder: ROOT, stack: "lab" });
    const routeOf = ({ objects }: Side): unknown =>
      objects.find((object) => keyOf(object) === "VirtualService category/category")?.spec;
    const live = async (): Promise<unknown> => routeOf(await fromCluster({ kubeconfig, against: declared }));
    assert.deepEqual(await live(), routeOf(declared));
    await tool("kubectl", "-n", "category", ...patch);
    const changed = JSON.stringify(routeOf(declared)).replace('"weight":80', '"weight":100');
    assert.deepEqual(await live(), JSON.parse(changed.replace('"weight":20', '"weight":0')));
    const started = performance.now();
    const refused = await pulumi("up", "--yes", "--skip-preview");
    assert.notEqual(refused.exitCode, 0, refused.all);
    assert.match(refused.all, /VirtualService category\/category was changed by "kubectl-patch" at \d{4}-/);
    assert.match(refused.all, /sends v1 100 %, v2 0 % instead of v1 80 %, v2 20 %/);
    assert.match(refused.all, /pulumi up --refresh/);
    assert.doesNotMatch(refused.all, /istiod/);
    assert.ok(performance.now() - started < 30_000, "it does not wait for the gateways");
    await up("--refresh");
    assertSplit(await client.sample(1000), { v1: 80, v2: 20 });
  });

  it("names who changed a version's pods of the route by hand", async () => {
    await baseline();
    const labels = { spec: { subsets: [{ name: "v2", labels: { version: "v1" } }] } };
    await tool(
      ...(["kubectl", "-n", "category", "patch", "destinationrule/category-v2"] as const),
      ...["--type=merge", "-p", JSON.stringify(labels)],
    );
    const refused = await pulumi("up", "--yes", "--skip-preview");
    assert.notEqual(refused.exitCode, 0, refused.all);
    assert.match(
      refused.all,
      /DestinationRule category\/category-v2 was changed by "kubectl-patch" at \d{4}-/,
    );
    await up("--refresh");
    assertSplit(await client.sample(1000), { v1: 80, v2: 20 });
  });

  it("refuses to shift to a version without a healthy endpoint, and changes nothing", async () => {
    await baseline();
    await tool("kubectl", "-n", "category", "scale", "deployment/category-v2", "--replicas=0");
    await until("v2 has no pod", async () => {
      const pods = await get<Named>("pods", "-n", "category", "-l", "version=v2");
      return pods.items.length === 0;
    });
    editStackFile((config) => {
      config["shopzier:traffic"] = { weights: { v1: "rest", v2: 50 } };
      config["shopzier:propagation"] = { timeout: "5s" };
    });
    const refused = await pulumi("up", "--yes", "--skip-preview");
    assert.notEqual(refused.exitCode, 0, refused.all);
    assert.match(refused.all, /knows no healthy endpoint of v2/);
    assert.match(refused.all, /The route was not changed/);
    const route = await get<{ spec: { http: { route: { weight: number }[] }[] } }>(
      "virtualservice/category",
      "-n",
      "category",
    );
    assert.deepEqual(
      route.spec.http.at(-1)?.route.map((r) => r.weight),
      [80, 20],
    );
    await tool("kubectl", "-n", "category", "scale", "deployment/category-v2", "--replicas=1");
    await until(
      "v2 is back",
      async () =>
        (
          await tool(
            "kubectl",
            "-n",
            "category",
            "rollout",
            "status",
            "deployment/category-v2",
            "--timeout=60s",
          )
        ).exitCode === 0,
    );
    withUsualLimit();
    await up();
    assertSplit(await client.sample(1000), { v1: 50, v2: 50 });
  });

  it("waits for requests in flight to a version that goes", async () => {
    await baseline((config) => {
      config["shopzier:traffic"] = { weights: { v1: "rest", v2: 50 } };
    });
    const [pod] = await readyPods("category", "version=v1");
    assert.ok(pod);
    const thaw = freezeService(pod.metadata.uid);
    const answers: Promise<Answer>[] = [];
    try {
      for (let i = 0; i < 20; i++) answers.push(client.ask());
      withoutV1();
      editStackFile((config) => {
        config["shopzier:propagation"] = { timeout: "4s" };
      });
      const held = await pulumi("up", "--yes", "--skip-preview");
      assert.notEqual(held.exitCode, 0, held.all);
      assert.match(held.all, /still has \d+ requests in flight to v1/);
      assert.doesNotMatch(held.all, /serializing|aborted/);
      assert.deepEqual(await namesOf("deployments"), ["category-v1", "category-v2"]);
    } finally {
      thaw();
    }
    assert.deepEqual(failures(await Promise.all(answers)), {});
    withUsualLimit();
    await up();
    assert.deepEqual(await namesOf("deployments"), ["category-v2"]);
  });

  describe("with two gateway pods, one of which gets no updates", () => {
    beforeEach(async () => {
      await baseline((config) => {
        (config["shopzier:gateway"] as Record<string, unknown>).replicas = 2;
      });
      await until("two gateway pods are ready", async () => (await gatewayPods()).length === 2);
    });

    it("has a disruption budget for them", async () => {
      const budgets = await get<{ items: { spec: { minAvailable?: number } }[] }>(
        "pdb",
        "-n",
        "istio-ingress",
      );
      assert.deepEqual(
        budgets.items.map((b) => b.spec.minAvailable),
        [1],
      );
    });

    it("fails closed with its name, deletes nothing, loses nothing, and goes on once the pod is back", async () => {
      const [pod] = await gatewayPods();
      assert.ok(pod);
      const load = client.load(200);
      const thaw = cutOffFromIstiod(pod.metadata.uid);
      try {
        editStackFile((config) => {
          config["shopzier:propagation"] = { timeout: "5s" };
          config["shopzier:security"] = { access: { deny: [{ paths: ["/denied"] }] } };
          Object.assign(config["shopzier:traffic"] as object, {
            timeout: "9s",
            rateLimit: { requests: 100_000, per: "1s" },
          });
        });
        // No weight changes: what the pod lacks stands in the rest of its routes, and in its listeners.
        const unguarded = await pulumi("up", "--yes", "--skip-preview");
        assert.notEqual(unguarded.exitCode, 0, unguarded.all);
        // A route is not even written before every pod has the policies.
        assert.match(
          unguarded.all.replaceAll(/\s+/g, " "),
          new RegExp(`${pod.metadata.name} has no rule 1 of AuthorizationPolicy shop-access-deny`),
        );
        editStackFile((config) => {
          delete config["shopzier:security"];
        });
        const open = await pulumi("up", "--yes", "--skip-preview");
        assert.notEqual(open.exitCode, 0, open.all);
        assert.match(open.all.replaceAll(/\s+/g, " "), lacks(pod.metadata.name));
        withoutV1();
        const refused = await pulumi("up", "--yes", "--skip-preview");
        assert.notEqual(refused.exitCode, 0, refused.all);
        assert.ok(refused.all.includes(pod.metadata.name), refused.all);
        assert.match(refused.all, /Nothing was deleted/);
        const kept = async (): Promise<void> => {
          assert.deepEqual(await namesOf("deployments"), ["category-v1", "category-v2"]);
          assert.deepEqual(await namesOf("destinationrules"), ["category", "category-v1", "category-v2"]);
        };
        await kept();
        // The route is written by now and does not change again: what goes is held all the same.
        const again = await pulumi("up", "--yes", "--skip-preview");
        assert.notEqual(again.exitCode, 0, again.all);
        assert.ok(again.all.includes(pod.metadata.name), again.all);
        await kept();
      } finally {
        thaw();
      }
      withUsualLimit();
      await up();
      assert.deepEqual(await namesOf("deployments"), ["category-v2"]);
      assertSplit(await client.sample(300), { v2: 100 });
      assert.deepEqual(failures(await load.stop()), {});
    });

    it("loses requests without the barrier, which proves that the barrier is what keeps them", async () => {
      const [pod] = await gatewayPods();
      assert.ok(pod);
      const load = client.load(200);
      const thaw = cutOffFromIstiod(pod.metadata.uid);
      try {
        withoutV1();
        editStackFile((config) => {
          config["shopzier:propagation"] = { wait: false };
        });
        await up();
        // v1's pods are gone now, and the proxy that was cut off still sends to them.
        await until(
          "a request fails",
          async () => (await client.sample(50)).some((a) => a.status !== 200),
          60,
        );
      } finally {
        thaw();
      }
      const lost = failures(await load.stop());
      assert.ok(Object.keys(lost).length > 0, "requests were lost");
      await until("the gateway has recovered", async () =>
        (await client.sample(50)).every((a) => a.status === 200),
      );
    });
  });
});
