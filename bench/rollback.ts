/** `shopzier rollback` from Enter to the last request at the version that was shifted to. */
import assert from "node:assert/strict";
import { execa } from "execa";
import { parseDocument } from "yaml";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { MARK_MANAGER, markText, SHIFT_MARK } from "../components/traffic/shift-mark";
import { Client, failures, lastMostly } from "../lab/client";
import { baseline, must, NAMESPACE, programFolder, ROOT } from "../lab/harness";
import { stackEnvironment } from "../lab/stack";
import { atMost, inTurn, ratio, type Result } from "./measure";

const COMMAND = path.join(ROOT, "components/dist/cli/shopzier.cjs");
const [BEFORE, SHIFTED] = [10, 99];

/** Against `up` of an empty program, which takes `emptyUp` seconds. */
export async function rollbackSpeed(emptyUp: () => Promise<number>): Promise<Result[]> {
  await baseline((config) => {
    config["shopzier:traffic"] = { weights: { v1: "rest", v2: BEFORE } };
  });
  const { folder, file } = programFolder("rollback");
  const client = await Client.open();
  const up = ["--cwd", folder, "up", "--yes", "--skip-preview", "--non-interactive", "--stack", "lab"];
  /** Seconds, and those until the command has ended. */
  const back = async (...options: string[]): Promise<number> => {
    const document = parseDocument(readFileSync(file, "utf8"));
    document.setIn(["config", "shopzier:traffic", "weights", "v2"], SHIFTED);
    writeFileSync(file, document.toString());
    await must("pulumi", ...up);
    const mark = {
      version: "v2",
      to: 100,
      before: { v1: "rest", v2: BEFORE },
      at: new Date().toISOString(),
    } as const;
    // As a shift writes it.
    await execa("kubectl", ["apply", "--server-side", `--field-manager=${MARK_MANAGER}`, "-f", "-"], {
      env: stackEnvironment(),
      input: JSON.stringify({
        ...{ apiVersion: "networking.istio.io/v1", kind: "VirtualService" },
        metadata: { name: "category", namespace: NAMESPACE, annotations: { [SHIFT_MARK]: markText(mark) } },
      }),
    });
    const load = client.load(100);
    const entered = performance.now();
    const { exitCode, all } = await execa(
      process.execPath,
      [COMMAND, "rollback", ...options, "--stack", "lab", "-C", folder],
      { env: stackEnvironment(), all: true, reject: false },
    );
    const answers = await load.stop();
    assert.equal(exitCode, 0, all);
    assert.deepEqual(failures(answers), {});
    return (lastMostly(answers, "v2") - entered) / 1000;
  };
  const [plain, now, empty] = await inTurn(
    5,
    () => back(),
    () => back("--now"),
    emptyUp,
  );
  await client.close();
  rmSync(folder, { recursive: true });
  await baseline();
  const name = "last request at the version that `shopzier rollback` leaves";
  return [
    atMost(name, plain, 4),
    ratio(`${name}, against \`up\` of an empty program`, plain, empty, 1.5),
    atMost(`${name}, with \`--now\``, now, 1),
  ];
}
