import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { drift } from "../../components/kubernetes/drift";

const spec = (...weights: number[]) => ({
  hosts: ["shop.example.com"],
  http: [
    {
      name: "category",
      route: weights.map((weight, i) => ({ destination: { host: "category", subset: `v${i + 1}` }, weight })),
    },
  ],
});
const by = (manager: string, time: string | Date, fields: object = { "f:spec": {} }) => ({
  manager,
  time,
  fieldsV1: fields,
});

describe("drift of an object", () => {
  it("names who changed the object, when, and the live and written values", () => {
    const managedFields = [
      by("pulumi-kubernetes-6f8a99cd", "2026-01-01T00:00:00Z"),
      by("kubectl-patch", new Date(Date.UTC(2026, 0, 2))),
      by("controller", "2026-01-03T00:00:00Z", { "f:status": {} }),
    ];
    assert.equal(
      drift({ metadata: { managedFields }, spec: spec(100, 0) }, spec(80, 20)),
      'was changed by "kubectl-patch" at 2026-01-02T00:00:00.000Z: ' +
        "spec.http[0].route sends v1 100 %, v2 0 % instead of v1 80 %, v2 20 %",
    );
    assert.equal(
      drift({ spec: { ...spec(80, 20), hosts: ["a", "b"], exportTo: ["."] } }, spec(80, 20)),
      'was changed by somebody who gave no name: spec.hosts[0] is "a" instead of "shop.example.com"; ' +
        'spec.hosts[1] is "b" instead of nothing; spec.exportTo is ["."] instead of nothing',
    );
  });

  it("is found if the object is missing or another one, in another cluster or after a deletion", () => {
    assert.match(drift(undefined, spec(80, 20)) ?? "", /^is not in the cluster that was asked: /);
    const live = { metadata: { uid: "b" }, spec: spec(80, 20) };
    assert.match(drift(live, spec(80, 20), "a") ?? "", /^has the uid b instead of a: /);
    assert.equal(drift(live, spec(80, 20), "b"), undefined);
    assert.equal(drift(live, spec(80, 20)), undefined);
  });

  it("is not found between equal specs with fields in another order", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (written) => {
        const reordered = Object.fromEntries(Object.entries(written).reverse());
        assert.equal(drift({ spec: { ...reordered, absent: undefined } }, written), undefined);
      }),
    );
  });

  it("is found for any changed value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        fc.pre(!isDeepStrictEqual(a, b));
        assert.notEqual(drift({ spec: { x: [a] } }, { x: [b] }), undefined);
      }),
    );
  });
});
