import assert from "node:assert/strict";
import fc from "fast-check";
import { parseAllDocuments } from "yaml";
import { readFileSync } from "node:fs";
import path from "node:path";
import { diff, type DiffOptions } from "../../cli/diff/diff";
import type { Report } from "../../cli/diff/report";
import { RISKS } from "../../cli/diff/risks";
import { html } from "../../cli/report/html";
import { LONGEST, markdown, marker } from "../../cli/report/markdown";
import { text } from "../../cli/report/text";
import { UNKNOWN, type KubernetesObject, type Side } from "../../cli/side";

const side = (...objects: KubernetesObject[]): Side => ({ title: "side", objects, notShown: [] });

/** Objects of manifests. */
function read(manifests: string): KubernetesObject[] {
  return parseAllDocuments(manifests).map((document) => document.toJS() as KubernetesObject);
}

/** What an edit of text in manifests does. */
function edited(manifests: string, edits: Readonly<Record<string, string>>, options?: DiffOptions): Report {
  const after = Object.entries(edits).reduce((all, [from, to]) => {
    assert.ok(all.includes(from), `${from} is not in the manifests`);
    return all.replace(from, to);
  }, manifests);
  return diff({ title: "shop", before: side(...read(manifests)), after: side(...read(after)) }, options);
}

const SHOP = readFileSync(path.join(__dirname, "cli/shop.yaml"), "utf8");
const codes = ({ risks }: Report): string[] => [...new Set(risks.map(({ code }) => code))];

