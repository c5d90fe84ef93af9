/** The rules of `shopzier lint` and Istio's own analyzers, over the samples of docs/lint and over Istio's own. */
import assert from "node:assert/strict";
import { execa } from "execa";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ALL_RULES } from "../../cli/lint/all-rules";
import { lint } from "../../cli/lint/lint";
import { SourceError } from "../../cli/sources/source-error";
import { LINT_SAMPLES, repaired, sideOfText } from "../../docs/lint-samples";

const MODULE = path.join(__dirname, "../../lab/toolchain/istio");

/** As lab/toolchain.ts builds istioctl, so that what it compiled is used again. */
const GO = { GOTOOLCHAIN: "local", CGO_ENABLED: "0", GOFLAGS: "-trimpath" };
const FLAGS = ["-gcflags=all=-dwarf=false", "-tags", "vtprotobuf,disable_pgv", "-ldflags", "-s -w"];

/** Of each text what Istio's analyzers find: `IST0101 Kind namespace/name: message`. */
async function analyzed(texts: Readonly<Record<string, string>>): Promise<Record<string, string[]>> {
  const folder = mkdtempSync(path.join(tmpdir(), "lint-"));
  try {
    const [program, found] = [path.join(folder, "analyze"), path.join(folder, "found.json")];
    const source = path.join(__dirname, "istio-analyze.go");
    await execa("go", ["build", ...FLAGS, "-o", program, source], { cwd: MODULE, env: GO });
    await execa(program, [found], { input: JSON.stringify(texts), stdout: "ignore" });
    return JSON.parse(readFileSync(found, "utf8")) as Record<string, string[]>;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const codeOf = (message: string): string => message.split(" ")[0] ?? "";
const likeOf = (code: string): readonly string[] => ALL_RULES.find((rule) => rule.code === code)?.like ?? [];

/** Istio asks more of their repairs than a sample has: a real certificate, the webhook of an injector. */
const REPAIRED_ELSEWHERE = ["SL305", "SL614"];

describe("proof: shopzier lint and Istio's analyzers", () => {
  it("find the same in each sample, and less of it after its repair", async () => {
    const samples = LINT_SAMPLES.filter(({ code }) => likeOf(code).some((one) => one.startsWith("IST")));
    const found = await analyzed(
      Object.fromEntries(
        samples.flatMap((sample) => [
          [`${sample.code} wrong`, sample.wrong],
          [`${sample.code} repaired`, repaired(sample)],
        ]),
      ),
    );
    assert.ok(samples.length > 40);
    for (const { code } of samples) {
      // istioctl says of a field of the wrong type that the object cannot be read.
      const like = code === "SL001" ? ["unreadable:"] : likeOf(code);
      const [before = 0, after = 0] = ["wrong", "repaired"].map(
        (state) => found[`${code} ${state}`]?.filter((message) => like.includes(codeOf(message))).length,
      );
      const all = JSON.stringify(found[`${code} wrong`]);
      assert.ok(before > 0, `${code}: Istio finds none of ${like.join(", ")}: ${all}`);
      if (!REPAIRED_ELSEWHERE.includes(code))
        assert.ok(after < before, `${code}: Istio finds as much after the repair: ${all}`);
    }
  });

  it("of Istio's own samples lint says nothing that Istio does not, but for what its security page advises", async () => {
    const { stdout } = await execa("go", ["mod", "download", "-json", "istio.io/istio"], { cwd: MODULE });
    const { Dir: folder } = JSON.parse(stdout) as { Dir: string };
    const files = globSync(`${folder}/samples/**/*.yaml`);
    const texts = Object.fromEntries(
      files.map((file) => [path.relative(folder, file), readFileSync(file, "utf8")]),
    );
    const found = await analyzed(texts);
    const more: string[] = [];
    let read = 0;
    for (const [file, text] of Object.entries(texts)) {
      let side;
      try {
        side = sideOfText(file, text);
      } catch (error) {
        // Values of charts, and configuration of other programs.
        if (error instanceof SourceError) continue;
        throw error;
      }
      read++;
      const messages = found[file] ?? [];
      for (const { code, object, field, message } of lint(side).findings) {
        // Istio looks at the pods that come of a template.
        if (field.startsWith("spec.template.metadata")) continue;
        const like = likeOf(code);
        // Istio leaves the namespace out where the file does.
        const [kind = "", name = ""] = object.replace(" default/", " ").split(" ");
        const isFound = messages.some(
          (one) => like.includes(codeOf(one)) && one.includes(` ${kind} `) && one.includes(name),
        );
        if (!isFound && !like.some((one) => one.startsWith("page: ")))
          more.push(`${file}: ${code} ${object}: ${message}`);
      }
    }
    assert.ok(read > 90, String(read));
    assert.deepEqual(more, []);
  });
});
