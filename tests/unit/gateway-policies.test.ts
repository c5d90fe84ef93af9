import assert from "node:assert/strict";
import fc from "fast-check";
import type { AuthorizationPolicySpec } from "../../components/istio/authorization-policy";
import type { JwtRuleSpec } from "../../components/istio/request-authentication";
import { pendingLag, policyLag, type ListenerDump } from "../../components/readiness/gateway-policies";
import type { GatewayPolicies } from "../../components/security/written-policies";
import recorded from "./envoy/policies.json";

/** Configuration of Envoy 1.39 for {@link written} (Istio 1.31). */
const dump: ListenerDump = recorded;
const namespace = "istio-ingress";
const selector = { matchLabels: { istio: "ingressgateway" } };

const deny: AuthorizationPolicySpec = {
  selector,
  action: "DENY",
  rules: [
    {
      from: [{ source: { ipBlocks: ["203.0.113.0/24", "2001:db8::/32", "198.51.100.7"] } }],
      to: [
        {
          operation: {
            hosts: ["probe.example", "probe.example:*"],
            methods: ["GET", "HEAD"],
            paths: ["/probe/x", "/probe/y*", "*/z", "/t/{*}/u/{**}"],
            notPaths: ["/probe/n"],
          },
        },
      ],
      when: [
        { key: "request.auth.claims[groups]", values: ["a", "b*"] },
        { key: "request.auth.claims[x][y]", values: ["z"] },
        { key: "request.headers[x-h]", values: ["hv", "*"] },
      ],
    },
    {
      from: [{ source: { notRequestPrincipals: ["*"] } }],
      to: [{ operation: { paths: ["/probe/required"] } }],
      when: [{ key: "request.headers[x-n]", notValues: ["*"] }],
    },
  ],
};
const dry: AuthorizationPolicySpec = {
  selector,
  action: "DENY",
  rules: [{ from: [{ source: { remoteIpBlocks: ["203.0.113.0/24"] } }] }],
};
const jwtRules: readonly JwtRuleSpec[] = [
  {
    issuer: "https://probe.example",
    audiences: ["aa", "bb"],
    jwks: '{"keys":[{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow","kid":"1"}]}',
    fromHeaders: [{ name: "authorization", prefix: "Bearer " }],
    forwardOriginalToken: true,
  },
  {
    issuer: "https://probe2.example",
    audiences: ["cc"],
    jwksUri: "http://10.88.0.1:1/jwks",
    fromParams: ["tok"],
    fromCookies: ["ck"],
  },
];

const written = (edited: { deny?: unknown; dry?: unknown; jwtRules?: unknown } = {}): GatewayPolicies => ({
  access: [
    { metadata: { name: "probe-deny", namespace }, spec: edited.deny ?? deny },
    {
      metadata: { name: "probe-dry", namespace, annotations: { "istio.io/dry-run": "true" } },
      spec: edited.dry ?? dry,
    },
  ],
  tokens: [
    {
      metadata: { name: "probe", namespace },
      spec: { selector, jwtRules: (edited.jwtRules ?? jwtRules) as readonly JwtRuleSpec[] },
    },
  ],
});

type Path = readonly (string | number)[];

/** Every text below `node`. */
function texts(node: unknown, at: Path = []): Path[] {
  if (typeof node === "string") return [at];
  if (typeof node !== "object" || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) => texts(value, [...at, key]));
}

/** A copy of `node` with `value` at the end of `path`, or without it. */
function edit(node: unknown, [key, ...path]: Path, value: (text: string) => string | undefined): unknown {
  if (key === undefined) return value(node as string);
  if (Array.isArray(node)) {
    return node.flatMap((item: unknown, i) => {
      const edited = String(i) === key ? edit(item, path, value) : item;
      return edited === undefined ? [] : [edited];
    });
  }
  const tree = node as Record<string, unknown>;
  return { ...tree, [key]: edit(tree[key], path, value) };
}

