import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { stringify } from "yaml";
import { assertSplit, Client, failures, type Answer } from "../../lab/client";
import { get, kubectl, LIST, ROOT, tool, until } from "../../lab/harness";
import { issuer } from "../support/tokens";

const FOREIGN = path.join(ROOT, "tests/e2e/foreign-mesh");
const STACK_FILE = path.join(ROOT, ".lab/e2e/Pulumi.guest.yaml");
const GATEWAY = "http://10.88.0.1:30090";
const quiet = ["--non-interactive", "--color", "never"];
const foreign = (...args: string[]) =>
  tool("pulumi", "--cwd", FOREIGN, ...args, "--stack", "foreign", ...quiet);
const guest = (...args: string[]) =>
  tool("pulumi", ...args, "--stack", "guest", "--config-file", STACK_FILE, ...quiet);

/** Ends well. */
async function well(run: ReturnType<typeof tool>): Promise<void> {
  const { exitCode, all } = await run;
  assert.equal(exitCode, 0, all);
}

interface Traffic {
  readonly v2?: number;
  readonly host?: string;
}

/** The service as a guest: nothing of Istio, of the gateway and of its namespace is its own. */
function stackFile(
  edit: (config: Record<string, unknown>) => void = () => undefined,
  { v2 = 20, host }: Traffic = {},
) {
  const version = (contract: string) => ({
    image: "lab.internal/category-api:1.0.0",
    env: { CATEGORY_CONTRACT: contract },
    resources: { requests: { cpu: "20m", memory: "96Mi" } },
  });
  const config = {
    "shopzier:istio": { install: false, revision: "theirs" },
    "shopzier:gateway": { existing: { namespace: "their-ingress", labels: { istio: "their-gateway" } } },
    "shopzier:category": {
      host: host ?? "guest.lab.internal",
      namespace: { name: "guest", create: false },
      versions: { v1: version("3.2.5"), v2: version("main") },
    },
    "shopzier:traffic": { weights: { v1: "rest", v2 } },
    "shopzier:security": { access: { allow: [{ methods: ["GET"], paths: [{ prefix: LIST }] }] } },
  };
  edit(config);
  mkdirSync(path.dirname(STACK_FILE), { recursive: true });
  // Pulumi's own line for passphrase "lab".
  writeFileSync(
    STACK_FILE,
    stringify({
      config,
      encryptionsalt: "v1:Mh5MdoLOr6A=:v1:HHZygOFDj2opK47S:rjFFiZ0mQG9km4lHq+EvSLjpfd8WSg==",
    }),
  );
}

interface Objects {
  readonly items: readonly {
    readonly kind: string;
    readonly metadata: {
      readonly name: string;
      readonly resourceVersion: string;
      readonly generation?: number;
    };
  }[];
}

/** Kind and name of all that was there → its version; where a controller writes a status, its generation. */
async function theirs(): Promise<Record<string, string>> {
  const all = await Promise.all([
    get<Objects>(
      "gateways.networking,virtualservices,authorizationpolicies,requestauthentications,envoyfilters",
      "-n",
      "their-ingress",
    ),
    get<Objects>("deployments,services", "-n", "their-ingress"),
    get<Objects>("namespaces", "-l", "kubernetes.io/metadata.name in (guest,their-ingress,istio-system)"),
    get<Objects>("configmaps", "-n", "guest"),
    get<Objects>("peerauthentications,telemetries", "-n", "istio-system"),
  ]);
  return Object.fromEntries(
    all
      .flatMap(({ items }) => items)
      .filter(({ metadata }) => !metadata.name.startsWith("guest-"))
      .map(({ kind, metadata }) => [
        `${kind} ${metadata.name}`,
        kind === "Deployment" ? `generation ${metadata.generation}` : metadata.resourceVersion,
      ]),
  );
}

