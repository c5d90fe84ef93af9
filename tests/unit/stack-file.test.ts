import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parseSettings, SettingsError, type Reported, type Settings } from "../../stacks/config/settings";
import { RIGHT_SETTINGS, stackFileConfig } from "../../docs/wrong-settings";

/** Settings of a stack file; `source` is its text, if that is not the file that Pulumi has read. */
function outcome(text: string, source = text): Settings | readonly Reported[] {
  try {
    return parseSettings({ ...RIGHT_SETTINGS.dev, ...stackFileConfig(text) }, "dev", source);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
}
const problems = (text: string, source?: string): readonly Reported[] => {
  const found = outcome(text, source);
  return Array.isArray(found) ? (found as Reported[]) : [];
};

describe("scalars of a stack file that Pulumi alters", () => {
  const header = (written: string) =>
    `# a comment\nconfig:\n  shopzier:traffic:\n    weights: { v1: rest, v2: 20 }\n    headers: { response: { set: { a: ${written} } } }\n`;
  const HEADER = "shopzier:traffic.headers.response.set.a";

  for (const written of [
    ...[
      "1.10",
      "2.0",
      "5.",
      ".5",
      "+5",
      "2026-01-31",
      "2026-01-31T10:00:00Z",
      "0123",
      "0o20",
      "0x1F",
      "0b11",
    ],
    ...["1_000", "TRUE", "False", "1e3", "12345678901234567890"],
  ]) {
    it(`are refused with their line and the quoted form if the setting is text: ${written}`, () => {
      const [problem, ...others] = problems(header(written));
      assert.deepEqual(others, []);
      assert.equal(problem?.path, HEADER);
      assert.equal(problem.found, `${written}, without quotes, in line 5`);
      assert.deepEqual(problem.repairs, [`write it in quotes in line 5 of the stack file: "${written}"`]);
      assert.deepEqual(problems(header(`"${written}"`)), []);
    });
  }

  it("are found behind aliases and merge keys", () => {
    const text = `config:
  other:a: &a 1.10
  other:b: &b { a: 0123 }
  shopzier:traffic:
    weights: { v1: rest, v2: 20 }
    headers:
      request: { set: { b: *a } }
      response: { set: { <<: *b } }
`;
    assert.deepEqual(
      problems(text).map(({ path, found }) => [path, found]),
      [
        ["shopzier:traffic.headers.request.set.b", "1.10, without quotes, in line 2"],
        [HEADER, "0123, without quotes, in line 3"],
      ],
    );
    assert.deepEqual(problems(text.replace("{ <<: *b }", "{ <<: *b, a: x }").replace("1.10", "x")), []);
  });

  it("are not shown if they are the value of an environment variable", () => {
    const [problem] = problems(
      "config:\n  shopzier:category:\n    host: a.example.com\n    versions: { v1: { image: a:1, env: { A: 0123 } }, v2: { image: a:1 } }\n",
    );
    assert.equal(problem?.found, "a value, without quotes, in line 4");
    assert.doesNotMatch(JSON.stringify(problem), /0123|83/);
  });

  it("are refused as weights in notations that YAML alters", () => {
    const weights = (v2: string) =>
      problems(`config:\n  shopzier:traffic: { weights: { v1: rest, v2: ${v2} } }\n`);
    for (const written of ["020", "1e1", "1_0"])
      assert.deepEqual(
        weights(written).map(({ repairs }) => repairs),
        [["write the number that is meant in decimal digits, in line 2 of the stack file"]],
      );
    assert.deepEqual(weights("20.50"), []);
  });

  it("come first in the report, and hide problems that follow from them", () => {
    const text = `config:
  shopzier:loadBalancer: RANDM
  shopzier:traffic: { weights: { v1: 80, v2: 020 }, headers: { response: { set: { a: 1.10 } } } }
  shopzier:a: 0x1
`;
    assert.deepEqual(
      problems(text).map((problem) => problem.path),
      [HEADER, "shopzier:traffic.weights.v2", "shopzier:a", "shopzier:loadBalancer"],
    );
  });

  it("are in no stack file of ours", () => {
    const root = path.join(__dirname, "../..");
    for (const name of readdirSync(root).filter((file) => /^Pulumi\..+\.yaml$/.test(file)))
      assert.deepEqual(problems(readFileSync(path.join(root, name), "utf8")), [], name);
  });

  describe("if the stack file is not the source", () => {
    const other = header('"x"');

    for (const written of ["5", "1.1", "true", "0123", "2026-01-31"]) {
      it(`are refused if the setting is text, in any notation: ${written}`, () => {
        for (const file of ["", other]) {
          const [problem, ...others] = problems(header(written), file);
          assert.deepEqual(others, []);
          assert.equal(problem?.path, HEADER);
          assert.match(problem.found, /that is not from the stack file$/);
          assert.match(problem.repairs.join(), /in quotes/);
        }
        assert.deepEqual(problems(header(`"${written}"`), other), []);
      });
    }

    it("are accepted if the setting is a number or a switch", () => {
      const text =
        "config:\n  shopzier:gateway: { replicas: 2, http: true }\n  shopzier:traffic: { weights: { v1: 79.5, v2: 20.5 } }\n";
      assert.deepEqual(problems(text, ""), []);
    });

    it("may be in the file as they were given", () => {
      for (const written of ["5", "1.1", "true"]) assert.deepEqual(problems(header(written)), []);
    });
  });
});
