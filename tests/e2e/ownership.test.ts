import { execa } from "execa";
import assert from "node:assert/strict";
import path from "node:path";
import { stackEnvironment } from "../../lab/stack";
import type { Findings } from "../../cli/doctor/examine";
import { kubectl, ROOT, tool } from "../../lab/harness";

const FOLDER = path.join(ROOT, "tests/e2e/ownership");
const pulumi = (...args: string[]) =>
  tool("pulumi", "--cwd", FOLDER, ...args, "--stack", "owned", "--non-interactive", "--color", "never");
const components = (...names: string[]): string[] => ["-c", `components=${JSON.stringify(names)}`];
const up = (...names: string[]) => pulumi("up", "--yes", "--skip-preview", ...components(...names));

/** Ends well. */
async function well(run: ReturnType<typeof pulumi>): Promise<void> {
  const { exitCode, all } = await run;
  assert.equal(exitCode, 0, all);
}

/** Fails, and says what. */
async function refused(run: ReturnType<typeof pulumi>): Promise<string> {
  const { exitCode, all } = await run;
  assert.notEqual(exitCode, 0, all);
  assert.match(all, /exist and are not in the state of this stack/);
  return all;
}

describe("what exists already", () => {
  before(async () => {
    await kubectl("create", "namespace", "owned-a");
    await kubectl("create", "configmap", "precious", "-n", "owned-a");
    await kubectl("create", "namespace", "owned-b");
    await tool("pulumi", "--cwd", FOLDER, "stack", "select", "--create", "owned", "--non-interactive");
  });
  after(async () => {
    await pulumi("destroy", "--yes", "--skip-preview");
    await pulumi("stack", "rm", "--yes");
    await kubectl("delete", "namespace", "owned-a", "owned-b", "--ignore-not-found");
  });

  let importCommand: string;

  it("is listed by one preview, refused by `up`, and not deleted by `destroy`", async () => {
    const preview = await refused(pulumi("preview", ...components("a", "b")));
    for (const name of ["owned-a", "owned-b"]) {
      assert.match(preview, new RegExp(`Namespace ${name}\\n +found: +written by kubectl-create`));
    }
    importCommand = preview.slice(preview.indexOf("echo '"), preview.indexOf("\nResources:")).trim();
    await refused(up("a", "b"));
    await well(pulumi("destroy", "--yes", "--skip-preview"));
    await kubectl("get", "configmap", "precious", "-n", "owned-a");
  });

  it("becomes the stack's by the commands that the report prints", async () => {
    const run = importCommand
      .replace("pulumi import", "pulumi import --yes --stack owned --non-interactive")
      .replaceAll("import.json", path.join(ROOT, ".lab/e2e/import.json"));
    const imported = await execa("bash", ["-euc", run], {
      cwd: FOLDER,
      env: stackEnvironment(),
      all: true,
      reject: false,
    });
    assert.equal(imported.exitCode, 0, `${run}\n${imported.all}`);
    await well(up("a", "b"));
    await kubectl("get", "configmap", "precious", "-n", "owned-a");
  });

  it("goes on with what an interrupted update has made", async () => {
    const { stdout } = await pulumi("stack", "--show-urns");
    const made = /urn:\S+ConfigMap::b-configmap/.exec(stdout)?.[0];
    assert.ok(made, stdout);
    await well(pulumi("state", "delete", "--yes", made));
    await well(pulumi("preview", ...components("a", "b")));
    // Without server-side apply this provider creates as those from 4.29 on do: it refuses what exists.
    const refusing = await execa(
      "pulumi",
      ["--cwd", FOLDER, "up", "--yes", "--skip-preview", "--stack", "owned", "--non-interactive"],
      {
        env: { ...stackEnvironment(), PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY: "false" },
        all: true,
        reject: false,
      },
    );
    assert.notEqual(refusing.exitCode, 0, refusing.all);
    assert.match(refusing.all, /already exists/);
    assert.match(
      refusing.all,
      /ConfigMap category-dashboards is what an interrupted update .*upsertExistingObjects is true/,
    );
    await well(up("a", "b"));
  });

  it("under the name that a component had before wants an alias, so that nothing deletes it", async () => {
    assert.match(
      await refused(pulumi("preview", ...components("renamed-a", "b"))),
      /::a-namespace[\s\S]*alias/,
    );
    await refused(up("renamed-a", "b"));
    await kubectl("get", "configmap", "precious", "-n", "owned-a");
  });

  it("is seen by the doctor beforehand, and the lab's own stack has nothing of others", async () => {
    const doctor = (stack: string, ...args: string[]) =>
      tool("npx", "shopzier", "doctor", "--stack", stack, ...args);
    const { stdout, exitCode, all } = await doctor("lab", "--json");
    assert.equal(exitCode, 0, all);
    const { kubernetes, controlPlanes, gateways, missingRights, foreign } = JSON.parse(stdout) as Findings;
    assert.match(kubernetes, /^v1\./);
    const names = (parts: Findings["gateways"]) =>
      typeof parts === "string"
        ? parts
        : parts.map(({ namespace, name, version }) => [namespace, name, version]);
    assert.deepEqual(names(controlPlanes), [["istio-system", "istiod", "1.31.0"]]);
    assert.deepEqual(names(gateways), [["istio-ingress", "istio-ingressgateway", "1.31.0"]]);
    assert.deepEqual([missingRights, foreign], [[], []]);
    const other = await doctor("dev");
    assert.equal(other.exitCode, 2, other.all);
    assert.match(other.all, /- Namespace istio-ingress: Pulumi stack organization\/shopzier\/lab/);
  });

  it("is not asked for where no cluster answers: the preview says so and goes on", async () => {
    const { exitCode, all } = await execa(
      "pulumi",
      ["--cwd", FOLDER, "preview", ...components("c"), "--stack", "owned", "--non-interactive"],
      {
        env: { ...stackEnvironment(), KUBECONFIG: path.join(ROOT, ".lab/e2e/none") },
        all: true,
        reject: false,
      },
    );
    assert.equal(exitCode, 0, all);
    assert.match(all, /could not be checked/);
  });
});
