import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse } from "yaml";
import { keyOf, SECRET, UNKNOWN, type KubernetesObject, type Side } from "../../cli/side";
import { fromProgram } from "../../cli/sources/program";
import { ROOT, STACKS, type Registered } from "../support/program";

const GOLDEN = path.join(__dirname, "golden");

const byKey = (side: Side): Map<string, KubernetesObject> =>
  new Map(side.objects.map((object) => [keyOf(object), object]));

describe("the objects of this program, run without an engine", () => {
  let sides: Map<string, Side>;
  before(async () => {
    const run = STACKS.map(async (stack) => [stack, await fromProgram({ folder: ROOT, stack })] as const);
    sides = new Map(await Promise.all(run));
  });

  for (const stack of STACKS) {
    it(`of stack ${stack} are those of its reviewed graph`, () => {
      const { resources } = parse(readFileSync(path.join(GOLDEN, `${stack}.yaml`), "utf8")) as {
        resources: Registered[];
      };
      // A resource that the program only reads (Service.get) has no inputs.
      const written = resources.filter(
        ({ type, inputs }) => type.startsWith("kubernetes:") && Object.keys(inputs).length > 0,
      );
      const side = sides.get(stack) ?? assert.fail();
      const specs = new Map(
        written.map(({ type, inputs }: { type: string; inputs: Readonly<Record<string, unknown>> }) => {
          if (!type.endsWith(":Release")) return [keyOf(inputs as unknown as KubernetesObject), inputs.spec];
          const { chart, version, repositoryOpts, values } = inputs;
          const { repo } = (repositoryOpts ?? {}) as { repo?: string };
          const spec = { chart, version, ...(repo !== undefined && { repository: repo }), values };
          return [`Release ${String(inputs.namespace)}/${String(inputs.name)}`, spec];
        }),
      );
      assert.deepEqual(new Map(side.objects.map((object) => [keyOf(object), object.spec])), specs);
      assert.deepEqual(side.notShown, []);
    });
  }

  it("have their names and namespaces, and no Pulumi names", () => {
    const objects = byKey(sides.get("dev") ?? assert.fail());
    for (const key of [
      "Namespace category",
      "VirtualService category/category",
      "Deployment category/category-v1",
      "Release istio-system/istiod",
      "PeerAuthentication istio-system/default",
    ])
      assert.ok(objects.has(key), `${key} among ${[...objects.keys()].join(", ")}`);
  });
});

/** A program of others, in a repository of its own. */
const PROGRAM = `
const pulumi = require("@pulumi/pulumi");
const k8s = require("@pulumi/kubernetes");
const config = new pulumi.Config();
if (config.getBoolean("broken")) throw new pulumi.RunError("weights: found 90, allowed: 100");
if (config.getBoolean("crash")) process.exit(3);
console.log("noise", config.get("password"));
const own = new k8s.Provider("own", { namespace: "shop" });
const service = new k8s.core.v1.Service("web", { spec: { ports: [{ port: 80 }] } }, { provider: own });
new k8s.apiextensions.CustomResource("route", {
  apiVersion: "networking.istio.io/v1", kind: "VirtualService",
  metadata: { name: "route", namespace: pulumi.getStack() },
  spec: { hosts: [pulumi.interpolate\`\${service.metadata.name}.\${pulumi.getProject()}\`],
    http: [{ route: [{ destination: { host: "a" }, weight: config.requireNumber("weight") }] }] },
});
new k8s.core.v1.ConfigMap("facts", { data: {
  address: service.status.loadBalancer.ingress[0].ip, greeting: config.require("greeting"),
  password: config.get("password"), wrapped: pulumi.secret("in-the-code"),
} });
new k8s.yaml.v2.ConfigGroup("texts", { yaml: "apiVersion: v1\\nkind: ConfigMap\\nmetadata: { name: text }" });
new k8s.yaml.v2.ConfigFile("file", { file: "seen-by-the-provider.yaml" });
new k8s.core.v1.Secret("login", { stringData: { password: config.requireSecret("password"), pin: "in-the-code-too" } });
new k8s.helm.v3.Release("db", { chart: "postgres", version: "1.2.3", values: { auth: config.requireSecretObject("auth") } });
`;
const PULUMI_YAML = `name: foreign
runtime: { name: nodejs, options: { typescript: false } }
main: program/
config:
  greeting: { type: string, default: hello }
  weight: { default: 1 }
`;
const STACK = `config:
  foreign:weight: 30
  foreign:password: { secure: v1:abc:not-to-be-seen }
  foreign:auth: { user: admin, password: { secure: v1:abc:neither-this } }
`;