describe("policies of a gateway's proxy", () => {
  it("are present if Envoy has what was written", () => {
    assert.equal(policyLag(dump, written()), undefined);
    assert.equal(policyLag(dump, { access: [], tokens: [] }), undefined);
  });

  it("are not present after an edit of any single value", () => {
    const places = texts({ deny: deny.rules, dry: dry.rules })
      // For Istio, "*" and the rest of a principal or a header are one value.
      .filter((path) => !["notRequestPrincipals"].includes(String(path.at(-2))));
    assert.ok(places.length > 20);
    const other = fc.constantFrom<(text: string) => string>((text) =>
      /^[\d:.a-f]+(\/\d+)?$/.test(text) && /[.:]/.test(text) ? "192.0.2.0/25" : `${text}-other`,
    );
    fc.assert(
      fc.property(fc.constantFrom(...places), other, ([policy, ...path], value) => {
        const specs: Record<string, AuthorizationPolicySpec> = { deny, dry };
        const spec = specs[String(policy)];
        const edited = { [String(policy)]: { ...spec, rules: edit(spec?.rules, path, value) } };
        assert.match(policyLag(dump, written(edited)) ?? "", /^(lacks|still has) in rule/);
      }),
      { numRuns: 300 },
    );
  });

  it("are not present while Envoy has a removed value or rule", () => {
    const without = (path: Path) => ({ deny: { ...deny, rules: edit(deny.rules, path, () => undefined) } });
    assert.equal(
      policyLag(dump, written(without([0, "to", 0, "operation", "paths", 1].map(String)))),
      'still has in rule 1 of AuthorizationPolicy probe-deny: path prefix "/probe/y"',
    );
    assert.equal(
      policyLag(dump, written({ deny: { ...deny, rules: deny.rules?.slice(0, 1) } })),
      "still has more rules of AuthorizationPolicy probe-deny",
    );
  });

  it("are not present if a policy, a rule or its action is missing", () => {
    const more = { ...deny, rules: [...(deny.rules ?? []), {}] };
    assert.match(policyLag(dump, written({ deny: more })) ?? "", /^has no rule 3 of/);
    const allow = { ...deny, action: "ALLOW" };
    assert.match(
      policyLag(dump, written({ deny: allow })) ?? "",
      /^still judges .*probe-deny in another way/,
    );
    const [policy] = written().access;
    assert.ok(policy);
    const { metadata } = policy;
    const enforced = { access: [{ metadata: { ...metadata, name: "probe-dry" }, spec: dry }], tokens: [] };
    assert.match(policyLag(dump, enforced) ?? "", /^still judges .*probe-dry in another way/);
    assert.equal(policyLag({}, written()), "has no listener yet");
  });

  it("are not present after an edit of an issuer's value", () => {
    for (const path of texts(jwtRules).filter((p) => p.at(-1) !== "jwksUri")) {
      const edited = edit(jwtRules, path, (text) => `${text}-other`);
      assert.match(
        policyLag(dump, written({ jwtRules: edited })) ?? "",
        /^(lacks|has other)/,
        path.join("."),
      );
    }
  });

  it("are not present while Envoy accepts an issuer that no object names", () => {
    const [first = "", second = ""] = jwtRules.map(({ issuer }) => issuer);
    const left = written({ jwtRules: jwtRules.slice(0, 1) });
    assert.equal(policyLag(dump, left, new Set([first])), `still takes tokens of issuer ${second}`);
    // From another owner's object for the same gateway.
    assert.equal(policyLag(dump, left, new Set([first, second])), undefined);
    assert.equal(policyLag(dump, left), undefined);
  });

  it("wait for a listener that Envoy rejects or still prepares, but not for listeners of others", () => {
    const servers = (dump.configs ?? []).map(({ active_state }) => active_state);
    const names = [...JSON.stringify(servers).matchAll(/"route_config_name":"([^"]+)"/g)].map(
      ([, name]) => name ?? "",
    );
    const ours = new Set(names);
    assert.ok(ours.size > 0);
    assert.equal(pendingLag(dump, ours), undefined);
    const changed = (change: object): ListenerDump => ({
      configs: dump.configs?.map((config) => ({ ...config, ...change })) ?? [],
    });
    const refused = changed({ error_state: { details: "invalid filter" } });
    assert.equal(pendingLag(refused, ours), "refuses its configuration: invalid filter");
    assert.equal(pendingLag(refused, new Set(["https.443.other"])), undefined);
    const warming = changed({ warming_state: {} });
    assert.equal(pendingLag(warming, ours), "has a listener that is not ready");
  });

  it("accept any spelling of an address", () => {
    const rules = edit(
      deny.rules,
      ["0", "from", "0", "source", "ipBlocks", "1"],
      () => "2001:0DB8:0:0::9/32",
    );
    assert.equal(policyLag(dump, written({ deny: { ...deny, rules } })), undefined);
  });

  it("report why Envoy rejects its configuration", () => {
    const refusing: ListenerDump = {
      configs: [...(dump.configs ?? []), { error_state: { details: "invalid local jwks" } }],
    };
    assert.equal(policyLag(refusing, written()), undefined);
    assert.match(
      policyLag(refusing, written({ deny: { ...deny, rules: [] } })) ?? "",
      /and refuses its configuration: invalid local jwks$/,
    );
  });
});