describe("diff", () => {
  it("finds nothing between equal sides", () => {
    const { rules, settings, risks, objects, headline } = edited(SHOP, {});
    assert.deepEqual([rules, settings, risks, objects], [[], [], [], []]);
    assert.equal(headline, "shop: nothing changes for requests. No object changes.");
  });

  it("says shares exactly, whatever the weights sum to", () => {
    const { rules, headline } = edited(SHOP, { "weight: 90": "weight: 2", "weight: 10": "weight: 1" });
    assert.deepEqual(
      rules.map(({ after }) => after),
      [
        {
          kind: "split",
          shares: [
            { to: "v1", percent: 200 / 3, pods: 3 },
            { to: "v2", percent: 100 / 3, pods: 1 },
          ],
        },
      ],
    );
    assert.match(headline, /^shop: v2 10 % → 33.33 %, v1 90 % → 66.67 %\./);
  });

  it("says the load of each pod where a rate is known", () => {
    const { rules } = edited(SHOP, { "weight: 90": "weight: 60", "weight: 10": "weight: 40" }, { rate: 200 });
    const [rule] = rules;
    assert.ok(rule?.after?.kind === "split");
    assert.deepEqual(
      rule.after.shares.map(({ to, perPod }) => [to, perPod]),
      [
        ["v1", 40],
        ["v2", 80],
      ],
    );
  });

  /** Each with the risk that it has, and no other. */
  const RISKY: Readonly<Record<keyof typeof RISKS, [edits: Record<string, string>, options?: DiffOptions]>> =
    {
      W001: [{ "replicas: 1 # v2": "replicas: 0" }],
      W002: [{ "subset: v2": "subset: v3" }],
      W003: [{ "shop:2.0.0": "shop:2.0.1", "weight: 10": "weight: 11", "weight: 90": "weight: 89" }],
      W004: [{ "kind: Service\n": "kind: Endpoints\n" }],
      W005: [{ "version: 1.31.4": "version: 1.32.0", "timeout: 5s": "timeout: 4s" }],
      W006: [{ "mode: STRICT": "mode: PERMISSIVE" }],
      W007: [{ "hosts: [shop.example.com] # gateway": 'hosts: ["*"]' }],
      W008: [{ "weight: 10": "weight: 90", "weight: 90": "weight: 10" }],
      W009: [{ "timeout: 5s": `timeout: ${UNKNOWN}` }],
      W010: [{ "- match: [{ uri: { prefix: /old } }]": "- match: [{ uri: { prefix: / } }]" }],
      W011: [{ "hosts: [shop.example.com] # routes": "hosts: [store.example.com]" }],
      W012: [{ "weight: 10": "weight: 14", "weight: 90": "weight: 86" }, { maxStep: 3 }],
      W013: [
        {
          "timeout: 5s": "timeout: 5s\n      fault: { abort: { httpStatus: 503, percentage: { value: 1 } } }",
        },
      ],
      W015: [{ "labels: { version: v1 } }": "labels: { version: v2 } }" }],
      W016: [{ "gateways: [shop]": "gateways: [other]" }],
      W017: [{ "methods: [DELETE]": "methods: [PUT]" }],
      W018: [{ "replicas: 3": "replicas: 2", "weight: 90": "weight: 80", "weight: 10": "weight: 20" }],
      W014: [{ "weight: 90": "weight: 0", "weight: 10": "weight: 0" }],
    };
  /** Risks that come with the edit, too. */
  const BESIDES: Readonly<Record<string, readonly string[]>> = {
    W004: ["W001"],
    W011: ["W016"],
    W014: ["W016"],
    W015: ["W008"],
    W017: ["W006"],
  };
  for (const [code, [edits, options]] of Object.entries(RISKY)) {
    it(`${code}: ${RISKS[code as keyof typeof RISKS].title}`, () => {
      const report = edited(SHOP, edits, options);
      const besides = BESIDES[code] ?? [];
      assert.deepEqual(
        codes(report).filter((found) => !besides.includes(found)),
        [code],
        text(report),
      );
    });
  }

  const V1 = "- destination: { host: shop, subset: v1 }";
  const DENY = "action: DENY\n  rules: [{ to: [{ operation: { methods: [DELETE] } }] }]";
  const ALLOW = "action: ALLOW\n  rules: [{ to: [{ operation: { methods: [GET, POST], paths: [/a*] } }] }]";
  const withAllow = SHOP.replace(DENY, ALLOW);

  const SPLIT = SHOP.slice(SHOP.indexOf("route:"), SHOP.indexOf("weight: 10") + "weight: 10".length);

  /** What a report of an edit has to say. */
  const SAID: readonly (readonly [
    title: string,
    from: string,
    edits: Record<string, string>,
    said: RegExp,
  ])[] = [
    [
      "another port",
      SHOP,
      { [V1]: V1.replace("v1 }", "v1, port: { number: 81 } }") },
      /v1 90 {2}v2 10 {2}→ {2}v1:81 90/,
    ],
    [
      "a text that differs far behind",
      SHOP.replace("timeout: 5s", `corsPolicy: { maxAge: "${"x".repeat(500)}1" }`),
      { [`${"x".repeat(500)}1`]: `${"x".repeat(500)}2` },
      /maxAge {2}…x+1 → …x+2/,
    ],
    [
      "a mirror to another service",
      SHOP.replace("timeout: 5s", "mirrors: [{ destination: { host: shop } }]"),
      { "mirrors: [{ destination: { host: shop }": "mirrors: [{ destination: { host: other }" },
      /mirrors .*other 100 %/,
    ],
    [
      "a policy that is in dry run",
      SHOP,
      {
        "metadata: { name: shop, namespace: shop }\nspec:\n  action":
          'metadata: { name: shop, namespace: shop, annotations: { istio.io/dry-run: "true" } }\nspec:\n  action',
      },
      /W006 .*is in dry run/,
    ],
    [
      "a policy for other pods",
      SHOP,
      { "action: DENY": "action: DENY\n  selector: { matchLabels: { app: none } }" },
      /W006 .*holds for some pods only/,
    ],
    ["a policy that lets in more", withAllow, { "[GET, POST]": "[GET, POST, PUT]" }, /W006 .*lets in/],
    [
      "a policy that only audits",
      withAllow,
      { "action: ALLOW": "action: AUDIT" },
      /W006 .*from ALLOW to AUDIT/,
    ],
    [
      "mutual TLS that a port lacks",
      SHOP,
      { "mode: STRICT": 'mode: STRICT\n  portLevelMtls: { "8080": { mode: DISABLE } }' },
      /W006 .*DISABLE on port 8080/,
    ],
    ["a rule with another name", SHOP, { "- name: shop": "- name: store" }, /rule shop is named store/],
    [
      "a rule with another name and other shares",
      SHOP,
      { "- name: shop": "- name: store", "weight: 90": "weight: 50", "weight: 10": "weight: 50" },
      /v2 10 % → 50 %.*\n[\s\S]*was shop/,
    ],
    ["a split that becomes a redirect", SHOP, { [SPLIT]: "redirect: { uri: /gone }" }, /redirect 301 \/gone/],
    ["a policy without rules", SHOP, { [DENY]: "action: ALLOW" }, /ALLOW no request/],
    ["a policy with null in it", SHOP, { "rules: [{ to:": "rules: [{ from: null, to:" }, /./],
  ];
  for (const [title, from, edits, said] of SAID) {
    it(`says: ${title}`, () => {
      assert.match(text(edited(from, edits)), said);
    });
  }

  it("says nothing of security that is asked for as before, or more", () => {
    const narrower: readonly (readonly [string, Record<string, string>])[] = [
      [withAllow, { "[GET, POST]": "[GET]" }],
      [withAllow, { "paths: [/a*]": "paths: [/ab]" }],
      [SHOP, { "methods: [DELETE]": "methods: [DELETE, PUT]" }],
      [
        SHOP,
        {
          "name: shop, namespace: shop }\nspec:\n  action": "name: store, namespace: shop }\nspec:\n  action",
        },
      ],
    ];
    for (const [from, edits] of narrower) {
      const report = edited(from, edits);
      assert.ok(!codes(report).includes("W006"), text(report));
    }
  });

  it("takes a rule without a name for itself when another comes before it", () => {
    const faulty = SHOP.replace(
      "redirect: { uri: /new }",
      "redirect: { uri: /new }\n      fault: { abort: { httpStatus: 500 } }",
    );
    const added =
      '- match: [{ headers: { x: { exact: "1" } } }]\n      redirect: { uri: /x }\n    - match: [{ uri: { prefix: /old } }]';
    const report = edited(faulty, { "- match: [{ uri: { prefix: /old } }]": added });
    assert.deepEqual(
      [report.rules.map(({ kind }) => kind), report.settings, report.risks],
      [["added"], [], []],
      text(report),
    );
  });

  it("takes an object for the same that only the marks of Pulumi and of this package tell apart", () => {
    const marked = SHOP.replace(
      "name: shop # routes",
      "name: shop\n  annotations: { shopzier-mesh/owner: a, pulumi.com/patchForce: b }\n  creationTimestamp: 2026-11-30T10:00:00Z",
    );
    assert.deepEqual(
      edited(SHOP, {
        "name: shop # routes": marked.slice(marked.indexOf("name: shop"), marked.indexOf("\nspec:")),
      }).objects,
      [],
    );
  });

  it("names routes that it does not follow", () => {
    const tcp = SHOP.replace("  http:", "  tcp: [{ route: [{ destination: { host: a } }] }]\n  http:");
    assert.deepEqual(edited(tcp, { "host: a }": "host: b }" }).notShown.slice(0, 1), [
      "tcp of VirtualService shop/shop: who goes where",
    ]);
    assert.deepEqual(edited(tcp, { "mode: STRICT": "mode: DISABLE" }).notShown, []);
  });

  it("does not count pods of workloads that do not say how many they have", () => {
    const [before, after] = [1, 2].map((n) =>
      SHOP.replace(
        "kind: Deployment\nmetadata: { name: shop-v2",
        "kind: Rollout\nmetadata: { name: shop-v2",
      ).replace("weight: 10", `weight: 1${n}`),
    ) as [string, string];
    const { rules, risks } = diff({
      title: "shop",
      before: side(...read(before)),
      after: side(...read(after)),
    });
    assert.ok(rules[0]?.after?.kind === "split");
    assert.deepEqual([rules[0].after.shares.map(({ pods }) => pods), risks], [[3, undefined], []]);
  });

  it("finds that a DestinationRule with the subsets of rules is gone", () => {
    const [first = "", second = "", ...rest] = SHOP.split("---\n");
    assert.match(second, /kind: DestinationRule/);
    const after = side(...read([first, ...rest].join("---\n")));
    assert.ok(codes(diff({ title: "shop", before: side(...read(SHOP)), after })).includes("W002"));
  });

  it("takes the largest step of a stack from its VirtualService", () => {
    const limited = SHOP.replace(
      "name: shop # routes",
      'name: shop\n  annotations: { shopzier-mesh/max-step: "3" }',
    );
    assert.deepEqual(codes(edited(limited, { "weight: 90": "weight: 86", "weight: 10": "weight: 14" })), [
      "W012",
    ]);
    assert.deepEqual(codes(edited(limited, { "weight: 90": "weight: 87", "weight: 10": "weight: 13" })), []);
  });

  it("pairs rules without names by what they match", () => {
    const rules = "- match: [{ uri: { prefix: /old } }]\n      redirect: { uri: /new }\n    - name: shop";
    assert.ok(SHOP.includes(rules));
    const { rules: changes } = edited(SHOP, { [rules]: "- name: shop" });
    assert.deepEqual(
      changes.map(({ kind, match }) => [kind, match]),
      [["removed", "/old*"]],
    );
  });

  it("never fails, whatever stands in objects, and names what it cannot read", () => {
    const anything = fc.anything({ maxDepth: 5, withNullPrototype: false });
    const key = fc.constantFrom(
      "hosts",
      "http",
      "route",
      "match",
      "destination",
      "rules",
      "from",
      "subsets",
      "template",
      "servers",
      "tls",
    );
    const spec = fc.letrec((tie) => ({
      tree: fc.oneof(
        { depthSize: "small" },
        anything,
        fc.dictionary(key, tie("tree")),
        fc.array(tie("tree"), { maxLength: 3 }),
      ),
    })).tree;
    const kinds = [...new Set(read(SHOP).map(({ kind, apiVersion }) => [kind, apiVersion] as const))];
    const object = fc
      .record({ kind: fc.constantFrom(...kinds), name: fc.constantFrom("a", "b"), spec })
      .map(({ kind: [kind, apiVersion], name, spec }) => ({
        apiVersion,
        kind,
        metadata: { name, namespace: "shop" },
        spec,
      }));
    fc.assert(
      fc.property(fc.array(object, { maxLength: 4 }), fc.array(object, { maxLength: 4 }), (before, after) => {
        const report = diff({ title: "x", before: side(...before), after: side(...after) });
        for (const format of [text(report), markdown(report), html([report])]) assert.ok(format.length > 0);
      }),
      { numRuns: 100 },
    );
    const { unread, rules, headline } = edited(SHOP, { "hosts: [shop.example.com] # routes": "hosts: 7" });
    assert.deepEqual(unread, ["VirtualService shop/shop, whose spec.hosts is no list"]);
    // It is neither deleted nor new.
    assert.deepEqual(rules, []);
    assert.match(headline, /1 object could not be read/);
  });
});

