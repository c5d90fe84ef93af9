import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { keyOf, SECRET, UNKNOWN, type Comparison, type KubernetesObject, type Side } from "../../cli/side";
import { fromPreview } from "../../cli/sources/preview";
import { objectsOfResources } from "../../cli/sources/pulumi-objects";

const RECORDED = path.join(__dirname, "previews");
const recorded = (name: string): Promise<Comparison> =>
  fromPreview({ folder: ".", digestFile: path.join(RECORDED, `${name}.json`) });
const keys = ({ objects }: Side): string[] => objects.map(keyOf);
const object = ({ objects }: Side, key: string): KubernetesObject =>
  objects.find((one) => keyOf(one) === key) ?? assert.fail(`${key} among ${objects.map(keyOf).join(", ")}`);

/** Of a program in another language, with another project. */
const urn = (type: string, name: string): string => `urn:pulumi:live::other::my:index:Shop$${type}::${name}`;
const state = (type: string, name: string, inputs: object, more: object = {}): object => ({
  urn: urn(type, name),
  custom: true,
  type,
  inputs,
  ...more,
});
const service = (port: number): object =>
  state("kubernetes:core/v1:Service", "web", {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "shop" },
    spec: { ports: [{ port }], clusterIP: UNKNOWN },
  });
const secret = (data: unknown): object =>
  state("kubernetes:core/v1:Secret", "login", {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "login" },
    data,
  });
const wrapped = (plaintext: string): object => ({
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
  plaintext: JSON.stringify(plaintext),
});
const config = (value: unknown): object =>
  state("kubernetes:core/v1:ConfigMap", "facts", { metadata: { name: "facts" }, data: { value } });
const FOREIGN = {
  steps: [
    {
      op: "same",
      urn: "urn:pulumi:live::other::pulumi:pulumi:Stack::other-live",
      newState: { type: "pulumi:pulumi:Stack" },
    },
    { op: "update", urn: urn("my:index:Shop", "shop"), oldState: {}, newState: { custom: false } },
    {
      op: "create-replacement",
      urn: urn("kubernetes:core/v1:Service", "web"),
      oldState: service(80),
      newState: service(81),
    },
    {
      op: "replace",
      urn: urn("kubernetes:core/v1:Service", "web"),
      oldState: service(80),
      newState: service(81),
    },
    {
      op: "update",
      urn: urn("kubernetes:core/v1:Secret", "login"),
      oldState: secret({ a: "cGxhbnRlZA==" }),
      newState: secret(wrapped("planted")),
    },
    {
      op: "update",
      urn: urn("kubernetes:core/v1:ConfigMap", "facts"),
      oldState: config("[secret]"),
      newState: config(wrapped("planted")),
    },
    {
      op: "create",
      urn: urn("aws:s3:Bucket", "logs"),
      newState: state("aws:s3:Bucket", "logs", { password: "planted" }),
    },
    { op: "delete-replaced", urn: urn("kubernetes:core/v1:Service", "web"), oldState: service(80) },
    {
      op: "refresh",
      urn: urn("kubernetes:core/v1:Pod", "seen"),
      oldState: state("kubernetes:core/v1:Pod", "seen", {}),
    },
    {
      op: "of the future",
      urn: urn("kubernetes:core/v1:Pod", "later"),
      newState: state("kubernetes:core/v1:Pod", "later", {}),
    },
    "no step",
  ],
  diagnostics: null,
  changeSummary: { same: 1 },
};

