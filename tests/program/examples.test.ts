import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { runProgram, type ProgramRun } from "../../components/testing";
import { ROOT } from "../support/program";
import { resolvePackageToSources } from "../support/source-package";

const EXAMPLES = path.join(ROOT, "examples");
const names = readdirSync(EXAMPLES).filter((name) => existsSync(path.join(EXAMPLES, name, "Pulumi.yaml")));
const read = (name: string, file: string): string => readFileSync(path.join(EXAMPLES, name, file), "utf8");

interface Project {
  readonly name: string;
  readonly config?: Readonly<Record<string, { readonly default: unknown }>>;
}

/** What the stacks of the clusters export. */
const CLUSTERS: Readonly<Record<string, object>> = {
  eks: { kubeconfig: '{"kind":"Config"}' },
  gke: { name: "shop", endpoint: "192.0.2.7", certificateAuthority: "Y2E=" },
};

function run(
  name: string,
  config: Readonly<Record<string, unknown>> = {},
  preview = false,
): Promise<ProgramRun> {
  const project = parse(read(name, "Pulumi.yaml")) as Project;
  const defaults = Object.entries(project.config ?? {}).map(([key, value]) => [key, value.default]);
  const settings = { ...(Object.fromEntries(defaults) as Record<string, unknown>), ...config };
  return runProgram(path.join(EXAMPLES, name, "index.ts"), {
    project: project.name,
    preview,
    config: Object.fromEntries(
      Object.entries(settings).map(([key, value]) => [`${project.name}:${key}`, value]),
    ),
    state: ({ type }) =>
      type === "pulumi:pulumi:StackReference"
        ? { outputs: CLUSTERS[name] ?? {}, secretOutputNames: [] }
        : undefined,
  });
}

/** VirtualService → host and weights of its destinations. */
function splits({ resources }: ProgramRun): Record<string, unknown> {
  interface Spec {
    readonly hosts: readonly string[];
    readonly http: readonly {
      readonly route: readonly {
        readonly destination: { readonly subset: string };
        readonly weight?: number;
      }[];
    }[];
  }
  const routes = resources.filter(({ type }) => type.endsWith(":VirtualService"));
  return Object.fromEntries(
    routes.map(({ name, inputs }) => {
      const { hosts, http } = inputs.spec as Spec;
      const weights = http[0]?.route.map(({ destination, weight = 100 }) => [destination.subset, weight]);
      return [name, { hosts, weights: Object.fromEntries(weights ?? []) as object }];
    }),
  );
}

describe("the examples", () => {
  let undo: () => void;
  before(() => {
    undo = resolvePackageToSources();
  });
  after(() => {
    undo();
  });

  it("are those of this test, each with a page that says how to run it", () => {
    assert.deepEqual(names, ["eks", "existing-istio", "gke", "orders", "two-services"]);
    for (const name of names) {
      const page = read(name, "README.md");
      assert.match(page, /^# /, name);
      for (const key of Object.keys((parse(read(name, "Pulumi.yaml")) as Project).config ?? {}))
        assert.ok(page.includes(key) || key === "host", `${name}: ${key}`);
    }
  });

  it("have the same resources in a preview as in an update", async () => {
    for (const name of names) {
      const [update, preview] = [await run(name), await run(name, {}, true)];
      assert.deepEqual(
        preview.resources.map((resource) => resource.name),
        update.resources.map((resource) => resource.name),
        name,
      );
    }
  });

  it("orders: installs Istio and shifts by one number", async () => {
    const before = await run("orders");
    const after = await run("orders", { canary: 30 });
    assert.deepEqual(splits(before), {
      "orders-routes-route": { hosts: ["orders.example.com"], weights: { v1: 90, v2: 10 } },
    });
    assert.deepEqual(after.outputs.shares, { v1: 70, v2: 30 });
    assert.equal(before.outputs.url, "http://192.0.2.1");
    const changed = after.resources.filter(
      (resource, at) => JSON.stringify(resource.inputs) !== JSON.stringify(before.resources[at]?.inputs),
    );
    assert.deepEqual(
      changed.map(({ name }) => name),
      ["orders-routes-route"],
    );
  });

  it("two-services: each host has its own versions; one without requests comes after the routes", async () => {
    const two = await run("two-services");
    assert.deepEqual(splits(two), {
      "orders-routes-route": { hosts: ["orders.example.com"], weights: { v1: 90, v2: 10 } },
      "payments-routes-route": { hosts: ["payments.example.com"], weights: { blue: 100, green: 0 } },
    });
    const find = (name: string) =>
      two.resources.find((resource) => resource.name === name) ?? assert.fail(name);
    assert.ok(find("payments-versions-green").dependsOn.includes("payments-routes (awaited)"));
    assert.ok(find("payments-routes").dependsOn.includes("payments-versions-blue-deployment (awaited)"));
    const gateway = two.resources.find(({ type }) => type === "kubernetes:networking.istio.io/v1:Gateway");
    const [server] = (gateway?.inputs.spec as { servers: { hosts: string[] }[] }).servers;
    assert.deepEqual(
      ["orders/orders.example.com", "payments/payments.example.com"].filter(
        (host) => !server?.hosts.includes(host),
      ),
      [],
    );
  });

  it("existing-istio: installs no chart, and begins with no request to v2", async () => {
    const found = await run("existing-istio");
    assert.deepEqual(
      found.resources.filter(({ type }) => type.endsWith(":Release")),
      [],
    );
    assert.deepEqual(found.outputs, { shares: { v1: 100, v2: 0 } });
    const { outputs } = await run("existing-istio", { weights: { v1: "rest", v2: 5 } });
    assert.deepEqual(outputs, { shares: { v1: 95, v2: 5 } });
    await assert.rejects(
      run("existing-istio", { weights: { v1: 95, v2: 5, v3: 1 } }),
      /CanaryService "orders": weights\.v3: found .*; allowed: /,
    );
  });

  for (const [name, server] of [
    ["eks", undefined],
    ["gke", "https://192.0.2.7"],
  ] as const) {
    it(`${name}: connects by outputs of the cluster's stack`, async () => {
      const { resources } = await run(name);
      const provider = resources.find(({ type }) => type === "pulumi:providers:kubernetes");
      const kubeconfig = JSON.parse(String(provider?.inputs.kubeconfig)) as {
        readonly kind: string;
        readonly clusters?: readonly { readonly cluster: { readonly server: string } }[];
      };
      assert.equal(kubeconfig.kind, "Config");
      assert.equal(kubeconfig.clusters?.[0]?.cluster.server, server);
    });
  }
});
