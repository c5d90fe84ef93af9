import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { keyOf, SECRET } from "../../cli/side";
import { fromManifests, objectsOf } from "../../cli/sources/manifests";
import { SourceError } from "../../cli/sources/source-error";

const read = (text: string): ReturnType<typeof objectsOf> => objectsOf([{ file: "a.yaml", text }]);
const keys = (text: string): string[] => read(text).objects.map(keyOf);
const object = (kind: string, metadata = "{ name: a }"): string =>
  `apiVersion: v1\nkind: ${kind}\nmetadata: ${metadata}\n`;
const refused = (text: string, message: string | RegExp): void => {
  assert.throws(() => read(text), { name: "SourceError", message });
};

describe("the objects of manifests", () => {
  it("are those of all documents, as Helm, kustomize and kubectl write them", () => {
    const helm = `---\n# Source: shop/templates/empty.yaml\n---\n# Source: shop/templates/a.yaml\n${object("Service")}`;
    assert.deepEqual(keys(helm), ["Service default/a"]);
    assert.deepEqual(keys(`${object("Service")}---\n${object("Pod", "{ name: b, namespace: c }")}---\n`), [
      "Service default/a",
      "Pod c/b",
    ]);
    assert.deepEqual(keys(`\n{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"}}`), [
      "Service default/a",
    ]);
    const list = {
      apiVersion: "v1",
      kind: "List",
      items: [{ apiVersion: "v1", kind: "Pod", metadata: { name: "a" } }],
    };
    assert.deepEqual(keys(JSON.stringify(list)), ["Pod default/a"]);
    assert.deepEqual(keys("apiVersion: v1\nkind: ConfigMapList\nitems: [{ metadata: { name: a } }]"), [
      "ConfigMap default/a",
    ]);
    assert.deepEqual(keys("apiVersion: v1\nkind: List\nitems:\n"), []);
    assert.deepEqual(keys(`%YAML 1.2\n---\n${object("Pod")}...\n---\n${object("Pod", "{ name: b }")}...\n`), [
      "Pod default/a",
      "Pod default/b",
    ]);
    const anchors = `${object("ConfigMap")}data: &d { x: y }\nmore: { <<: *d, z: w }\n`;
    assert.deepEqual(read(anchors).objects[0]?.more, { x: "y", z: "w" });
  });

  it("are none for a text without objects", () => {
    for (const text of ["", "\n", "---\n", "# only a comment\n", "---\n---\n", "null"])
      assert.deepEqual(keys(text), []);
  });

  it("have a namespace only where their kind has one", () => {
    assert.deepEqual(keys(object("Namespace")), ["Namespace a"]);
    assert.deepEqual(keys(object("ClusterRole", "{ name: a, namespace: wrong }")), ["ClusterRole a"]);
    const crd = (scope: string): string =>
      `apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: { name: sails.x.io }\n` +
      `spec: { scope: ${scope}, names: { kind: Sail } }\n---\napiVersion: x.io/v1\nkind: Sail\nmetadata: { name: a }\n`;
    assert.deepEqual(keys(crd("Cluster"))[1], "Sail a");
    assert.deepEqual(keys(crd("Namespaced"))[1], "Sail default/a");
  });

  it("are the last ones of those with the same key, which is said", () => {
    const { objects, notShown } = read(`${object("Pod")}x: 1\n---\n${object("Pod")}x: 2\n`);
    assert.deepEqual(
      objects.map(({ x }) => x),
      [2],
    );
    assert.deepEqual(notShown, [
      "Pod default/a of a.yaml, document 1 (line 1): a.yaml, document 2 (line 6) has it again, and the last counts",
    ]);
    const groups = `${object("Gateway")}---\n${object("Gateway").replace("v1", "networking.istio.io/v1")}`;
    assert.equal(read(groups).objects.length, 2);
  });

  it("have no values of Secrets, which still differ", () => {
    const secret = (field: string, value: string): string =>
      `${object("Secret")}${field}: { password: ${value} }\n`;
    const [plain, encoded, other] = [
      read(secret("stringData", "planted")),
      read(secret("data", Buffer.from("planted").toString("base64"))),
      read(secret("stringData", "planted-otherwise")),
    ];
    assert.deepEqual(plain.objects[0]?.data, { password: SECRET });
    assert.deepEqual(plain, encoded);
    assert.notDeepEqual(plain, other);
    const applied = `{ name: a, annotations: { kubectl.kubernetes.io/last-applied-configuration: '{"data":"planted"}' } }`;
    assert.doesNotMatch(
      JSON.stringify([plain, encoded, other, read(object("Secret", applied))]),
      /planted|cGxhbnRlZA/,
    );
  });

  it("have no status and no managers of fields", () => {
    const { objects } = read(
      `${object("Pod", "{ name: a, managedFields: [{}], uid: u }")}status: { phase: Running }\n`,
    );
    assert.deepEqual(objects, [
      { apiVersion: "v1", kind: "Pod", metadata: { name: "a", uid: "u", namespace: "default" } },
    ]);
  });
});

