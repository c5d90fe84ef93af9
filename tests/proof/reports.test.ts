/** Reports made without a cluster say the same as those of the engine, and what they say is what the gateway does. */
import fc from "fast-check";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { diff } from "../../cli/diff/diff";
import type { Report } from "../../cli/diff/report";
import { fromPreview } from "../../cli/sources/preview";
import { assertSplit, Client } from "../../lab/client";
import { baseline, editStackFile, pulumi, ROOT, up } from "../../lab/harness";
import { parseSettings } from "../../stacks/config/settings";
import { generatedSettings, inQuotes } from "../support/generated-settings";
import { sideOfConfig } from "../support/sides";

const EDITS = Number(process.env.EDITS ?? 200);
const SHIFTS = 12;
type Config = Record<string, unknown>;

describe("proof: reports", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "shopzier-reports-"));
  let written: Config = {};
  before(async () => {
    await baseline();
    editStackFile((config) => {
      written = structuredClone(config);
    });
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  /** The engine's report of the settings in the stack file, against what is deployed. */
  async function ofEngine(): Promise<Report> {
    const { stdout, all, exitCode } = await pulumi(
      ...["preview", "--json", "--show-sames", "--show-replacement-steps"],
    );
    assert.equal(exitCode, 0, all);
    const digestFile = path.join(folder, "digest.json");
    writeFileSync(digestFile, stdout);
    return diff(await fromPreview({ folder: ROOT, digestFile }));
  }

  const write = (edited: Config): void => {
    editStackFile((config) => {
      for (const key of Object.keys(config)) Reflect.deleteProperty(config, key);
      Object.assign(config, structuredClone(edited));
    });
  };

  it(`of ${EDITS} generated edits have the same rules with and without an engine`, async function () {
    this.timeout(EDITS * 30_000);
    const edits = fc.sample(generatedSettings, EDITS * 2).flatMap(({ config }): Config[] => {
      const { traffic, loadBalancer } = inQuotes(config);
      const edited = {
        ...written,
        "shopzier:traffic": traffic,
        ...(loadBalancer !== undefined && { "shopzier:loadBalancer": loadBalancer }),
      };
      try {
        const bare = Object.entries(edited).map(([key, value]) => [key.replace("shopzier:", ""), value]);
        parseSettings(Object.fromEntries(bare) as Config, "lab");
        return [edited];
      } catch {
        return [];
      }
    });
    assert.ok(edits.length >= EDITS, `${edits.length} edits fit the lab`);
    const before = await sideOfConfig("lab", written);
    let changed = 0;
    for (const edited of edits.slice(0, EDITS)) {
      write(edited);
      const offline = diff({ title: "lab", before, after: await sideOfConfig("lab", edited) });
      const { rules, requests } = await ofEngine();
      assert.deepEqual(
        { rules: offline.rules, requests: offline.requests?.groups },
        { rules, requests: requests?.groups },
        JSON.stringify(edited, null, 1),
      );
      if (rules.length > 0) changed++;
    }
    assert.ok(changed > EDITS / 2, `${changed} edits change a rule`);
  });

  it(`say the shares that the gateway has: ${SHIFTS} shifts`, async function () {
    this.timeout(SHIFTS * 60_000);
    const client = await Client.open();
    const weights = fc.sample(fc.integer({ min: 0, max: 200 }), SHIFTS).map((half) => half / 2);
    for (const v2 of weights) {
      editStackFile((config) => {
        config["shopzier:traffic"] = { weights: { v1: "rest", v2 } };
      });
      const { rules } = await ofEngine();
      await up();
      const target = rules.at(-1)?.after;
      if (target?.kind !== "split") continue;
      const shares = Object.fromEntries(target.shares.map(({ to, percent }) => [to, percent]));
      assertSplit(await client.sample(1000), shares);
    }
    await client.close();
  });
});