describe("an Istio and a gateway of somebody else", () => {
  let their: Client;
  let ours: Client;
  let before_: Record<string, string>;

  /** What `work` does while others' requests go on, none of which fails. */
  async function unseen(work: () => Promise<void>): Promise<void> {
    const load = their.load(20);
    let answers: readonly Answer[];
    try {
      await work();
    } finally {
      answers = await load.stop();
    }
    assert.deepEqual(failures(answers), {});
    assert.deepEqual(await theirs(), before_);
  }

  before(async () => {
    await tool("pulumi", "--cwd", FOREIGN, "stack", "select", "--create", "foreign", "--non-interactive");
    await well(foreign("up", "--yes", "--skip-preview"));
    await kubectl("create", "namespace", "guest");
    await kubectl("create", "configmap", "precious", "-n", "guest");
    stackFile();
    await tool("pulumi", "stack", "select", "--create", "guest", "--non-interactive");
    their = await Client.open({ url: GATEWAY, host: "their.lab.internal" });
    ours = await Client.open({ url: GATEWAY, host: "guest.lab.internal" });
    before_ = await theirs();
  });
  after(async () => {
    for (const client of [their, ours] as (Client | undefined)[]) await client?.close();
    await guest("destroy", "--yes", "--skip-preview");
    await tool("pulumi", "stack", "rm", "--yes", "guest", "--preserve-config", "--non-interactive");
    rmSync(path.join(ROOT, "Pulumi.guest.yaml"), { force: true });
    // The tests go on with the stack that was selected.
    await tool("pulumi", "stack", "select", "lab", "--non-interactive");
    await foreign("destroy", "--yes", "--skip-preview");
    await foreign("stack", "rm", "--yes");
    await kubectl("delete", "namespace", "guest", "--ignore-not-found");
  });

  const wrong: readonly (readonly [string, () => void, RegExp])[] = [
    [
      "a deny list on paths, where the mesh reads paths otherwise than the service",
      () => {
        stackFile((config) => {
          config["shopzier:security"] = { access: { deny: [{ paths: [`${LIST}/50`] }] } };
        });
      },
      /revision theirs:\n.*normalizes paths by BASE/,
    ],
    [
      "a host that is routed already",
      () => {
        stackFile(undefined, { host: "their.lab.internal" });
      },
      /VirtualService their-ingress\/theirs of another owner routes their\.lab\.internal/,
    ],
    [
      "what another stack has, on its gateway",
      () => {
        stackFile(
          (config) => {
            config["shopzier:istio"] = { install: false };
            config["shopzier:gateway"] = {
              existing: { namespace: "istio-ingress", labels: { istio: "ingressgateway" } },
            };
          },
          { host: "shop.lab.internal" },
        );
      },
      /VirtualService category\/category of another owner routes shop\.lab\.internal/,
    ],
  ];
  for (const [what, write, message] of wrong) {
    it(`refuses in a preview ${what}`, async () => {
      write();
      const { exitCode, all } = await guest("preview");
      assert.notEqual(exitCode, 0, all);
      assert.match(all, message);
    });
  }

  it("get a service without a change to anything of theirs", async () => {
    stackFile();
    await unseen(() => well(guest("up", "--yes", "--skip-preview")));
    assertSplit(await ours.sample(400), { v1: 80, v2: 20 });
  });

  it("have our lists for our host alone", async () => {
    const codes = async (client: Client): Promise<number[]> => {
      const asked = [{ method: "POST" as const }, { path: "/actuator/health" }, { path: "/secret" }];
      return Promise.all(asked.map(async (options) => (await client.ask(options)).status));
    };
    assert.deepEqual(await codes(ours), [403, 403, 403]);
    assert.deepEqual(await codes(their), [200, 200, 403]);
  });

  it("see nothing of a shift, nor of tokens, which our own sidecars verify", async () => {
    const id = issuer("https://id.example.com/", "shop");
    stackFile(
      (config) => {
        config["shopzier:security"] = {
          authentication: {
            jwt: [{ issuer: "https://id.example.com/", audiences: ["shop"], jwks: id.jwks }],
          },
        };
      },
      { v2: 60 },
    );
    await unseen(() => well(guest("up", "--yes", "--skip-preview")));
    const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
    await until("the sidecars ask for a token", async () => {
      const answers = await ours.sample(32);
      return answers.every(({ status }) => status === 403);
    });
    assert.equal((await ours.ask(bearer("nonsense"))).status, 401);
    assert.equal((await their.ask(bearer("nonsense"))).status, 200);
    assertSplit(await ours.sample(400, bearer(id.token())), { v1: 40, v2: 60 });
  });

  it("are left as they were, the namespace with all that is in it too", async () => {
    await unseen(() => well(guest("destroy", "--yes", "--skip-preview")));
    assert.equal((await ours.ask()).status, 404);
    assert.equal(await kubectl("get", "all", "-n", "guest", "-o", "name"), "");
  });
});