describe("a program of others", () => {
  let folder: string;
  let committed: Side;
  let edited: Side;
  const git = (...args: string[]): void => {
    const as = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"];
    execFileSync("git", [...as, ...args], { cwd: folder, stdio: "pipe" });
  };
  const write = (name: string, contents: string): void => {
    writeFileSync(path.join(folder, name), contents);
  };
  const copies = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith("shopzier-ref-"));
  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "shopzier-tests-"));
    mkdirSync(path.join(folder, "program"));
    write("program/index.js", PROGRAM);
    write("Pulumi.yaml", PULUMI_YAML);
    write("Pulumi.live.yaml", STACK);
    write("package.json", "{}");
    write("package-lock.json", "{}");
    write(".gitignore", "node_modules");
    symlinkSync(path.join(ROOT, "node_modules"), path.join(folder, "node_modules"));
    git("init", "-q", "-b", "main");
    git("add", ".");
    git("commit", "-q", "-m", "first");
    write("Pulumi.live.yaml", STACK.replace("30", "40").replace("neither-this", "another"));
    write("Pulumi.broken.yaml", 'config: { broken: "true" }');
    write("Pulumi.crash.yaml", 'config: { crash: "true" }');
    const sides = [
      fromProgram({ folder, ref: "main", stack: "live" }),
      fromProgram({ folder, stack: "live" }),
    ];
    [committed = assert.fail(), edited = assert.fail()] = await Promise.all(sides);
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  it("runs for a ref and for the working tree, each with its own settings", () => {
    const weight = (side: Side): unknown =>
      (byKey(side).get("VirtualService live/route")?.spec as { http: { route: { weight: number }[] }[] })
        .http[0]?.route[0]?.weight;
    assert.deepEqual([committed.title, weight(committed)], ["main", 30]);
    assert.deepEqual([edited.title, weight(edited)], ["the working tree", 40]);
    assert.deepEqual(committed.objects.map(keyOf), [
      "ConfigMap default/facts",
      "ConfigMap default/text",
      "Release default/db",
      "Secret default/login",
      "Service shop/web",
      "VirtualService live/route",
    ]);
  });

  it("names what only an engine can tell", () => {
    assert.deepEqual(edited.notShown, ["the objects of ConfigFile file"]);
  });

  it("has its project's defaults, generated names, and marks for what only an update knows", () => {
    const objects = byKey(edited);
    assert.deepEqual((objects.get("VirtualService live/route")?.spec as { hosts: string[] }).hosts, [
      "web.foreign",
    ]);
    const { address, greeting } = objects.get("ConfigMap default/facts")?.data as Record<string, string>;
    assert.deepEqual({ address, greeting }, { address: UNKNOWN, greeting: "hello" });
  });

  it("shows no secret, but that a Secret differs", () => {
    const { password, wrapped } = byKey(edited).get("ConfigMap default/facts")?.data as Record<
      string,
      string
    >;
    assert.deepEqual({ password, wrapped }, { password: SECRET, wrapped: SECRET });
    const values = (side: Side): unknown =>
      (byKey(side).get("Release default/db")?.spec as { values: unknown }).values;
    assert.deepEqual(values(edited), { auth: SECRET });
    const login = (side: Side): unknown => byKey(side).get("Secret default/login");
    assert.deepEqual((login(edited) as { data: unknown }).data, { password: SECRET, pin: SECRET });
    assert.deepEqual(login(committed), login(edited));
    for (const text of [JSON.stringify(committed), JSON.stringify(edited)])
      assert.doesNotMatch(text, /in-the-code|not-to-be-seen|neither-this|another|\d{16}/);
  });

  it("that refuses its settings gives its own report, and one that ends is an error, too", async () => {
    await assert.rejects(fromProgram({ folder, stack: "broken" }), (error: Error) => {
      assert.match(
        error.message,
        /^The program of the working tree failed with exit code 32:\n.*weights: found 90, allowed: 100/,
      );
      assert.doesNotMatch(error.message, /^\s+at /m);
      return true;
    });
    await assert.rejects(fromProgram({ folder, stack: "crash" }), {
      message: /failed with exit code 3:\nit said nothing$/,
    });
  });

  it("at a ref without the stack has nothing, and says which there are", async () => {
    const side = await fromProgram({ folder, ref: "HEAD", stack: "crash" });
    assert.deepEqual(side, {
      title: "HEAD",
      objects: [],
      notShown: ["HEAD has no stack crash; it has live"],
    });
  });

  it("at a ref that is unknown, or has other packages, is refused; no copy stays", async () => {
    await assert.rejects(fromProgram({ folder, ref: "gone", stack: "live" }), {
      message: /^gone: git knows no such branch, tag or commit\n {2}repair: {2}`git fetch origin`/,
    });
    await assert.rejects(fromProgram({ folder, ref: "--output=x", stack: "live" }), {
      message: /git knows no such/,
    });
    write("package-lock.json", '{ "other": true }');
    await assert.rejects(fromProgram({ folder, ref: "main", stack: "live" }), {
      message: /^main: package-lock.json differs .*needs other packages/,
    });
    assert.deepEqual(copies(), []);
  });
});