it("no secret of any resource is in a side, wherever it is", () => {
  const { secret: value } = fc.letrec((tie) => ({
    secret: fc.oneof(
      { withCrossShrink: true },
      fc
        .constantFrom("planted", { deep: "planted" })
        .map((text) => ({ ...wrapped("x"), plaintext: JSON.stringify(text) })),
      fc.constant({ ...wrapped("x"), plaintext: undefined, value: "planted" }),
      fc.constantFrom("text", "key=planted-setting"),
      fc.array(tie("secret"), { maxLength: 2 }),
      fc.dictionary(fc.constantFrom("data", "spec", "name", "annotations"), tie("secret"), { maxKeys: 2 }),
    ),
  }));
  const types = [
    "core/v1:Secret",
    "core/v1:ConfigMap",
    "networking.istio.io/v1:VirtualService",
    "helm.sh/v3:Release",
  ];
  const fields = { data: value, stringData: value, spec: value, values: value, metadata: value, type: value };
  const inputs = fc.record(fields, { requiredKeys: [] });
  fc.assert(
    fc.property(fc.constantFrom(...types), inputs, (type, given) => {
      const resource = { urn: "urn", type: `kubernetes:${type}`, name: "a", custom: true, inputs: given };
      const side = objectsOfResources([resource], { secrets: ["planted-setting"] });
      assert.doesNotMatch(JSON.stringify(side), /planted|cGxhbnRlZA/);
    }),
    { numRuns: 2000 },
  );
});

