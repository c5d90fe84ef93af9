import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { stringify } from "yaml";
import { runProgram, stackConfig, STACKS, type Registered, type Run } from "../support/program";

const GOLDEN = path.join(__dirname, "golden");

/** A graph in a form for review. `UPDATE_GOLDEN=1 npm test` updates it. */
function graph({ resources, outputs }: Run): string {
  return stringify(
    { resources: resources.map((r) => ({ ...r })), outputs },
    { lineWidth: 110, aliasDuplicateObjects: false },
  );
}

/** The settings that determine how a pod ends. */
interface PodSpec {
  readonly terminationGracePeriodSeconds: number;
  readonly containers: readonly {
    readonly env: readonly { readonly name: string; readonly value?: string }[];
    readonly lifecycle: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
  }[];
}

/** Suffix of a dependency's name if the program waits for something about it. */
const AWAITED = " (awaited)";
const byName = (run: Run): Map<string, Registered> => new Map(run.resources.map((r) => [r.name, r]));
const names = (run: Run): string[] => run.resources.map((r) => r.name).sort();

for (const stack of STACKS) {
  describe(`stack ${stack}`, () => {
    let update: Run;
    let preview: Run;
    before(async () => {
      update = await runProgram(stackConfig(stack), { stack });
      preview = await runProgram(stackConfig(stack), { stack, preview: true });
    });

    it("is the reviewed graph", () => {
      const file = path.join(GOLDEN, `${stack}.yaml`);
      if (process.env.UPDATE_GOLDEN) {
        mkdirSync(GOLDEN, { recursive: true });
        writeFileSync(file, graph(update));
      }
      assert.equal(graph(update), readFileSync(file, "utf8"));
    });

    it("has the same inputs in a preview on an empty cluster and in an update", () => {
      assert.deepEqual(preview.resources, update.resources);
    });

    it("gives every resource a parent and a name that begins with its parent's", () => {
      for (const { name, parent, type } of update.resources) {
        if (parent === undefined) assert.match(type, /^shopzier-mesh:index:/, name);
        else assert.ok(name === parent || name.startsWith(`${parent}-`), `${name} below ${parent}`);
      }
    });

    it("writes Istio objects only after their prerequisites", () => {
      const all = byName(update);
      const reaches = (from: string, to: string, seen = new Set<string>()): boolean => {
        if (from === to) return true;
        if (seen.has(from)) return false;
        seen.add(from);
        const r = all.get(from);
        // A child is registered after its parent, and the parent waits for its dependencies.
        return [...(r?.dependsOn ?? []), ...(r?.parent === undefined ? [] : [r.parent])].some((n) =>
          reaches(n.replace(AWAITED, ""), to, seen),
        );
      };
      for (const [from, to] of [
        ["istio-istiod", "istio-base"],
        ["shop-release", "istio"],
        ["shop-gateway", "shop-release"],
        ["category-versions-v1-deployment", "istio"],
        ["category-routes-v1-subset", "istio"],
        ["category-routes-route", "category-routes-v1-subset"],
        ["category-routes-route", "category-routes-policy"],
        ["category-routes-route", "category-versions-v1-deployment"],
        ["category-routes-route", "category-versions-v2-deployment"],
        ["category-routes-route", "category-versions-service"],
        ["category-routes-route", "category-access"],
        ["category-default-deny-requests", "category-access"],
        ["mtls-mesh", "istio"],
      ] as const) {
        assert.ok(reaches(from, to), `${from} after ${to}`);
      }
    });

    it("waits for istiod's webhooks before objects that need them, and for rollouts before the route", () => {
      const all = byName(update);
      for (const [name, awaited] of [
        ["shop", "istio"],
        ["category", "istio"],
        ["mtls", "istio"],
        ["category-routes", "category-versions-v1-deployment"],
        ["category-routes", "category-versions-v2-deployment"],
      ] as const) {
        assert.ok(all.get(name)?.dependsOn.includes(awaited + AWAITED), `${name} waits for ${awaited}`);
      }
    });

    it("has the propagation barrier at the route", () => {
      const all = byName(update);
      assert.deepEqual(all.get("category-routes-route")?.hooks, ["beforeUpdate"]);
    });

    it("exports gateway, host, weights and load balancer", () => {
      const { traffic, versions, host, gatewayUrl, loadBalancer } = update.outputs as {
        traffic: Record<string, number>;
        versions: string[];
        host: string;
        gatewayUrl: string;
        loadBalancer: string;
      };
      assert.deepEqual(Object.keys(traffic).sort(), [...versions].sort());
      assert.equal(
        Object.values(traffic).reduce((a, b) => a + b, 0),
        100,
      );
      assert.match(gatewayUrl, /^https?:\/\/[^/]+$/);
      assert.ok(host.length > 0);
      assert.equal(loadBalancer, "LEAST_REQUEST");
    });
  });
}

