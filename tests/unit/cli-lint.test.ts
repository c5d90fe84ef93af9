import assert from "node:assert/strict";
import { OTHERS, rulesLike } from "../../docs/lint-reference";
import { LINT_SAMPLES, repaired, sideOfText } from "../../docs/lint-samples";
import { ALL_RULES } from "../../cli/lint/all-rules";
import { lint } from "../../cli/lint/lint";

const codesOf = (text: string): string[] =>
  lint(sideOfText("sample.yaml", text)).findings.map(({ code }) => code);

describe("shopzier lint", () => {
  describe("each sample of docs/lint makes exactly its finding, and its repair none", () => {
    for (const sample of LINT_SAMPLES)
      it(sample.code, () => {
        assert.deepEqual(
          codesOf(sample.wrong),
          Array.from({ length: sample.findings ?? 1 }, () => sample.code),
        );
        assert.notEqual(repaired(sample), sample.wrong);
        assert.deepEqual(codesOf(repaired(sample)), []);
      });
  });

  it("has a sample of each rule, and no code twice", () => {
    const codes = ALL_RULES.map(({ code }) => code);
    assert.deepEqual(LINT_SAMPLES.map(({ code }) => code).sort(), [...codes].sort());
    assert.equal(new Set(codes).size, codes.length);
  });

  it("finds what istioctl, Kiali and the security page name, or says why not", () => {
    const named = Object.values(OTHERS).flat();
    for (const { name, why } of named)
      assert.ok(rulesLike(name).length > 0 || why !== "", `${name} has neither a rule nor a reason`);
    const names = named.map(({ name }) => name);
    for (const { code, like } of ALL_RULES)
      for (const one of like) assert.ok(names.includes(one.replace(/^page: /, "")), `${code} is like ${one}`);
  });
});
