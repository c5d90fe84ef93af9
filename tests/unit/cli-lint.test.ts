import assert from "node:assert/strict";
import fc from "fast-check";
import { printFindings, type LintCommandOptions } from "../../cli/commands/lint";
import { KINDS } from "../../cli/lint/specs";
import { SECRET, UNKNOWN, type KubernetesObject } from "../../cli/side";
import { STACKS } from "../support/program";
import { sideOf } from "../support/sides";
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

  for (const stack of STACKS)
    it(`finds nothing in what this program makes of Pulumi.${stack}.yaml`, async function () {
      this.timeout("30s");
      assert.deepEqual(lint(await sideOf(stack)).findings, []);
    });

  describe("looks up references only where the side can have what they name", () => {
    const service = (destination: string, ...others: readonly string[]): string =>
      [
        `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: shop }
spec:
  hosts: [shop.example.com]
  gateways: [ingress/shop]
  http: [{ route: [{ destination: ${destination} }] }]`,
        ...others,
      ].join("\n---\n");
    const lookedAt = (text: string): readonly string[] => lint(sideOfText("part.yaml", text)).notLookedAt;
    const RELEASE = `apiVersion: helm.sh/v3
kind: Release
metadata: { name: reviews, namespace: shop }
spec: { chart: reviews }`;
    const RATINGS = `apiVersion: v1
kind: Service
metadata: { name: ratings, namespace: shop }
spec: { ports: [{ name: http, port: 80 }] }`;

    it("nothing is missed by a VirtualService alone, and that is said", () => {
      const alone = service("{ host: reviews, subset: v1, port: { number: 80 } }");
      assert.deepEqual(codesOf(alone), []);
      assert.deepEqual(lookedAt(alone), [
        "references to Services in namespace shop: the side may not have them",
        "references to Gateways in namespace ingress: the side may not have them",
      ]);
    });
    it("a Service is missed beside others of its namespace", () => {
      assert.deepEqual(codesOf(service("{ host: reviews }", RATINGS)), ["SL101"]);
      assert.deepEqual(codesOf(service("{ host: reviews.bank.svc.cluster.local }", RATINGS)), []);
    });
    it("but not in a namespace with a Helm release, which may have it", () => {
      assert.deepEqual(codesOf(service("{ host: reviews }", RATINGS, RELEASE)), []);
    });
    it("a name with dots is no short name", () => {
      assert.deepEqual(codesOf(service("{ host: ratings.shop }", RATINGS)), ["SL101"]);
      assert.deepEqual(codesOf(service("{ host: ratings.shop.svc.cluster.local }", RATINGS)), []);
    });
    it("an object with a value that is not known yet is not looked at, and is there for others", () => {
      const unknown = RATINGS.replace("ports:", `clusterIP: ${UNKNOWN}, ports:`);
      const text = service("{ host: ratings, port: { number: 81 } }", unknown);
      assert.deepEqual(codesOf(text), []);
      assert.ok(lookedAt(text).some((one) => one.startsWith("Service shop/ratings")));
    });
  });

  it("leaves a gateway open, and the namespace of the control plane without a label", () => {
    const pod = (namespace: string): string => `apiVersion: v1
kind: Pod
metadata: { name: gateway, namespace: ${namespace}, labels: { istio: shop-gateway } }
spec: { containers: [{ name: istio-proxy, image: proxyv2 }] }
---
apiVersion: v1
kind: Namespace
metadata: { name: ${namespace} }`;
    assert.deepEqual(codesOf(pod("shop")), ["SL613"]);
    assert.deepEqual(codesOf(pod("istio-system")), []);

    const uncovered = LINT_SAMPLES.find(({ code }) => code === "SL408")?.wrong ?? "";
    const gateway = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: shop, namespace: shop }
spec:
  selector: { app: ratings }
  servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: [shop.example.com] }]`;
    assert.deepEqual(codesOf(uncovered), ["SL408"]);
    assert.deepEqual(codesOf(`${uncovered}\n---\n${gateway}`), []);
  });

  describe("leaves out what is meant", () => {
    const weight = (annotation: string): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: shop, annotations: { ${annotation} } }
spec:
  hosts: [reviews]
  http: [{ route: [{ destination: { host: reviews }, weight: 90 }] }]`;
    for (const [annotation, codes] of [
      ["", ["SL125"]],
      ["shopzier-mesh/lint-ignore: SL101", ["SL125"]],
      ["shopzier-mesh/lint-ignore: 'SL101, SL125'", []],
      ["shopzier-mesh/lint-ignore: KIA1104", []],
      ["galley.istio.io/analyze-suppress: KIA1104", []],
      ["galley.istio.io/analyze-suppress: '*'", []],
    ] as const)
      it(`${annotation || "no annotation"}: ${codes.join() || "nothing"}`, () => {
        assert.deepEqual(codesOf(weight(annotation)), codes);
      });
    it("and codes that the caller ignores", () => {
      const side = sideOfText("a.yaml", weight(""));
      for (const code of ["SL125", "KIA1104"]) assert.deepEqual(lint(side, { ignore: [code] }).findings, []);
    });
  });

  it("never throws, and never shows a Secret, whatever the objects hold", () => {
    const value = fc.anything({ maxDepth: 3, withNullPrototype: false });
    const spec = fc.oneof(
      value,
      fc.dictionary(
        fc.constantFrom(
          "hosts",
          "http",
          "servers",
          "rules",
          "selector",
          "subsets",
          "ports",
          "template",
          "host",
        ),
        fc.oneof(value, fc.array(value, { maxLength: 3 })),
      ),
    );
    const names = fc.constantFrom("sidecar.istio.io/inject", "shopzier-mesh/lint-ignore", "istio-injection");
    const map = fc.option(fc.dictionary(names, fc.oneof(fc.string(), fc.boolean(), fc.constant(null))));
    const object = fc.record({
      kind: fc.constantFrom(...Object.keys(KINDS)),
      spec,
      labels: map,
      annotations: map,
    });
    fc.assert(
      fc.property(fc.array(object, { maxLength: 4 }), (objects) => {
        const apiVersions = ["v1", "apps/v1", "networking.istio.io/v1", "security.istio.io/v1"];
        const all = objects.flatMap((one, i) =>
          apiVersions.map((apiVersion): KubernetesObject => ({
            ...one,
            apiVersion,
            metadata: { name: `o${i}`, namespace: "a" },
          })),
        );
        lint({ title: "any", objects: JSON.parse(JSON.stringify(all)) as KubernetesObject[], notShown: [] });
      }),
      { numRuns: 200 },
    );
    const secret = "apiVersion: v1\nkind: Secret\nmetadata: { name: s }\nstringData: { a: hunter2 }";
    const shown = JSON.stringify(lint(sideOfText("s.yaml", secret)));
    assert.ok(!shown.includes("hunter2") && !shown.includes(SECRET));
  });

  describe("as a command", () => {
    const sample = LINT_SAMPLES.find(({ code }) => code === "SL101");
    const printed = (text: string, options: LintCommandOptions): { out: string; code: number } => {
      let out = "";
      const code = printFindings(sideOfText("shop.yaml", text), options, (part) => (out += part));
      return { out, code };
    };
    it("prints a finding with its code, level, object, field and fix", () => {
      const { out, code } = printed(sample?.wrong ?? "", {});
      assert.equal(code, 0);
      const [head, finding, fix] = out.split("\n");
      assert.equal(head, "shop.yaml: 1 finding: 1 high");
      assert.equal(
        finding,
        "high SL101 VirtualService shop/reviews spec.http[0].route[0].destination.host: No Service and no ServiceEntry is revews.shop.svc.cluster.local.",
      );
      assert.match(fix ?? "", /^ {2}Name a Service/);
    });
    it("ends with 2 for a finding at or above --fail-on only", () => {
      const low = LINT_SAMPLES.find(({ code }) => code === "SL125")?.wrong ?? "";
      assert.equal(printed(sample?.wrong ?? "", { failOn: "high" }).code, 2);
      assert.equal(printed(low, { failOn: "medium" }).code, 0);
      assert.equal(printed(low, { failOn: "low" }).code, 2);
      assert.equal(printed(repaired(sample ?? assert.fail()), { failOn: "low" }).code, 0);
    });
    it("prints JSON with a version", () => {
      const { version, findings } = JSON.parse(printed(sample?.wrong ?? "", { format: "json" }).out) as {
        version: number;
        findings: { code: string }[];
      };
      assert.deepEqual([version, findings[0]?.code], [1, "SL101"]);
    });
    it("says that nothing was found", () => {
      assert.equal(printed("", {}).out, "shop.yaml: nothing found\n");
    });
  });
});