it("a kubeconfig in the configuration is in no input of any resource, so not in the state", async () => {
  const marker = "users: [{ user: { token: not-for-the-state } }]";
  const run = await runProgram({
    ...stackConfig("dev"),
    "kubernetes:kubeconfig": marker,
    "kubernetes:context": "here",
  });
  assert.ok(run.resources.length > 0);
  assert.doesNotMatch(JSON.stringify(run), /not-for-the-state/);
});

it("production has to name its cluster", async () => {
  const { "kubernetes:context": context, ...ambient } = stackConfig("prod");
  assert.equal(typeof context, "string");
  await assert.rejects(runProgram(ambient, { stack: "prod" }), {
    message:
      "kubernetes:context: found nothing, where shopzier:production is true\n" +
      "  allowed: the name of a context of the kubeconfig (or kubernetes:kubeconfig), so that production is written to no other cluster\n" +
      '  repair:  pulumi config set --stack prod kubernetes:context "$(kubectl config current-context)"',
  });
});

describe("an edit of a stack file", () => {
  const base = (): Record<string, unknown> => structuredClone(stackConfig("dev"));
  const category = (config: Record<string, unknown>) =>
    config["shopzier:category"] as { versions: Record<string, Record<string, unknown>> };

  async function changed(edit: (config: Record<string, unknown>) => void): Promise<{
    added: string[];
    removed: string[];
    changed: string[];
  }> {
    const config = base();
    edit(config);
    const [a, b] = [await runProgram(base()), await runProgram(config)];
    const [before, after] = [byName(a), byName(b)];
    return {
      added: names(b).filter((n) => !before.has(n)),
      removed: names(a).filter((n) => !after.has(n)),
      changed: names(b).filter((n) => {
        const [x, y] = [before.get(n), after.get(n)];
        if (!x || !y || x.type.startsWith("shopzier-mesh:")) return false;
        return JSON.stringify(x.inputs) !== JSON.stringify(y.inputs);
      }),
    };
  }

  it("of one weight changes only the VirtualService", async () => {
    const diff = await changed((config) => {
      config["shopzier:traffic"] = { weights: { v1: "rest", v2: 35 } };
    });
    assert.deepEqual(diff, { added: [], removed: [], changed: ["category-routes-route"] });
  });

  it("of the largest step changes only the VirtualService's annotation", async () => {
    const maxStep = (config: Record<string, unknown>): void => {
      config["shopzier:traffic"] = { ...(config["shopzier:traffic"] as object), maxStep: 10 };
    };
    assert.deepEqual(await changed(maxStep), { added: [], removed: [], changed: ["category-routes-route"] });
    const config = base();
    maxStep(config);
    const { metadata, spec } = byName(await runProgram(config)).get("category-routes-route")?.inputs ?? {};
    const before = byName(await runProgram(base())).get("category-routes-route")?.inputs;
    assert.deepEqual((metadata as { annotations: object }).annotations, { "shopzier-mesh/max-step": "10" });
    assert.deepEqual(spec, before?.spec);
  });

  it("of the load balancer changes only the shared policy", async () => {
    const diff = await changed((config) => {
      config["shopzier:loadBalancer"] = "RANDOM";
    });
    assert.deepEqual(diff, { added: [], removed: [], changed: ["category-routes-policy"] });
  });

  it("that adds a version adds its resources and changes only the VirtualService", async () => {
    const diff = await changed((config) => {
      category(config).versions.v3 = { ...category(config).versions.v2 };
      config["shopzier:traffic"] = { weights: { v1: "rest", v2: 20, v3: 10 } };
    });
    assert.deepEqual(diff, {
      added: [
        "category-routes-v3-subset",
        "category-versions-v3",
        "category-versions-v3-account",
        "category-versions-v3-deployment",
      ],
      removed: [],
      changed: ["category-routes-route"],
    });
  });

  it("that removes a version removes its resources and changes only the VirtualService", async () => {
    const diff = await changed((config) => {
      delete category(config).versions.v1;
      config["shopzier:traffic"] = { weights: { v2: 100 } };
    });
    assert.deepEqual(diff, {
      added: [],
      removed: [
        "category-routes-v1-subset",
        "category-versions-v1",
        "category-versions-v1-account",
        "category-versions-v1-deployment",
      ],
      changed: ["category-routes-route"],
    });
  });

  it("that adds traffic rules changes only the VirtualService, and opens no path", async () => {
    const edit = (config: Record<string, unknown>): void => {
      config["shopzier:traffic"] = {
        weights: { v1: "rest", v2: 20 },
        rules: [
          { name: "beta", match: { cookies: { cohort: "beta" } }, to: "v2" },
          { name: "old", match: { path: { prefix: "/old" } }, redirect: { path: "/api/v1/category" } },
        ],
      };
    };
    assert.deepEqual(await changed(edit), { added: [], removed: [], changed: ["category-routes-route"] });
    const config = base();
    edit(config);
    const all = byName(await runProgram(config));
    const { http } = all.get("category-routes-route")?.inputs.spec as {
      http: { name: string; match: { uri?: object; headers?: object }[]; route?: object[] }[];
    };
    assert.deepEqual(
      http.map(({ name }) => name).filter((name) => name !== "path-parameters"),
      ["beta", "old", "category"],
    );
    for (const { match } of http.filter(({ route }) => route !== undefined))
      assert.ok(match.every(({ uri }) => uri !== undefined));
  });

  it("that sets `propagation.wait: false` removes the barrier from the route", async () => {
    const config = base();
    config["shopzier:propagation"] = { wait: false };
    assert.deepEqual(byName(await runProgram(config)).get("category-routes-route")?.hooks, []);
  });

  it("to an autoscaler removes `replicas` from the Deployment", async () => {
    const config = base();
    const v1 = category(config).versions.v1 ?? {};
    delete v1.replicas;
    v1.autoscaler = { minReplicas: 2, maxReplicas: 4 };
    const all = byName(await runProgram(config));
    assert.equal(
      (all.get("category-versions-v1-deployment")?.inputs.spec as { replicas?: number }).replicas,
      undefined,
    );
    assert.equal(
      (all.get("category-versions-v1-autoscaler")?.inputs.spec as { maxReplicas: number }).maxReplicas,
      4,
    );
    assert.ok(all.has("category-versions-v1-budget"));
  });

  it("that shifts away from a version and removes its pods writes the route first, for that version only", async () => {
    const config = base();
    const { versions } = config["shopzier:category"] as { versions: Record<string, object> };
    Object.assign(versions.v1 ?? {}, { replicas: 0 });
    config["shopzier:traffic"] = { weights: { v1: "rest", v2: 100 } };
    const all = byName(await runProgram(config));
    for (const version of ["v1", "v2"]) {
      const deployment = all.get(`category-versions-${version}-deployment`);
      assert.deepEqual(deployment?.dependsOn, [`category-versions-${version}-account`]);
    }
    const account = (version: string): Registered | undefined =>
      all.get(`category-versions-${version}-account`);
    assert.ok(account("v1")?.dependsOn.includes(`category-routes${AWAITED}`));
    assert.deepEqual(account("v2")?.dependsOn, ["category-versions-namespace"]);
    assert.deepEqual(all.get("category-routes")?.dependsOn, [
      `category-versions-service${AWAITED}`,
      `category-versions-v2-deployment${AWAITED}`,
      `category-access${AWAITED}`,
    ]);
  });

  it("of the drain time gives the service all of it after SIGTERM, except the time to close", async () => {
    const config = base();
    Object.assign(config["shopzier:category"] as object, { drain: "2m" });
    const deployment = byName(await runProgram(config)).get("category-versions-v1-deployment");
    const { spec } = (deployment?.inputs.spec as { template: { spec: PodSpec } }).template;
    const [{ env, lifecycle } = assert.fail("no container")] = spec.containers;
    const grace = Number(env.find(({ name }) => name === "SHUTDOWN_GRACE")?.value);
    assert.equal(grace, 120);
    assert.equal(spec.terminationGracePeriodSeconds - lifecycle.preStop.sleep.seconds - grace, 5);
  });
});