describe("a Pulumi preview", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "shopzier-preview-"));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });
  const digest = (contents: string | object): Promise<Comparison> => {
    const file = path.join(folder, "digest.json");
    writeFileSync(file, typeof contents === "string" ? contents : JSON.stringify(contents));
    return fromPreview({ folder, digestFile: file });
  };

  it("of a weight edit is both sides, and the one step between", async () => {
    const comparison = await recorded("weight-edit");
    const { before, after, title, steps } = comparison;
    assert.equal(title, "lab");
    assert.deepEqual(steps, [
      {
        operation: "update",
        object: "VirtualService category/category",
        urn: "urn:pulumi:lab::shopzier::shopzier-mesh:index:CategoryApi$shopzier-mesh:index:VersionRoutes$kubernetes:networking.istio.io/v1:VirtualService::category-routes-route",
      },
    ]);
    const weights = (side: Side): number[] | undefined =>
      (
        object(side, "VirtualService category/category").spec as { http: { route: { weight: number }[] }[] }
      ).http
        .at(-1)
        ?.route.map(({ weight }) => weight);
    assert.deepEqual(
      [weights(before), weights(after)],
      [
        [80, 20],
        [70, 30],
      ],
    );
    assert.deepEqual(keys(before), keys(after));
    assert.deepEqual(keys(after), [
      "Release istio-system/istiod",
      "Deployment category/category-v1",
      "DestinationRule category/category-v1",
      "VirtualService category/category",
    ]);
    assert.match(
      String(object(after, "VirtualService category/category").metadata.creationTimestamp),
      /^2026-.*Z$/,
    );
    assert.deepEqual(after.notShown, []);
    assert.equal(comparison.error, undefined);
  });

  it("that failed has the program's own report as its error", async () => {
    const { error, before, after } = await recorded("wrong-weights");
    assert.match(
      error ?? "",
      /^The configuration of stack lab has 1 problem\.\n\nshopzier:traffic\.weights \[SM0406\]/,
    );
    assert.deepEqual([before.objects, after.objects], [[], []]);
  });

  it("of another program, in any language, is read in the same way", async () => {
    const { title, before, after, steps } = await digest(FOREIGN);
    assert.equal(title, "live");
    assert.deepEqual(keys(before), ["Service shop/web", "Secret default/login", "ConfigMap default/facts"]);
    assert.deepEqual(keys(after), keys(before));
    assert.deepEqual(
      steps?.map(({ operation, object: what }) => `${operation} ${what}`),
      [
        "replace Service shop/web",
        "update Secret default/login",
        "update ConfigMap default/facts",
        "create aws:s3:Bucket logs",
      ],
    );
    assert.deepEqual(object(after, "Service shop/web").spec, { ports: [{ port: 81 }], clusterIP: UNKNOWN });
    assert.deepEqual([before.notShown, after.notShown], [[], []]);
  });

  it("shows no secret, whether Pulumi hid it or not", async () => {
    const { before, after } = await digest(FOREIGN);
    assert.doesNotMatch(JSON.stringify([before, after]), /planted|cGxhbnRlZA/);
    for (const side of [before, after])
      assert.deepEqual(object(side, "ConfigMap default/facts").data, { value: SECRET });
    assert.notDeepEqual(object(before, "Secret default/login"), object(after, "Secret default/login"));
  });

  it("without unchanged resources says so", async () => {
    const { after } = await digest({ ...FOREIGN, changeSummary: { same: 8, update: 1 } });
    assert.deepEqual(after.notShown, ["7 unchanged resources: the preview was made without --show-sames"]);
  });

  it("gives only errors among its diagnostics, without colours", async () => {
    const { error } = await digest({
      steps: [],
      diagnostics: [
        { severity: "warning", message: "old" },
        { severity: "error", message: "<{%fg 1%}>error: <{%reset%}>one\n" },
        { severity: "error", message: "error: \u001b[31mtwo\u001b[0m" },
        7,
      ],
    });
    assert.equal(error, "one\ntwo");
  });

  for (const [contents, found] of [
    ["", "nothing"],
    ['{ "steps": [', "text that is not one JSON value"],
    ['{"sequence":1}\n{"sequence":2}', "text that is not one JSON value"],
    ["[]", "a list of 0"],
    ["null", "nothing"],
    ['"steps"', "text"],
    ['{ "kind": "List" }', "a map without steps"],
    ['{ "steps": {} }', "a map as steps"],
  ] as const) {
    it(`is not ${JSON.stringify(contents)}, which is refused in plain words`, async () => {
      await assert.rejects(digest(contents), (error: Error) => {
        assert.equal(error.name, "SourceError");
        assert.match(
          error.message,
          new RegExp(`digest\\.json: found ${found}\n {2}allowed: the output of .pulumi preview --json`),
        );
        return true;
      });
    });
  }

  it("needs its file, and without one an engine", async () => {
    const gone = path.join(folder, "gone.json");
    await assert.rejects(fromPreview({ folder, digestFile: gone }), {
      message: `${gone}: there is no such file`,
    });
    await withPath(folder, async () => {
      rmSync(path.join(folder, "pulumi"), { force: true });
      await assert.rejects(fromPreview({ folder }), {
        name: "SourceError",
        message: /^pulumi is not on the PATH: .*\n {2}repair: {2}install it .*, or compare two git refs/,
      });
    });
  });

  it("runs the engine, and gives what it says without a digest as the error", async () => {
    const engine = path.join(folder, "pulumi");
    const run = async (script: string, stack?: string): Promise<Comparison> => {
      writeFileSync(engine, `#!/bin/sh\n${script}\n`);
      chmodSync(engine, 0o755);
      return withPath(folder, () => fromPreview({ folder, ...(stack !== undefined && { stack }) }));
    };
    const asked = await run(
      'echo "{ \\"steps\\": [], \\"diagnostics\\": [{ \\"severity\\": \\"error\\", \\"message\\": \\"$*\\" }] }"',
      "live",
    );
    assert.equal(
      asked.error,
      "preview --json --non-interactive --show-sames --show-replacement-steps --stack live",
    );
    const failed = await run(`echo "error: no stack named 'nope' found" >&2; exit 6`, "nope");
    assert.deepEqual([failed.title, failed.error, failed.steps], ["nope", "no stack named 'nope' found", []]);
    assert.equal((await run("exit 3")).error, "pulumi preview ended with 3");
    await assert.rejects(run("echo hello"), {
      message: /^pulumi preview --json: found text that is not one JSON value/,
    });
  });
});

async function withPath<Result>(folder: string, act: () => Promise<Result>): Promise<Result> {
  const { PATH } = process.env;
  process.env.PATH = folder;
  try {
    return await act();
  } finally {
    process.env.PATH = PATH;
  }
}
