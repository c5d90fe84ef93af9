import fc from "fast-check";
import assert from "node:assert/strict";
import {
  conflictReport,
  importFile,
  OWNER_MARK,
  ownerMark,
  verdictOn,
  type Conflict,
} from "../../components/kubernetes/owner";

const URN =
  "urn:pulumi:lab::shopzier::shopzier-mesh:index:Jaeger$kubernetes:core/v1:Namespace::jaeger-namespace";
const MARK = ownerMark("organization", URN);

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
const mark = fc
  .record({ organization: name, stack: name, project: name, resource: name })
  .map((of) =>
    ownerMark(
      of.organization,
      `urn:pulumi:${of.stack}::${of.project}::a:b:C$kubernetes:core/v1:Namespace::${of.resource}`,
    ),
  );

describe("the owner of an object", () => {
  it("is none if the object is missing", () => {
    assert.deepEqual(verdictOn(undefined, MARK), { kind: "free" });
  });

  it("is this stack with its annotation, and another owner without it", () => {
    const map = fc.dictionary(name, name);
    fc.assert(
      fc.property(mark, mark, map, map, (ours, theirs, labels, annotations) => {
        const live = (value: string) => ({ labels, annotations: { ...annotations, [OWNER_MARK]: value } });
        assert.equal(verdictOn(live(ours), ours).kind, "free");
        assert.equal(verdictOn({ labels, annotations }, ours).kind, "foreign");
        if (theirs !== ours) assert.notEqual(verdictOn(live(theirs), ours).kind, "free");
      }),
    );
  });

  it("is this stack under another URN after a component was renamed", () => {
    const old = URN.replace("jaeger-namespace", "traces-namespace");
    const live = { annotations: { [OWNER_MARK]: ownerMark("organization", old) } };
    assert.deepEqual(verdictOn(live, MARK), { kind: "renamed", urn: old });
  });

  for (const [metadata, owner] of [
    [
      { annotations: { [OWNER_MARK]: ownerMark("acme", URN.replace("lab", "prod")) } },
      "Pulumi stack acme/shopzier/prod",
    ],
    [
      {
        labels: { "app.kubernetes.io/managed-by": "Helm" },
        annotations: {
          "meta.helm.sh/release-name": "tracing",
          "meta.helm.sh/release-namespace": "observability",
        },
      },
      "Helm release observability/tracing",
    ],
    [{ labels: { "app.kubernetes.io/managed-by": "argocd" } }, "managed by argocd"],
    [
      {
        managedFields: [
          { manager: "kubectl-create" },
          { manager: "kubectl-create" },
          { manager: "kube-controller-manager", subresource: "status" },
        ],
        creationTimestamp: "2026-11-30T06:00:00Z",
      },
      "written by kubectl-create; since 2026-11-30T06:00:00.000Z",
    ],
    [{}, "an owner that left no trace"],
  ] as const) {
    it(`is ${owner}`, () => {
      assert.deepEqual(verdictOn(metadata, MARK), { kind: "foreign", owner });
    });
  }
});

describe("the report on existing objects", () => {
  const conflict = (of: Partial<Conflict>): Conflict => ({
    kind: "Namespace",
    name: "jaeger",
    urn: URN,
    lineage: [
      { type: "shopzier-mesh:index:Jaeger", name: "jaeger" },
      { type: "kubernetes:core/v1:Namespace", name: "jaeger-namespace" },
    ],
    verdict: { kind: "foreign", owner: "written by kubectl-create" },
    ...of,
  });
  const claim = conflict({
    kind: "PersistentVolumeClaim",
    name: "jaeger-badger",
    namespace: "jaeger",
    lineage: [
      { type: "shopzier-mesh:index:Jaeger", name: "jaeger" },
      { type: "kubernetes:core/v1:PersistentVolumeClaim", name: "jaeger-volume" },
    ],
  });

  it("lists all objects with their owners, and both repairs, one with a warning", () => {
    const report = conflictReport([conflict({}), claim]);
    for (const part of [
      "Namespace jaeger\n  found:   written by kubectl-create",
      "PersistentVolumeClaim jaeger/jaeger-badger\n",
      "choose another name or namespace",
      "From then on `destroy` deletes it",
      "pulumi import --file import.json",
    ]) {
      assert.ok(report.includes(part), `${part} in\n${report}`);
    }
  });

  it("imports each component once", () => {
    assert.deepEqual(importFile([conflict({}), claim]), {
      resources: [
        { type: "shopzier-mesh:index:Jaeger", name: "jaeger", component: true },
        { type: "kubernetes:core/v1:Namespace", name: "jaeger-namespace", id: "jaeger", parent: "jaeger" },
        {
          type: "kubernetes:core/v1:PersistentVolumeClaim",
          name: "jaeger-volume",
          id: "jaeger/jaeger-badger",
          parent: "jaeger",
        },
      ],
    });
  });

  it("names the alias, and no import, if a component was renamed", () => {
    const report = conflictReport([conflict({ verdict: { kind: "renamed", urn: "urn:old" } })]);
    assert.match(report, /urn:old[\s\S]*alias/);
    assert.doesNotMatch(report, /pulumi import/);
  });
});
