import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { alteredScalars, NUMBERS } from "../../stacks/settings/stack-file";
import { stackFileConfig } from "./wrong-settings";

interface Schema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
}

/** Paths at which a schema takes a number that need not be whole. */
function numbersIn(schema: Schema, at: readonly string[] = []): (readonly string[])[] {
  const { additionalProperties: others, items } = schema;
  return [
    ...([schema.type].flat().includes("number") ? [at] : []),
    ...Object.entries({ ...schema.properties }).flatMap(([key, inner]) => numbersIn(inner, [...at, key])),
    ...Object.values({ ...schema.patternProperties }).flatMap((inner) => numbersIn(inner, [...at, "*"])),
    ...(typeof others === "object" ? numbersIn(others, [...at, "*"]) : []),
    ...[...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap((inner) => numbersIn(inner, at)),
    ...(items ? numbersIn(items, at) : []),
  ];
}

describe("scalars of a stack file that Pulumi alters", () => {
  const file = (written: string, key = "set") =>
    `# a comment\nconfig:\n  shopzier:traffic:\n    ${key}: { A: ${written} }\n`;
  const found = (written: string, given: unknown, key = "set") =>
    alteredScalars(file(written, key), { traffic: JSON.stringify({ [key]: { A: given } }) }, "dev");

  for (const [written, given] of [
    ["1.10", 1.1],
    ["2.0", 2],
    ["2026-01-31", "2026-01-31 00:00:00 +0000 UTC"],
    ["0123", 83],
    ["0o20", 16],
    ["1_000", 1000],
    ["TRUE", true],
    ["1e3", 1000],
  ] as const) {
    it(`are refused with their line and the quoted form: ${written}`, () => {
      const [problem] = found(written, given);
      assert.equal(problem?.path, "shopzier:traffic.set.A");
      assert.equal(problem.found, `${written}, without quotes, in line 4`);
      assert.equal(problem.repairs[0], `write it in quotes in line 4 of the stack file: "${written}"`);
      assert.deepEqual(found(`"${written}"`, written), []);
      assert.deepEqual(found(written, "from the command line"), []);
    });
  }

  it("are not shown where they are an environment variable's", () => {
    const [problem] = found("0123", 83, "env");
    assert.equal(problem?.found, "a value, without quotes, in line 4");
    assert.doesNotMatch(JSON.stringify(problem), /0123|83/);
  });

  it("may end in zero wherever the schema takes a number", () => {
    const schema = JSON.parse(
      readFileSync(path.join(__dirname, "../../docs/stack.schema.json"), "utf8"),
    ) as Schema;
    const numbers = numbersIn(schema);
    assert.ok(numbers.length > 20);
    for (const at of numbers.filter((at) => !at.includes("headers")))
      assert.ok(
        at.some((key) => NUMBERS.includes(key)),
        at.join("."),
      );
  });

  it("are refused as weights, where a fraction may end in zero", () => {
    assert.equal(found("020", 16, "weights").length, 1);
    assert.equal(found("1e1", 10, "weights").length, 1);
    assert.deepEqual(found("20.50", 20.5, "weights"), []);
  });

  it("are in no stack file of ours", () => {
    const root = path.join(__dirname, "../..");
    for (const name of readdirSync(root).filter((file) => /^Pulumi\..+\.yaml$/.test(file))) {
      const text = readFileSync(path.join(root, name), "utf8");
      assert.deepEqual(alteredScalars(text, stackFileConfig(text), "dev"), [], name);
    }
  });
});
