import assert from "node:assert/strict";
import { BlockList, isIP, isIPv4 } from "node:net";
import fc from "fast-check";
import type { WrittenPolicyRule } from "../../components/simulator/written-policies";
import {
  authorization,
  readPolicies,
  type ProxyRequest,
  type WrittenPolicy,
} from "../../components/simulator/authorization";
import { clientAddress, readForwardedFor } from "../../components/security/client-address";
import { verification, type Token } from "../../components/simulator/token";

const request = (over: Partial<ProxyRequest> = {}): ProxyRequest => ({
  ...{ method: "GET", host: "shop.example.com", path: "/api", headers: {} },
  ...over,
});
const policy = (name: string, spec: WrittenPolicy["spec"], annotations = {}): WrittenPolicy => ({
  metadata: { name, annotations },
  spec,
});
const matches = (rule: WrittenPolicyRule, over: Partial<ProxyRequest>): boolean =>
  authorization([policy("it", { action: "DENY", rules: [rule] })])(request(over)) !== undefined;
const asks = (operation: object): WrittenPolicyRule => ({ to: [{ operation }] });
const comes = (source: object): WrittenPolicyRule => ({ from: [{ source }] });

describe("authorization policies", () => {
  it("deny by a matching DENY policy, or if no ALLOW policy matches", () => {
    const deny = (name: string, path: string) =>
      policy(name, { action: "DENY", rules: [asks({ paths: [path] })] });
    const decide = authorization([
      policy("allow-api", { rules: [asks({ paths: ["/api*"] })] }),
      policy("allow-get", {
        action: "ALLOW",
        rules: [asks({ methods: ["HEAD"] }), asks({ hosts: ["a.*"] })],
      }),
      deny("deny", "*/secret"),
      deny("deny-secret", "*/secret"),
      deny("zero", "*secret"),
    ]);
    assert.equal(decide(request()), undefined);
    assert.equal(decide(request({ path: "/other", method: "HEAD" })), undefined);
    assert.equal(decide(request({ path: "/other", host: "A.example.com:80" })), undefined);
    assert.deepEqual(decide(request({ path: "/other" })), { reason: "not allowed" });
    // Envoy tries `policy[deny-secret]` before `policy[deny]`.
    assert.deepEqual(decide(request({ path: "/api/secret" })), { reason: "denied", policy: "deny-secret" });
    assert.deepEqual(decide(request({ path: "/api/topsecret" })), { reason: "denied", policy: "zero" });
  });

  it("match nothing without rules, and everything with an empty rule", () => {
    assert.deepEqual(authorization([policy("none", {})])(request()), { reason: "not allowed" });
    assert.equal(authorization([policy("all", { rules: [{}] })])(request()), undefined);
    assert.equal(authorization([])(request()), undefined);
  });

  it("refuse nothing in dry run", () => {
    const dry = { "istio.io/dry-run": "true" };
    assert.equal(authorization([policy("a", {}, dry)])(request()), undefined);
    const other = policy("b", { action: "DENY", rules: [{}] });
    assert.deepEqual(authorization([policy("a", { rules: [{}] }, dry), other])(request()), {
      reason: "denied",
      policy: "b",
    });
  });

  it("match text exactly, by prefix, by suffix, or by presence", () => {
    const paths: [string, string, boolean][] = [
      ["/api", "/api", true],
      ["/api", "/api/", false],
      ["/api", "/API", false],
      ["/api*", "/api", true],
      ["/api*", "/apix", true],
      ["/api/*", "/api", false],
      ["*/api", "/v1/api", true],
      ["*/api", "/v1/api/", false],
      ["*", "/", true],
      // The second "*" is text.
      ["*a*", "/a*", true],
      ["*a*", "/ab", false],
    ];
    for (const [pattern, path, expected] of paths)
      assert.equal(matches(asks({ paths: [pattern] }), { path }), expected, `${pattern} ${path}`);
    const hosts: [string, string, boolean][] = [
      ["shop.example.com", "SHOP.example.com", true],
      ["Shop.example.com", "shop.example.com:80", false],
      ["shop.example.com:*", "shop.example.com:80", true],
      ["*.Example.com", "a.shop.EXAMPLE.com", true],
      ["*.example.com", "example.com", false],
    ];
    for (const [pattern, host, expected] of hosts)
      assert.equal(matches(asks({ hosts: [pattern] }), { host }), expected, `${pattern} ${host}`);
  });

  it("require all fields of one operation, all of one source, and all conditions", () => {
    const rule: WrittenPolicyRule = {
      from: [{ source: { principals: ["a", "b*"] } }, { source: { ipBlocks: ["192.0.2.1"] } }],
      to: [{ operation: { methods: ["GET"], notPaths: ["/b"], ports: ["8080"] } }],
      when: [{ key: "request.headers[X-Tier]", values: ["gold", "silver*"], notValues: ["silver-"] }],
    };
    const right = { path: "/a", port: 8080, principal: "bc", headers: { "x-tier": "gold" } };
    assert.ok(matches(rule, right));
    assert.ok(matches(rule, { ...right, principal: "x", peer: "192.0.2.1" }));
    assert.ok(matches(rule, { ...right, headers: { "x-tier": ["tin", "silver-1"] } }));
    for (const wrong of [
      { principal: "c" },
      { method: "PUT" },
      { path: "/b" },
      { port: 80 },
      { headers: {} },
      { headers: { "x-tier": "silver-" } },
    ] as Partial<ProxyRequest>[])
      assert.ok(!matches(rule, { ...right, ...wrong }), JSON.stringify(wrong));
  });

  it("treat an empty header as present, and an empty claim as absent", () => {
    const when = (key: string): WrittenPolicyRule => ({ when: [{ key, values: ["*"] }] });
    assert.ok(matches(when("request.headers[x-a]"), { headers: { "x-a": "" } }));
    assert.ok(!matches(when("request.headers[x-a]"), {}));
    const claim = when("request.auth.claims[a][b]");
    assert.ok(matches(claim, { claims: { a: { b: ["", "x"] } } }));
    for (const b of ["", [], 1, true, { c: "x" }, undefined])
      assert.ok(!matches(claim, { claims: { a: { b } } }), JSON.stringify(b));
  });

  it("identify the owner of a token by issuer and subject", () => {
    const claims = { iss: "https://id/", sub: "me" };
    const cases: [string, boolean][] = [
      ["*", true],
      ["https://id//me", true],
      ["https://id//*", true],
      ["https://id//m*", true],
      ["*/me", true],
      ["*e", true],
      ["https://id/*", false], // The issuer is "https://id".
      ["*/you", false],
      ["me", false],
    ];
    for (const [pattern, expected] of cases)
      assert.equal(matches(comes({ requestPrincipals: [pattern] }), { claims }), expected, pattern);
    for (const some of [undefined, { iss: "https://id/" }, { ...claims, sub: "" }])
      assert.ok(matches(comes({ notRequestPrincipals: ["*"] }), { claims: some }), JSON.stringify(some));
  });

  it("match addresses by CIDR block", () => {
    let inside = 0;
    for (const [family, size, address] of [
      ["ipv4", 32, fc.ipV4()],
      ["ipv6", 128, fc.ipV6()],
    ] as const) {
      fc.assert(
        fc.property(address, address, fc.nat(size), fc.boolean(), (network, other, length, same) => {
          const block = new BlockList();
          block.addSubnet(network, length, family);
          const peer = same ? network : other;
          const expected = block.check(peer, family);
          if (expected) inside++;
          const rule = comes({ ipBlocks: [`${network}/${length}`, "192.0.2.1", "2001:db8::1"] });
          assert.equal(matches(rule, { peer }), expected);
        }),
        { numRuns: 1000 },
      );
    }
    assert.ok(inside > 300, String(inside));
    const remote = comes({ remoteIpBlocks: ["192.0.2.0/24", "2001:db8::/32"] });
    for (const client of ["192.0.2.255", "2001:db8:ffff::1"])
      assert.ok(matches(remote, { client, peer: "10.0.0.1" }));
    for (const client of [undefined, "192.0.3.0", "2001:db9::", "::ffff:192.0.2.1", "192.0.2.1:80", ""])
      assert.ok(!matches(remote, { client, peer: "192.0.2.1" }), client);
  });

  it("match a path segment by a template", () => {
    const rule = asks({ paths: ["/a/{*}/b.c/{*}"] });
    for (const path of ["/a/1/b.c/2", "/a/*/b.c/x.y"]) assert.ok(matches(rule, { path }), path);
    for (const path of ["/a//b.c/2", "/a/1/b.c/", "/a/1/b.c/2/3", "/a/1/2/b.c/3", "/a/1/bxc/2"])
      assert.ok(!matches(rule, { path }), path);
  });

  it("match the rest of a path by a template", () => {
    const rule = asks({ paths: ["/a/{*}/{**}"] });
    for (const path of ["/a/1/", "/a/1/2", "/a/1/2/3.x"]) assert.ok(matches(rule, { path }), path);
    for (const path of ["/a/1", "/a//2", "/b/1/2"]) assert.ok(!matches(rule, { path }), path);
    assert.ok(matches(asks({ paths: ["/{**}/end"] }), { path: "/a/b/end" }));
  });

  it("identify the peer by its namespace, its service account, or its trust domain", () => {
    const principal = "cluster.local/ns/shop-eu/sa/cart";
    const cases: [object, boolean][] = [
      [{ namespaces: ["shop-eu"] }, true],
      [{ namespaces: ["shop-*"] }, true],
      [{ namespaces: ["shop"] }, false],
      [{ namespaces: ["*"] }, true],
      [{ serviceAccounts: ["shop-eu/cart"] }, true],
      // Without a namespace it is that of the policy.
      [{ serviceAccounts: ["cart"] }, false],
      [{ serviceAccounts: ["shop-eu/car"] }, false],
      [{ trustDomains: ["cluster.local"] }, true],
      [{ trustDomains: ["cluster.*"] }, true],
      [{ trustDomains: ["cluster"] }, false],
      [{ principals: ["*/cart"] }, true],
    ];
    for (const [source, expected] of cases) {
      assert.equal(matches(comes(source), { principal }), expected, JSON.stringify(source));
      const [[field, values] = ["", []]] = Object.entries(source);
      const not = `not${field.charAt(0).toUpperCase()}${field.slice(1)}`;
      assert.equal(matches(comes({ [not]: values as string[] }), { principal }), !expected, not);
      // Who shows no certificate is nobody.
      assert.ok(!matches(comes(source), {}) && matches(comes({ [not]: values as string[] }), {}), not);
    }
    const own = policy("own", { action: "DENY", rules: [comes({ serviceAccounts: ["cart"] })] });
    const decide = authorization([{ ...own, metadata: { name: "own", namespace: "shop-eu" } }]);
    assert.deepEqual(decide(request({ principal })), { reason: "denied", policy: "own" });
  });

  it("have all fields that must not match", () => {
    const right = { host: "a.example.com", peer: "192.0.2.7", port: 80, method: "GET" };
    const rule = {
      from: [{ source: { notIpBlocks: ["192.0.2.0/30"] } }],
      to: [{ operation: { notHosts: ["*.example.org"], notPorts: ["8080"] } }],
    };
    assert.ok(matches(rule, right));
    for (const wrong of [{ host: "A.EXAMPLE.org" }, { peer: "192.0.2.3" }, { port: 8080 }])
      assert.ok(!matches(rule, { ...right, ...wrong }), JSON.stringify(wrong));
  });

  it("have every condition that Istio knows", () => {
    const full: Partial<ProxyRequest> = {
      ...{ peer: "192.0.2.7", client: "198.51.100.7", port: 8443, sni: "shop.example.com" },
      principal: "cluster.local/ns/shop/sa/cart",
      claims: { iss: "https://id", sub: "me", aud: ["shop", "x"], azp: "app" },
      whole: "/api?a=1",
    };
    const cases: [key: string, value: string, other: string][] = [
      ["source.ip", "192.0.2.0/24", "192.0.3.0/24"],
      ["remote.ip", "198.51.100.7", "198.51.100.8"],
      ["destination.port", "8443", "443"],
      ["connection.sni", "*.example.com", "example.com"],
      ["source.namespace", "shop", "cart"],
      ["source.principal", "cluster.local/*", "shop/*"],
      ["source.serviceAccount", "shop/cart", "shop/other"],
      ["source.trustDomain", "cluster.local", "other"],
      ["request.auth.principal", "https://id/me", "https://id/you"],
      ["request.auth.audiences", "shop", "shops"],
      ["request.auth.presenter", "app", "ap"],
      ["request.headers[:path]", "/api?*", "/api"],
      ["request.headers[:method]", "GET", "PUT"],
      ["request.headers[Host]", "shop.example.com", "Shop.example.com"],
    ];
    for (const [key, value, other] of cases) {
      assert.ok(matches({ when: [{ key, values: [other, value] }] }, full), key);
      assert.ok(!matches({ when: [{ key, values: [other] }] }, full), key);
      assert.ok(!matches({ when: [{ key, notValues: [value] }] }, full), key);
      assert.ok(matches({ when: [{ key, notValues: [other] }] }, full), key);
    }
  });

  it("name what they cannot decide, and what Istio cannot read", () => {
    const wrong: [WrittenPolicyRule, RegExp][] = [
      [comes({ ipBlocks: ["192.0.2.0/33"] }), /ipBlocks 192\.0\.2\.0\/33 in AuthorizationPolicy shop\/it/],
      [asks({ ports: ["http"] }), /ports http/],
      [{ when: [{ key: "source.name", values: ["a"] }] }, /condition source\.name/],
      [{ when: [{ key: "destination.ip", values: ["10.0.0.1"] }] }, /condition destination\.ip/],
      [{ when: [{ key: "experimental.envoy.filters.a[b]", values: ["c"] }] }, /condition experimental/],
      [{ when: [{ key: "request.headers", values: ["c"] }] }, /condition request\.headers/],
      [comes({ ipBlock: ["192.0.2.1"] }), /field ipBlock/],
    ];
    for (const [rule, note] of wrong) {
      const written = (action: string): WrittenPolicy => ({
        metadata: { name: "it", namespace: "shop" },
        spec: { action, rules: [rule] },
      });
      for (const action of ["ALLOW", "DENY"]) {
        const read = readPolicies([written(action)]);
        assert.match((read.notLookedAt?.(request()) ?? []).join(), note);
      }
    }
    assert.equal(readPolicies([policy("right", { rules: [{}] })]).notLookedAt, undefined);
  });

  it("with a wrong value allow nothing by its rule, and deny more than it says", () => {
    const rule: WrittenPolicyRule = {
      from: [{ source: { ipBlocks: ["192.0.2.256"], namespaces: ["shop"] } }],
    };
    const principal = "cluster.local/ns/shop/sa/a";
    assert.deepEqual(authorization([policy("a", { rules: [rule] })])(request({ principal })), {
      reason: "not allowed",
    });
    assert.ok(matches(rule, { principal }));
    assert.ok(!matches(rule, {}));
  });

  it("leave CUSTOM to its authorizer, and refuse nothing by AUDIT", () => {
    const custom: WrittenPolicy = {
      metadata: { name: "ext", namespace: "shop" },
      spec: { action: "CUSTOM", provider: { name: "opa" }, rules: [asks({ paths: ["/admin*"] })] },
    };
    const audit: WrittenPolicy = { metadata: { name: "log" }, spec: { action: "AUDIT", rules: [{}] } };
    const { refusal, notLookedAt = () => [] } = readPolicies([custom, audit]);
    assert.equal(refusal(request({ path: "/admin" })), undefined);
    assert.deepEqual(notLookedAt(request({ path: "/admin" })), [
      "AuthorizationPolicy shop/ext: the external authorizer opa decides",
    ]);
    assert.deepEqual(notLookedAt(request()), []);
  });

  it("are read whatever of the CRD is absent or null", () => {
    const written = [
      { action: "DENY", rules: [null, {}] },
      { action: "DENY", rules: [{ from: null, to: [{}], when: null }] },
      { action: "DENY", rules: [{ from: [{ source: null }], to: [{ operation: { paths: null } }] }] },
      { action: "DENY", rules: [{ from: [{ source: {} }], when: [{ key: "source.ip" }] }] },
    ];
    for (const spec of written) {
      const decide = authorization([{ metadata: { name: "it" }, spec: spec as never }]);
      assert.ok(decide(request()), JSON.stringify(spec));
    }
    assert.equal(
      authorization([{ metadata: { name: "it" }, spec: { action: "DENY" } }])(request()),
      undefined,
    );
  });
});

