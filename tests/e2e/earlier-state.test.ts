import { execa } from "execa";
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stackEnvironment } from "../../lab/stack";
import { nameOf, NEW_SINCE, STATE, STATE_CONFIG } from "../states/earlier-state";
import { ROOT } from "../../lab/harness";

/** A cluster that does not answer: what a preview shows then is by the state and the program alone. */
const NOWHERE = JSON.stringify({
  apiVersion: "v1",
  kind: "Config",
  "current-context": "none",
  contexts: [{ name: "none", context: { cluster: "none", user: "none" } }],
  clusters: [{ name: "none", cluster: { server: "https://127.0.0.1:1", "insecure-skip-tls-verify": true } }],
  // Without a user's credentials the provider asks for them.
  users: [{ name: "none", user: { token: "none" } }],
});

interface Preview {
  readonly steps: readonly { readonly op: string; readonly urn: string }[];
}

describe("a state that an earlier program wrote", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "shopzier-state-"));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  it("is gone on with: a preview shows no replacement, no deletion, and no creation but of what is new", async () => {
    const [kubeconfig, config] = [path.join(folder, "kubeconfig"), path.join(folder, "Pulumi.lab.yaml")];
    writeFileSync(kubeconfig, NOWHERE);
    // The CLI writes into it.
    copyFileSync(STATE_CONFIG, config);
    const pulumi = async (cwd: string, ...args: string[]): Promise<string> => {
      const { exitCode, stdout, stderr } = await execa("pulumi", [...args, "--non-interactive"], {
        cwd,
        env: { ...stackEnvironment(), PULUMI_BACKEND_URL: `file://${folder}`, KUBECONFIG: kubeconfig },
        reject: false,
        stdin: "ignore",
      });
      assert.equal(exitCode, 0, `${stdout}\n${stderr}`);
      return stdout;
    };
    // Not in the folder of the program: `stack init` writes into its stack file.
    writeFileSync(path.join(folder, "Pulumi.yaml"), "name: shopzier\nruntime: nodejs\n");
    await pulumi(folder, "stack", "init", "lab");
    await pulumi(folder, "stack", "import", "--stack", "lab", "--file", STATE);
    const preview = await pulumi(ROOT, "preview", "--json", "--stack", "lab", "--config-file", config);
    const { steps } = JSON.parse(preview) as Preview;
    const by = (op: string): string[] => steps.filter((step) => step.op === op).map(({ urn }) => urn);
    // A new component has no object.
    const created = by("create").filter((urn) => /[$:]kubernetes:/.test(urn));
    assert.deepEqual(created.map(nameOf).sort(), NEW_SINCE);
    assert.deepEqual([...new Set(steps.map(({ op }) => op))].sort(), ["create", "same", "update"]);
    assert.ok(by("update").length > 30, JSON.stringify(by("update")));
  });
});
