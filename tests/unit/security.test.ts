import assert from "node:assert/strict";
import fc from "fast-check";
import type { AuthorizationPolicySpec } from "../../components/istio/authorization-policy";
import { planAuthentication } from "../../components/security/authentication";
import { authorization, type ProxyRequest } from "../../components/simulator/authorization";
import { claimHeader, claimKey, type Claims } from "../../components/traffic/claims";
import { planAccess, type AccessEntry, type AccessLists } from "../../components/security/access-lists";
import { gatewayServers } from "../../components/security/gateway-servers";
import { serviceNetworkPolicy } from "../../components/security/network-policy";
import { planServiceAccess, type CallerEntry } from "../../components/security/caller-lists";
import { verification } from "../../components/simulator/token";
import type { RequestCondition } from "../../components/security/request-condition";
import type { RoutedPath } from "../../components/traffic/paths";
import { parseSettings } from "../../stacks/config/settings";
import { RIGHT_SETTINGS } from "../../docs/wrong-settings";

const SELECTOR = { matchLabels: { istio: "ingressgateway" } };

/** Whether the policies of a proxy allow a request. */
function passes(specs: readonly AuthorizationPolicySpec[], request: ProxyRequest): boolean {
  const policies = specs.map((spec, i) => ({ metadata: { name: `policy-${i}` }, spec }));
  return authorization(policies)(request) === undefined;
}

const path = fc.constantFrom("/", "/a", "/a/", "/a/b", "/ab", "/b", "/b/c");
const method = fc.constantFrom("GET", "POST", "OPTIONS");
const routedPath: fc.Arbitrary<RoutedPath> = fc.oneof(
  path.map((exact) => ({ exact })),
  path.map((prefix) => ({ prefix })),
  fc.constantFrom("/a/*", "/*/b", "/*").map((template) => ({ template })),
);
const some = <T>(values: fc.Arbitrary<T>) => fc.array(values, { minLength: 1, maxLength: 3 });
const condition: fc.Arbitrary<RequestCondition> = fc.record(
  { paths: some(routedPath), methods: some(method) },
  { requiredKeys: [] },
);
const address = fc.constantFrom("192.0.2.1", "192.0.2.2", "192.0.2.3");
const claims = fc.dictionary(
  fc.constantFrom("groups", "realm.roles"),
  some(fc.constantFrom("staff", "guest")),
  {
    minKeys: 1,
    maxKeys: 2,
  },
);
/** A token with a subject, and claims under these names; the one with a dot is nested. */
const token = claims.map(({ "realm.roles": roles, ...others }) => ({
  ...{ iss: "https://id.example.com/", sub: "somebody", ...others },
  ...(roles && { realm: { roles } }),
}));
function claimOf(r: ProxyRequest, claim: string): readonly string[] | undefined {
  const { groups, realm } = (r.claims ?? {}) as { groups?: string[]; realm?: { roles: string[] } };
  return claim === "groups" ? groups : realm?.roles;
}
const identity = fc.record({
  namespace: fc.constantFrom("x", "y"),
  serviceAccount: fc.constantFrom("a", "b", "*"),
});

const request: fc.Arbitrary<ProxyRequest> = fc
  .record(
    {
      path,
      method,
      port: fc.constantFrom(8080, 9090),
      peer: address,
      client: address,
      host: fc.constant("shop.example.com"),
      headers: fc.constantFrom<Record<string, string>>(
        {},
        { "access-control-request-method": "POST" },
        { origin: "https://shop.example.com" },
        { origin: "https://shop.example.com", "access-control-request-method": "POST" },
      ),
      principal: fc.constantFrom(
        "cluster.local/ns/x/sa/a",
        "cluster.local/ns/y/sa/b",
        "cluster.local/ns/g/sa/gw",
      ),
      claims: token,
    },
    { requiredKeys: ["path", "method", "host", "port", "peer", "client", "headers"] },
  )
  .map((r) => r as ProxyRequest);