describe("manifests that cannot be read", () => {
  it("are named by file, document and line", () => {
    refused(
      `${object("Pod")}---\na: b: c\n`,
      /^a\.yaml, document 2 \(line 5\): is not YAML: bad indentation of a mapping entry/,
    );
    refused('{ "kind": ', /^a\.yaml, document 1 \(line \d\): is not YAML: /);
    refused(
      "a: &x [*x]\nb: *gone\n",
      /^a\.yaml, document 1 \(line 2\): is not YAML: unidentified alias "gone"/,
    );
    refused(
      "a: &x [*x]\n",
      /^a\.yaml, document 1 \(line 1\): is nested too deeply, or has an alias \(\*\) for what it is in$/,
    );
    const laughs = Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`).join("\n");
    refused(`a0: &a0 lol\n${laughs}\n`, /has too many values, or aliases/);
    for (const depth of [1000, 100_000])
      refused(`${"[".repeat(depth)}${"]".repeat(depth)}`, /is not YAML: nesting exceeded maxDepth/);
    refused("just text", /^a\.yaml, document 1 \(line 1\): found text, a Kubernetes object is a map$/);
    refused(
      `${object("Pod")}---\n- 1\n`,
      /^a\.yaml, document 2 \(line 5\): found a list of 1, a Kubernetes object is a map$/,
    );
    refused("kind: Pod\n", /found nothing as apiVersion, a Kubernetes object has a text there$/);
    refused(object("Pod", "{}"), /found nothing as metadata.name, a Kubernetes object has a text there$/);
    refused(object("Pod", "{ name: 1 }"), /found a number as metadata.name/);
    refused(object("Pod", "{ name: a, namespace: [] }"), /found a list of 0 as metadata.namespace/);
    refused(
      "apiVersion: v1\nkind: List\nitems: [{ kind: Pod }]",
      /^a\.yaml, document 1 \(line 1\), item 1: found nothing as api/,
    );
    refused("apiVersion: v1\nkind: List\nitems: 3", /a List whose items are no list$/);
  });

  it("of tools that write manifests say which output to give", () => {
    refused(
      "apiVersion: kustomize.config.k8s.io/v1\nkind: Kustomization\n",
      /Give the output of `kustomize build`$/,
    );
    refused("apiVersion: v2\nname: shop\nversion: 1.0.0\n", /give the output of `helm template`$/);
    refused(object("Job", "{ generateName: a- }"), /has no name before it is created/);
  });

  it("show none of their contents in the message", () => {
    for (const text of [
      "password: planted: x",
      '{ "password": "planted" ',
      'a: "planted',
      "- planted\nb: planted",
    ])
      refused(text, /^(?!.*planted)/s);
  });

  it("never are a stack trace", () => {
    const piece = fc.constantFrom(
      ..."--- - : , { } [ ] & * a kind apiVersion metadata items List v1 Secret data null 1 \" ' | > # % ! << \n".split(
        " ",
      ),
      "\n",
      " ",
      "  ",
      "\t",
      "\n---\n",
      "apiVersion: v1\n",
      "kind: List\n",
      "metadata: { name: a }\n",
      "!!binary ",
      "&a ",
      "*a",
      "? ",
    );
    const text = fc.oneof(
      fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join("")),
      fc.string(),
      fc.json(),
      fc
        .record(
          {
            apiVersion: fc.jsonValue(),
            kind: fc.constantFrom("List", "Secret", "Pod"),
            metadata: fc.jsonValue(),
            items: fc.jsonValue(),
            data: fc.jsonValue(),
          },
          { requiredKeys: [] },
        )
        .map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(text, (given) => {
        try {
          for (const { kind, metadata } of read(given).objects)
            assert.equal(typeof kind + typeof metadata.name, "stringstring");
        } catch (error) {
          assert.ok(error instanceof SourceError, String(error));
          assert.match(error.message, /^a\.yaml/);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("files of manifests", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "shopzier-manifests-"));
    mkdirSync(path.join(folder, "deep/er"), { recursive: true });
    writeFileSync(path.join(folder, "b.yaml"), `\uFEFF${object("Pod", "{ name: b }")}`);
    writeFileSync(path.join(folder, "deep/er/a.yml"), object("Pod", "{ name: deep }"));
    writeFileSync(path.join(folder, "c.json"), '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"c"}}');
    writeFileSync(path.join(folder, "README.md"), "no: object");
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  it("are read one by one, and all of a folder", async () => {
    const side = await fromManifests([folder]);
    assert.equal(side.title, folder);
    assert.deepEqual(
      side.objects.map(({ metadata: { name } }) => name),
      ["b", "c", "deep"],
    );
    const [b, c] = [path.join(folder, "b.yaml"), path.join(folder, "c.json")];
    assert.deepEqual(
      (await fromManifests([c, b])).objects.map(({ metadata: { name } }) => name),
      ["c", "b"],
    );
    assert.deepEqual(await fromManifests([]), { title: "nothing", objects: [], notShown: [] });
  });

  it("that do not exist are named", async () => {
    const gone = path.join(folder, "gone.yaml");
    await assert.rejects(fromManifests([gone]), {
      name: "SourceError",
      message: `${gone}: there is no such file or folder`,
    });
  });
});
