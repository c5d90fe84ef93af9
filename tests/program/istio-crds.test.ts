import Ajv, { type ValidateFunction } from "ajv";
import fc from "fast-check";
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { generatedSettings, inQuotes } from "../support/generated-settings";
import { runProgram, STACKS, stackConfig, type Run } from "../support/program";

const FOLDER = path.join(__dirname, "istio-crds");

/** The part of a CustomResourceDefinition's schema that decides which fields there are. */
interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: boolean | Schema;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
}

/** Refuses the fields that the API server would drop without a word. */
function closed(schema: Schema): Schema {
  const { properties, items, additionalProperties } = schema;
  const isOpen = additionalProperties ?? schema["x-kubernetes-preserve-unknown-fields"] ?? !properties;
  return {
    ...schema,
    ...(properties && {
      properties: Object.fromEntries(Object.entries(properties).map(([key, of]) => [key, closed(of)])),
    }),
    ...(items && { items: closed(items) }),
    additionalProperties: typeof isOpen === "object" ? closed(isOpen) : isOpen,
  };
}

/** What checks the spec of an object, by `<apiVersion>/<kind>`. */
type Checks = ReadonlyMap<string, ValidateFunction>;

function checksOf(file: string): Checks {
  const schemas = JSON.parse(readFileSync(path.join(FOLDER, file), "utf8")) as Record<string, Schema>;
  const ajv = new Ajv({ strict: false, validateFormats: false });
  return new Map(Object.entries(schemas).map(([kind, schema]) => [kind, ajv.compile(closed(schema))]));
}

/** What a release of Istio refuses of the objects, in words. */
function refusals(checks: Checks, objects: readonly Record<string, unknown>[]): string[] {
  return objects.flatMap(({ apiVersion, kind, metadata, spec }) => {
    const name = `${String(apiVersion)}/${String(kind)}`;
    const check = checks.get(name);
    if (!check) return [`${name}: no such kind`];
    if (check(spec)) return [];
    return [`${name} ${JSON.stringify(metadata)}: ${JSON.stringify(check.errors)}\n${JSON.stringify(spec)}`];
  });
}

const istioObjects = ({ resources }: Run): Record<string, unknown>[] =>
  resources.map(({ inputs }) => inputs).filter(({ apiVersion }) => /\.istio\.io\//.test(String(apiVersion)));

describe("every Istio object fits the CustomResourceDefinitions", function () {
  this.timeout("2m");
  const releases = readdirSync(FOLDER)
    .filter((file) => file.endsWith(".json"))
    .map((file) => [file.replace(".json", ""), checksOf(file)] as const);

  function assertFits(run: Run, source: unknown): void {
    const objects = istioObjects(run);
    for (const [release, checks] of releases)
      assert.deepEqual(refusals(checks, objects), [], `Istio ${release}: ${JSON.stringify(source, null, 1)}`);
  }

  for (const stack of STACKS)
    it(`of stack ${stack}`, async () => {
      assertFits(await runProgram(stackConfig(stack), { stack }), stack);
    });

  it("of generated settings", async () => {
    // Pulumi notes a stack for every promise, which takes most of the time.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    try {
      for (const { config } of fc.sample(generatedSettings, 24)) {
        const quoted = Object.entries(inQuotes(config)).map(
          ([key, value]) => [`shopzier:${key}`, value] as const,
        );
        assertFits(await runProgram(Object.fromEntries(quoted)), config);
      }
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  });

  it("and one with an unknown field, a wrong type or a wrong value does not", async () => {
    const objects = istioObjects(await runProgram(stackConfig("lab"), { stack: "lab" }));
    const route = objects.find(({ kind }) => kind === "VirtualService");
    const subset = objects.find(({ kind }) => kind === "DestinationRule");
    const loadBalancer = { simple: "FASTEST" };
    const wrong = [
      { ...route, spec: { ...(route?.spec as object), gateway: "shop" } },
      { ...route, spec: { ...(route?.spec as object), hosts: "shop.example.com" } },
      { ...subset, spec: { ...(subset?.spec as object), trafficPolicy: { loadBalancer } } },
      { ...subset, kind: "DestinationRules" },
    ];
    for (const [release, checks] of releases) assert.equal(refusals(checks, wrong).length, 4, release);
  });
});