describe("the gateway's Service", () => {
  const run = (gateway: object, options: Parameters<typeof runProgram>[1] = {}): Promise<Run> =>
    runProgram({ ...stackConfig("dev"), "shopzier:gateway": gateway }, options);
  const url = async (...args: Parameters<typeof run>): Promise<unknown> =>
    (await run(...args)).outputs.gatewayUrl;
  const nodePorts = async (gateway: object): Promise<unknown> => {
    const { values } = byName(await run(gateway)).get("shop-release")?.inputs as {
      values: { service: { ports: { name: string; nodePort?: number }[] } };
    };
    return Object.fromEntries(values.service.ports.map(({ name, nodePort }) => [name, nodePort]));
  };
  const tls = { credentialName: "category-tls" };

  it("without an address yields an output that says how to read it", async () => {
    const wait = "no address yet: kubectl get service istio-ingressgateway --namespace istio-ingress";
    assert.equal(await url({}, { loadBalancer: {} }), wait);
    assert.equal(await url({}, { loadBalancer: { ingress: [] } }), wait);
  });

  it("with an IPv6 address has brackets in the URL", async () => {
    const address = "2001:db8::1";
    assert.equal(await url({ serviceType: "NodePort", address }), "http://[2001:db8::1]:30080");
    assert.equal(await url({}, { loadBalancer: { ingress: [{ ip: address }] } }), "http://[2001:db8::1]");
  });

  it("has exactly the configured node ports", async () => {
    const open = { "status-port": undefined };
    assert.deepEqual(await nodePorts({ tls }), { ...open, http2: undefined, https: undefined });
    assert.deepEqual(await nodePorts({ tls, nodePorts: { https: 30444 } }), {
      ...open,
      http2: undefined,
      https: 30444,
    });
    assert.deepEqual(
      await nodePorts({ tls, serviceType: "NodePort", address: "10.0.0.1", nodePorts: { https: 30444 } }),
      { http2: 30080, https: 30444 },
    );
    assert.deepEqual(
      await nodePorts({ serviceType: "NodePort", address: "10.0.0.1", nodePorts: { status: 30021 } }),
      { http2: 30080, "status-port": 30021 },
    );
  });
});