/** The meaning of a condition, independent of Istio's objects. */
function holds({ paths, methods }: RequestCondition, r: ProxyRequest): boolean {
  const within = (p: RoutedPath): boolean => {
    if ("exact" in p) return [p.exact, `${p.exact}/`].includes(r.path) || `${r.path}/` === p.exact;
    if ("template" in p) {
      const [segments, parts] = [p.template.split("/"), r.path.replace(/\/$/, "").split("/")];
      return (
        segments.length === parts.length &&
        segments.every((s, i) => s === parts[i] || (s === "*" && parts[i] !== ""))
      );
    }
    const base = p.prefix.replace(/\/+$/, "");
    return r.path === base || r.path.startsWith(`${base}/`);
  };
  return (!paths || paths.some(within)) && (!methods || methods.includes(r.method));
}

describe("access lists of the gateway", () => {
  const entry: fc.Arbitrary<AccessEntry> = fc
    .record({ condition, addresses: fc.option(some(address)), claims: fc.option(claims) })
    .map(({ condition, addresses, claims }) => ({
      ...condition,
      ...(addresses && { addresses }),
      ...(claims && { claims }),
    }));
  const lists = fc.record({ deny: some(entry), allow: some(entry) }, { requiredKeys: [] });

  const matches = (e: AccessEntry, r: ProxyRequest, client = ""): boolean =>
    holds(e, r) &&
    (!e.addresses || e.addresses.includes(client)) &&
    Object.entries(e.claims ?? {}).every(([claim, values]) =>
      values.some((value) => claimOf(r, claim)?.includes(value)),
    );

  it("refuse a client with an unreadable address if they name addresses", () => {
    const lists = { allow: [{ paths: [{ prefix: "/" }] }, { addresses: ["::/0", "0.0.0.0/0"] }] };
    const request = { method: "GET", host: "a", path: "/", headers: {}, peer: "10.0.0.1" };
    for (const client of ["::ffff:0:0", "::ffff:cb00:7107"]) {
      const plan = (trustedProxies: number, given: AccessLists): AuthorizationPolicySpec[] => {
        const { deny, allow } = planAccess(given, { selector: SELECTOR, trustedProxies });
        return [deny, allow].filter((spec) => spec !== undefined);
      };
      assert.equal(passes(plan(1, lists), { ...request, client }), false, client);
      assert.equal(passes(plan(0, lists), { ...request, client }), true, client);
      assert.equal(passes(plan(1, { allow: lists.allow.slice(0, 1) }), { ...request, client }), true, client);
    }
  });

  it("allow a request that no entry denies and, if there is an allow list, one entry allows", () => {
    fc.assert(
      fc.property(lists, request, fc.nat(2), ({ deny, allow }, r, trustedProxies) => {
        const plan = planAccess(
          { ...(deny && { deny }), ...(allow && { allow }) },
          { selector: SELECTOR, trustedProxies },
        );
        const client = trustedProxies === 0 ? r.peer : r.client;
        const expected =
          !deny?.some((e) => matches(e, r, client)) && (!allow || allow.some((e) => matches(e, r, client)));
        assert.equal(passes(Object.values(plan), r), expected);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("access lists at a gateway with other users", () => {
  const entry: fc.Arbitrary<AccessEntry> = fc
    .record({ condition, addresses: fc.option(some(address)) })
    .map(({ condition, addresses }) => ({ ...condition, ...(addresses && { addresses }) }));
  const lists = fc.record({ deny: some(entry), allow: some(entry) }, { requiredKeys: [] });
  const isPreflight = (r: ProxyRequest): boolean =>
    r.method === "OPTIONS" && "access-control-request-method" in r.headers && "origin" in r.headers;
  const host = fc.constantFrom("shop.example.com", "SHOP.example.com:8443", "other.example.com");

  it("apply to their hosts as at their own gateway, and not to other hosts", () => {
    let rules = 0;
    fc.assert(
      fc.property(lists, request, host, fc.boolean(), (written, r, asked, preflights) => {
        const args = { selector: SELECTOR, trustedProxies: 1 };
        const shared = planAccess(written, { ...args, shared: { hosts: ["shop.example.com"], preflights } });
        rules += shared.allow?.rules?.length ?? 0;
        const alone = (lists: AccessLists): boolean => passes(Object.values(planAccess(lists, args)), r);
        // A preflight is about another request, with another method.
        const asks = written.allow?.map(({ paths, addresses }) => ({
          ...(paths && { paths }),
          ...(addresses && { addresses }),
        }));
        const preflight = preflights && isPreflight(r) && asks && alone({ ...written, allow: asks });
        const expected = asked === "other.example.com" || alone(written) || preflight === true;
        assert.equal(passes(Object.values(shared), { ...r, host: asked }), expected);
      }),
      { numRuns: 4000 },
    );
    assert.ok(rules > 2000, `${rules} rules`);
  });

  it("are refused if they name claims, or cannot be inverted with few rules", () => {
    const plan = (allow: AccessEntry[]) =>
      planAccess(
        { allow },
        { selector: SELECTOR, trustedProxies: 0, shared: { hosts: ["a.example.com"], preflights: false } },
      );
    assert.throws(() => plan([{ claims: { groups: ["staff"] } }]), RangeError);
    const varied = Array.from({ length: 8 }, (_, i) => ({
      ...{ paths: [{ exact: `/${i}` }], methods: [`M${i}`], addresses: [`192.0.2.${i}`] },
    }));
    assert.throws(() => plan(varied), /more than 100 rules/);
  });
});

describe("authentication", () => {
  const jwt = [
    { issuer: "https://id.example.com/", audiences: ["shop"], jwksUri: "https://id.example.com/jwks" },
  ];
  const plan = (authentication: object) => planAuthentication({ jwt, ...authentication }, SELECTOR);

  it("requires a token if it is required and not optional", () => {
    const authentication = fc.record(
      { required: some(condition), optional: some(routedPath) },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(authentication, request, (a, r) => {
        const required = (a.required ?? [{}]).some((c) => holds(c, r));
        const optional = a.optional !== undefined && holds({ paths: a.optional }, r);
        const refused = required && !optional && r.claims === undefined;
        assert.equal(passes([plan(a).required], r), !refused);
      }),
      { numRuns: 2000 },
    );
  });

  it("by default reads tokens from the Authorization header only, and does not forward them", () => {
    assert.deepEqual(plan({}).requestAuthentication.jwtRules, [
      { ...jwt[0], fromHeaders: [{ name: "authorization", prefix: "Bearer " }] },
    ]);
    const elsewhere = plan({ jwt: [{ ...jwt[0], from: { cookies: ["session"] }, forward: true }] });
    assert.deepEqual(elsewhere.requestAuthentication.jwtRules, [
      { ...jwt[0], fromCookies: ["session"], forwardOriginalToken: true },
    ]);
  });
});

describe("an issuer that names no audience", () => {
  const issuer = "https://pool.example.com/";
  const claims = { client_id: ["web", "app"], token_use: ["access"] };
  const jwt = [{ issuer, claims, jwksUri: `${issuer}jwks` }];
  const { requestAuthentication, required } = planAuthentication(
    { jwt, required: [{ paths: [{ exact: "/private" }] }] },
    SELECTOR,
  );

  it("accepts tokens by all its claims, on every path", () => {
    const of = (own: object) => ({ iss: issuer, sub: "a", client_id: "web", token_use: "access", ...own });
    const verify = verification(requestAuthentication);
    const passesAt = (path: string, own: object | undefined): boolean => {
      const read = own && verify(of(own));
      assert.notEqual(typeof read, "number");
      return passes([required], { method: "GET", host: "a", path, headers: {}, claims: read as Claims });
    };
    for (const [own, open, closed] of [
      [{}, true, true],
      [{ client_id: "app", aud: "any" }, true, true],
      [{ client_id: "other" }, false, false],
      [{ client_id: undefined }, false, false],
      [{ token_use: "id" }, false, false],
      // A token without subject counts as no token, but must not satisfy a negated condition.
      [{ sub: undefined }, true, false],
      [{ sub: undefined, client_id: "other" }, false, false],
      [undefined, true, false],
    ] as const) {
      assert.equal(passesAt("/open", own), open, JSON.stringify(own));
      assert.equal(passesAt("/private", own), closed, JSON.stringify(own));
    }
  });
});

describe("claims", () => {
  it("have the same names in policies and routes, with brackets for nested ones", () => {
    assert.equal(claimKey("groups"), "request.auth.claims[groups]");
    assert.equal(claimHeader("realm_access.roles"), "@request.auth.claims[realm_access][roles]");
    assert.equal(claimKey("[https://example.com/roles]"), "request.auth.claims[https://example.com/roles]");
  });
});

describe("access to a service", () => {
  const gateway = { namespace: "g", serviceAccount: "gw" };
  const entry: fc.Arbitrary<CallerEntry> = fc
    .record({ condition, identities: some(identity) })
    // As a program hands on an option that its own caller left out.
    .map(({ condition, identities }) => ({ ...condition, paths: condition.paths, identities }));
  const services = fc.record({ allow: some(entry), deny: some(entry) }, { requiredKeys: [] });
  const paths: RoutedPath[] = [{ prefix: "/a" }];

  const matches = (e: CallerEntry, r: ProxyRequest): boolean =>
    r.port === 8080 &&
    holds(e, r) &&
    e.identities.some(({ namespace, serviceAccount }) => {
      const prefix = `cluster.local/ns/${namespace}/sa/`;
      return serviceAccount === "*"
        ? r.principal?.startsWith(prefix)
        : r.principal === prefix + serviceAccount;
    });

  it("is allowed for the gateway and allowed services only, on the port and the routed paths", () => {
    fc.assert(
      fc.property(services, request, ({ allow, deny }, r) => {
        const plan = planServiceAccess({
          service: "s",
          port: 8080,
          from: [gateway],
          paths,
          services: { ...(allow && { allow }), ...(deny && { deny }) },
        });
        const expected =
          !deny?.some((e) => matches(e, r)) &&
          (matches({ identities: [gateway], paths }, r) ||
            allow?.some((e) => matches({ ...e, paths: e.paths ?? paths }, r)) === true);
        assert.equal(passes([{}, plan.allow, ...(plan.deny ? [plan.deny] : [])], r), expected);
      }),
      { numRuns: 2000 },
    );
  });

  it("is allowed by NetworkPolicy for the namespaces of clients on the port, and for scrapers on the metrics", () => {
    const policy = serviceNetworkPolicy({
      service: "s",
      port: 8080,
      from: [gateway],
      services: { allow: [{ identities: [{ namespace: "x", serviceAccount: "*" }, gateway] }] },
      scrapers: ["prometheus"],
    });
    const namespace = (name: string) => ({
      namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": name } },
    });
    assert.deepEqual(policy, {
      podSelector: { matchLabels: { app: "s" } },
      policyTypes: ["Ingress"],
      ingress: [
        { from: [namespace("g"), namespace("x")], ports: [{ protocol: "TCP", port: 8080 }] },
        {
          from: [namespace("prometheus")],
          ports: [
            { protocol: "TCP", port: 15020 },
            { protocol: "TCP", port: 15090 },
          ],
        },
      ],
    });
  });
});

describe("servers of the gateway", () => {
  it("are one for the hosts that share TLS settings, and one for each other host", () => {
    const servers = gatewayServers({
      hosts: ["shop.example.com", "api.example.com", "*.example.org"],
      http: true,
      tls: {
        credentialName: "shop",
        hosts: {
          "api.example.com": { credentialName: "api", mode: "MUTUAL", minVersion: "TLSV1_3" },
          "*.example.org": { credentialName: "org" },
        },
      },
    });
    assert.deepEqual(
      servers.map(({ port, hosts, tls }) => [port.name, hosts, tls]),
      [
        ["http", ["shop.example.com", "api.example.com", "*.example.org"], undefined],
        [
          "https",
          ["shop.example.com"],
          { mode: "SIMPLE", credentialName: "shop", minProtocolVersion: "TLSV1_2" },
        ],
        [
          "https-api_example_com",
          ["api.example.com"],
          { mode: "MUTUAL", credentialName: "api", minProtocolVersion: "TLSV1_3" },
        ],
        [
          "https-any_example_org",
          ["*.example.org"],
          { mode: "SIMPLE", credentialName: "org", minProtocolVersion: "TLSV1_2" },
        ],
      ],
    );
  });

  it("redirect HTTP to HTTPS by X-Forwarded-Proto if a load balancer terminates TLS", () => {
    const servers = gatewayServers({ hosts: ["a.example.com"], http: true, tlsTermination: "load-balancer" });
    assert.deepEqual(
      servers.map(({ port, tls }) => [port.protocol, tls]),
      [["HTTP", { httpsRedirect: true }]],
    );
  });

  it("allow only the named namespaces to bind routes to each host", () => {
    const hosts = ["shop.example.com", "*.example.org"];
    const tls = { credentialName: "shop", hosts: { "*.example.org": { credentialName: "org" } } };
    assert.deepEqual(
      gatewayServers({ hosts, namespaces: ["category", "cart"], http: true, tls }).map((s) => s.hosts),
      [
        [
          "category/shop.example.com",
          "cart/shop.example.com",
          "category/*.example.org",
          "cart/*.example.org",
        ],
        ["category/shop.example.com", "cart/shop.example.com"],
        ["category/*.example.org", "cart/*.example.org"],
      ],
    );
  });
});

describe("settings of security", () => {
  const read = (security: object) => parseSettings({ ...RIGHT_SETTINGS.dev, security }, "dev");
  const key = { crv: "Ed25519", kty: "OKP", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };
  const issuer = { issuer: "https://id.example.com/", audiences: ["shop"] };

  it("warn of a redirect by scheme that leads to itself", () => {
    const warned = (gateway: object, trustedProxies = 0): number => {
      const to = { match: { headers: { "x-forwarded-proto": "http" } }, redirect: { scheme: "https" } };
      const { dev } = RIGHT_SETTINGS;
      const traffic = { ...(dev.traffic as object), rules: [{ name: "to-https", ...to }] };
      const { warnings } = parseSettings({ ...dev, gateway, traffic, security: { trustedProxies } }, "dev");
      return warnings.filter((warning) => warning.includes("to-https sends HTTP to HTTPS")).length;
    };
    assert.equal(warned({}), 1);
    assert.equal(warned({ tls: { credentialName: "shop", redirect: false } }), 0);
    assert.equal(warned({}, 1), 0);
  });

  it("accept a load balancer that terminates TLS as HTTPS, in production too", () => {
    const { prod } = RIGHT_SETTINGS;
    const gateway = { replicas: 2, tlsTermination: "load-balancer" };
    const settings = parseSettings({ ...prod, gateway, security: { trustedProxies: 1 } }, "prod");
    assert.equal(settings.gateway.tlsTermination, "load-balancer");
  });

  it("accept keys as an object or as text", () => {
    for (const jwks of [{ keys: [key] }, JSON.stringify({ keys: [key] })]) {
      assert.deepEqual(
        read({ authentication: { jwt: [{ ...issuer, jwks }] } }).security.authentication?.jwt,
        [
          {
            ...issuer,
            jwks: JSON.stringify({ keys: [key] }),
            forward: false,
          },
        ],
      );
    }
  });

  it("read one value of a claim as a list, and split identities", () => {
    const { access, services } = read({
      authentication: { jwt: [{ ...issuer, jwksUri: "http://keys.id.svc/jwks" }] },
      access: { deny: [{ claims: { groups: "banned" } }] },
      services: { allow: [{ identities: ["shop/*"] }] },
    }).security;
    assert.deepEqual(access?.deny, [{ claims: { groups: ["banned"] } }]);
    assert.deepEqual(services?.allow, [{ identities: [{ namespace: "shop", serviceAccount: "*" }] }]);
  });

  it("warn of plain text and of tokens in the query", () => {
    assert.deepEqual(read({}).warnings, []);
    const from = { params: ["token"] };
    const { warnings } = read({
      mtls: { namespaces: { legacy: "PERMISSIVE", shop: "STRICT" } },
      authentication: { jwt: [{ ...issuer, jwksUri: "https://id.example.com/jwks", from }] },
    });
    assert.match(warnings[0] ?? "", /takes plain text in legacy:/);
    assert.match(warnings[1] ?? "", /takes tokens of https:\/\/id\.example\.com\/ from the query/);
    assert.equal(warnings.length, 2);
  });

  it("never show a private key", () => {
    const d = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    for (const jwks of [
      { keys: [{ ...key, d }] },
      { keys: [{ kty: "oct", k: d }] },
      { keys: [{ kty: "oct", d }] },
      d,
    ]) {
      assert.throws(
        () => read({ authentication: { jwt: [{ ...issuer, jwks }] } }),
        (error: Error) => error.name === "SettingsError" && !error.message.includes(d),
      );
    }
  });
});