describe("tokens", () => {
  const rule = (issuer: string) => ({ issuer, audiences: ["https://shop/"], jwks: "{}" });
  const verify = verification({
    selector: { matchLabels: {} },
    jwtRules: [rule("https://id/"), rule("https://staff/")],
  });
  const right = { iss: "https://id/", aud: "shop", sub: "me" };

  it("yield their claims, or the status with which Envoy refuses them", () => {
    const cases: [Token, 401 | 403 | undefined][] = [
      [right, undefined],
      [{ ...right, iss: "https://staff/" }, undefined],
      [{ ...right, aud: ["x", "http://shop"] }, undefined],
      [{ iss: right.iss, aud: right.aud }, undefined],
      ["invalid", 401],
      [{ ...right, iss: "https://id" }, 401],
      [{ aud: "shop" }, 401],
      [{ ...right, aud: "shops" }, 403],
      [{ iss: "https://id/" }, 403],
    ];
    for (const [token, status] of cases)
      assert.deepEqual(verify(token), status ?? token, JSON.stringify(token));
  });

  it("have lists in the claims `scope` and `permission`", () => {
    const lists = { scope: "read  write", permission: ["a b"], groups: "c d" };
    assert.deepEqual(verify({ ...right, ...lists }), { ...right, ...lists, scope: ["read", "write"] });
  });
});

