import assert from "node:assert/strict";
import path from "node:path";
import { assertSplit, Client, failures } from "../../lab/client";
import { baseline, must, outputs, ROOT, until } from "../../lab/harness";

const FOLDER = path.join(ROOT, "tests/proof/single-rule");
const pulumi = (...args: string[]): Promise<string> =>
  must("pulumi", "--cwd", FOLDER, ...args, "--stack", "single", "--non-interactive", "--color", "never");

/** Deploys the versions with their weights. */
async function deploy(weights: Record<string, number>): Promise<void> {
  const settings = {
    versions: JSON.stringify(Object.keys(weights)),
    weights: JSON.stringify(weights),
    image: "lab.internal/category-api:1.0.0",
  };
  await pulumi(
    "up",
    "--yes",
    "--skip-preview",
    ...Object.entries(settings).flatMap(([k, v]) => ["-c", `${k}=${v}`]),
  );
}

describe("proof: all subsets in one DestinationRule", () => {
  let client: Client;
  before(async () => {
    await baseline();
    await must("pulumi", "--cwd", FOLDER, "stack", "select", "--create", "single", "--non-interactive");
    await deploy({ v1: 50, v2: 50 });
    client = await Client.open({ url: (await outputs()).gatewayUrl, host: "single.lab.internal" });
    await until("the route answers", async () => (await client.ask()).status === 200);
  });
  after(async () => {
    await client.close();
    await pulumi("destroy", "--yes", "--skip-preview");
    await pulumi("stack", "rm", "--yes");
  });

  it("loses requests when a version is removed, barrier or not: the rule lets go of it before the route does", async () => {
    assertSplit(await client.sample(500), { v1: 50, v2: 50 });
    const load = client.load(200);
    await deploy({ v2: 100 });
    const lost = failures(await load.stop());
    assert.ok(Object.keys(lost).length > 0, "requests were lost");
    assertSplit(await client.sample(200), { v2: 100 });
  });
});