describe("a report", () => {
  const rule = (version: number) => `
    - match: [{ headers: { x-n: { exact: "${version}" } } }]
      name: rule-${version}
      route: [{ destination: { host: shop, subset: v${version} } }]`;
  const many = (offset: number): string =>
    SHOP.replace("http:", `http:${Array.from({ length: 50 }, (_, i) => rule(i + offset)).join("")}`);

  it("of 500 objects and 50 versions fits into a comment, and says first what counts", () => {
    const maps = (value: string): KubernetesObject[] =>
      Array.from({ length: 500 }, (_, i) => ({
        ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: `map-${i}`, namespace: "shop" } },
        data: { text: value.repeat(50) },
      }));
    const before = side(...read(many(0)), ...maps("a"));
    const after = side(
      ...read(many(1).replace("weight: 90", "weight: 80").replace("weight: 10", "weight: 20")),
      ...maps("b"),
    );
    const comment = markdown(diff({ title: "shop", before, after }));
    assert.ok(comment.length <= LONGEST);
    const [first, , headline] = comment.split("\n");
    assert.equal(first, marker("shop"));
    assert.match(headline ?? "", /v2 10 % → 20 %/);
  });

  it("takes the text of objects as text", () => {
    const bad = "</td><script>alert(1)</script> | `@someone` #1 **x**";
    const objects = (name: string): Side =>
      side(
        ...read(SHOP).map((object) => ({
          ...object,
          metadata: { ...object.metadata, labels: { note: name } },
        })),
      );
    const report = { ...diff({ title: bad, before: objects("a"), after: objects(bad) }), error: "```\n<b>" };
    assert.ok(!html([report]).includes("<script"));
    const [, ...lines] = markdown(report).split("\n");
    const comment = lines.join("\n").replace(/`{4}text\n[\s\S]*?`{4}/, "");
    const outside = comment.replaceAll(/(`+)(?!`)[\s\S]*?[^`]\1(?!`)/g, "");
    assert.doesNotMatch(outside, /(?<!\\)<(?!\/?(details|summary|sub)>)|@someone|\*\*x/);
  });

  it("of a preview that failed says so first", () => {
    const report = diff({ title: "prod", before: side(), after: side(), error: "error: no cluster\nmore" });
    assert.equal(report.headline, "prod: no report. error: no cluster");
    for (const format of [text(report), markdown(report), html([report])]) assert.match(format, /more/);
  });
});