describe("tokens of an issuer with several rules", () => {
  it("are for the audience of any of them, with the lists of all", () => {
    const issuer = "https://id/";
    const verify = verification({
      jwtRules: [
        { issuer, audiences: ["a"], jwks: "{}" },
        { issuer, audiences: ["b"], jwks: "{}", spaceDelimitedClaims: ["roles"] },
      ],
    });
    assert.deepEqual(verify({ iss: issuer, aud: "b", roles: "x y" }), {
      iss: issuer,
      aud: "b",
      roles: ["x", "y"],
    });
    assert.equal(verify({ iss: issuer, aud: "c" }), 403);
    assert.equal(verification({})({ iss: issuer }), 401);
  });
});

describe("the client's address", () => {
  it("is that of the peer, or the one that the trusted proxies appended", () => {
    // Seen at an Envoy 1.39 with one trusted hop that reads the header as written.
    const seen: [string | string[], string][] = [
      ["203.0.113.7", "203.0.113.7"],
      ["203.0.113.7, 1.1.1.1", "1.1.1.1"],
      ["1.1.1.1,203.0.113.7 ", "203.0.113.7"],
      [["1.1.1.1", "203.0.113.7"], "203.0.113.7"],
      ["1.1.1.1,203.0.113.7:51234", "203.0.113.7"],
      ["[203.0.113.7]", "203.0.113.7"],
      ["2001:db8::1", "2001:db8::1"],
      ["[2001:db8::1]", "2001:db8::1"],
      ["[2001:DB8:0:0:0:0:0:1]:80", "2001:DB8:0:0:0:0:0:1"],
      ["::ffff:203.0.113.7", "203.0.113.7"],
      ["[::FFFF:203.0.113.7]:80", "203.0.113.7"],
      ["::ffff:cb00:7107", "::ffff:cb00:7107"],
      ["1.1.1.1,", "::ffff:0:0"],
      ["unknown", "::ffff:0:0"],
      ['"203.0.113.7:80"', "::ffff:0:0"],
    ];
    for (const [forwarded, client] of seen) assert.equal(clientAddress("peer", forwarded, 1), client);
    assert.equal(clientAddress("peer", "1.1.1.1, 2.2.2.2, 3.3.3.3", 2), "2.2.2.2");
    assert.equal(clientAddress("peer", "1.1.1.1:80, [2::2]:80, 3.3.3.3:80", 2), "2::2");
    assert.equal(clientAddress("peer", "1.1.1.1", 2), "peer");
    assert.equal(clientAddress("peer", undefined, 1), "peer");
    assert.equal(clientAddress("peer", "1.1.1.1", 0), "peer");
  });

  it("is the same for every spelling of a proxy, and none without an address", () => {
    const entry = fc
      .oneof(
        fc.ipV4(),
        fc.ipV6().filter((ip) => !ip.includes(".") && ip.split(":").length < 9),
      )
      .chain((address) =>
        fc
          .constantFrom(
            ...[address, `[${address}]`, `[${address}]:51234`, ` ${address}  `],
            ...(isIPv4(address) ? [`${address}:51234`, `::ffff:${address}`, `[::FFFF:${address}]:1`] : []),
          )
          .map((written) => ({ address, written })),
      );
    const garbage = fc.constantFrom("unknown", "_hidden", "", "x.y:80", '"1.1.1.1"', "fe80::1%eth0", "1.1.1");
    fc.assert(
      fc.property(
        fc.array(entry),
        entry,
        fc.array(entry, { maxLength: 9 }),
        garbage,
        (before, one, after, none) => {
          const header = (written: string): string =>
            [...before.map((e) => e.written), written, ...after.map((e) => e.written)].join(",");
          const trusted = after.length + 1;
          assert.equal(clientAddress("peer", header(one.written), trusted), one.address);
          assert.equal(clientAddress("peer", header(none), trusted), "::ffff:0:0");
        },
      ),
    );
  });

  it("is none for text that only looks like an address", () => {
    const bent = fc
      .array(
        fc.constantFrom("0", "7", "01", "255", "256", "999", "a", "ffff", "12345", ".", ".", ":", ":", "::"),
        {
          minLength: 1,
          maxLength: 15,
        },
      )
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(bent, (written) => {
        const read = clientAddress("peer", written, 1);
        assert.notEqual(read, "peer");
        if (isIP(written) === 0 && !written.includes(".")) assert.equal(read, "::ffff:0:0", written);
      }),
      { numRuns: 5000 },
    );
  });

  it("is read by expressions that Envoy accepts, and that contain no `%`", () => {
    for (let trustedProxies = 1; trustedProxies <= 10; trustedProxies++) {
      const { value } = JSON.parse(
        /\{"key":"x-forwarded-for".*?"\}/.exec(JSON.stringify(readForwardedFor(trustedProxies)))?.[0] ?? "",
      ) as { value: string };
      assert.match(value, /^%CEL\(request\.headers[^%]*\)%$/);
    }
  });
});
