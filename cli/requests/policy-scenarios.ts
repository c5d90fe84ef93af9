/** The policies of a plan as what each alternative asks of a request, and the tokens that it knows. */
import { isIPv4 } from "node:net";
import type { SimulatedPlan, WrittenPolicyRule } from "../../components/simulator";
import { addressTest, isBlock } from "../../components/simulator/addresses";
import { attributeOf, OPERATION_FIELDS, sourceFields } from "../../components/simulator/policy-attributes";
import type { Attribute } from "../../components/simulator/policy-attributes";
import type { ProxyRequest } from "../../components/simulator/proxy-request";
import { INVALID, type Dimension } from "./assignment";
import { around, oneOf, pathsNear, type Constraint, type Scenario } from "./constraints";
import { exampleHost } from "./route-scenarios";

/** One for each alternative of `from` with each of `to`. */
export function policyScenarios({ authorizationPolicies = [] }: SimulatedPlan): Scenario[] {
  return authorizationPolicies.flatMap(({ metadata, spec }) =>
    (spec.rules ?? []).filter(Boolean).flatMap((rule) => scenariosOf(rule, metadata.namespace ?? "")),
  );
}

function scenariosOf({ from, to, when }: WrittenPolicyRule, namespace: string): Scenario[] {
  const conditions = (when ?? []).flatMap(({ key, values, notValues }) => {
    const known = attributeOf(key, namespace);
    if (known === "unknown" || known.undecidable) return [];
    return [
      ...constraint(known.attribute, key, values ?? []),
      ...constraint(known.attribute, key, notValues ?? [], "not"),
    ];
  });
  const sources = (from?.length ? from : [{}]).map(({ source }) => fields(sourceFields(namespace), source));
  const operations = (to?.length ? to : [{}]).map(({ operation }) => fields(OPERATION_FIELDS, operation));
  return sources.flatMap((source) =>
    operations.map((operation) => ({ constraints: [...operation, ...source, ...conditions] })),
  );
}

function fields(
  known: Readonly<Record<string, readonly [attribute: Attribute, not?: "not"]>>,
  given: object | undefined,
): Constraint[] {
  return Object.entries(given ?? {}).flatMap(([field, values]) => {
    const [attribute, not] = known[field] ?? [];
    return attribute ? constraint(attribute, field, (values as readonly string[] | null) ?? [], not) : [];
  });
}

/** Where a field or key of a policy looks. */
function dimensionOf(name: string): Dimension | undefined {
  const plain = name.replace(/^not([A-Z])/, (_, first: string) => first.toLowerCase());
  const [, kind, inner = ""] = /^request\.(headers|auth\.claims)(\[.*\])$/.exec(plain) ?? [];
  if (kind === "auth.claims") return `claim ${inner}`;
  if (kind === "headers") {
    const header = inner.slice(1, -1).toLowerCase();
    const known: Readonly<Record<string, Dimension>> = {
      ":method": "method",
      ":path": "path",
      ":authority": "host",
      host: "host",
    };
    return known[header] ?? `header ${header}`;
  }
  return DIMENSIONS[plain];
}

const DIMENSIONS: Readonly<Record<string, Dimension>> = {
  principals: "principal",
  namespaces: "principal",
  serviceAccounts: "principal",
  trustDomains: "principal",
  "source.principal": "principal",
  "source.namespace": "principal",
  "source.serviceAccount": "principal",
  "source.trustDomain": "principal",
  requestPrincipals: "token",
  "request.auth.principal": "token",
  "request.auth.audiences": "claim [aud]",
  "request.auth.presenter": "claim [azp]",
  ipBlocks: "peer",
  "source.ip": "peer",
  remoteIpBlocks: "client",
  "remote.ip": "client",
  hosts: "host",
  "connection.sni": "host",
  methods: "method",
  paths: "path",
  ports: "listener",
  "destination.port": "listener",
};

/** What a condition sees of a dimension, beside a request that has nothing else. */
const SEEN: Readonly<Record<string, (text: string | undefined) => Partial<ProxyRequest>>> = {
  host: (host = "") => ({ host, sni: host }),
  method: (method = "GET") => ({ method }),
  path: (path = "/") => ({ path }),
  listener: (text) => ({ port: Number(text?.split(" ")[1]) }),
  peer: (peer) => ({ peer }),
  // What no proxy can read counts as this (Istio's EnvoyFilter of our gateway).
  client: (client) => ({ client: client === "unknown" ? "::ffff:0:0" : client }),
  principal: (principal) => ({ principal }),
  token: (text) =>
    text === undefined || text === INVALID ? {} : { claims: JSON.parse(text) as object as never },
};

const NOTHING: ProxyRequest = { method: "GET", host: "", path: "/", headers: {} };

function constraint(
  { test, isReadable = () => true }: Attribute,
  name: string,
  values: readonly string[],
  not?: "not",
): Constraint[] {
  const dimension = dimensionOf(name);
  const right = values.filter((value) => isReadable(value));
  if (dimension === undefined || right.length === 0) return [];
  const condition = test(right);
  const seen = SEEN[dimension] ?? ((text) => inContainer(dimension, text));
  return [
    {
      dimension,
      test: (text) => condition({ ...NOTHING, ...seen(text) }) === (not === undefined),
      samples: right.flatMap((value) => samplesOf(name, dimension, value)),
    },
  ];
}

/** A header or a claim with one value or several. */
function inContainer(dimension: Dimension, text: string | undefined): Partial<ProxyRequest> {
  if (text === undefined) return {};
  const value = text.includes("\n") ? text.split("\n") : text;
  const [, kind, name = ""] = /^(header|claim) (.*)$/.exec(dimension) ?? [];
  if (kind === "header") return { headers: { [name]: value } };
  return {
    claims: name
      .slice(1, -1)
      .split("][")
      .reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as never,
  };
}

function samplesOf(name: string, dimension: Dimension, value: string): string[] {
  switch (dimension) {
    case "peer":
    case "client":
      return isBlock(value) ? addressesNear(value) : [];
    case "path":
      return pathsNear(
        value
          .replaceAll("{**}", "a/b")
          .replaceAll("{*}", "a")
          .replace(/^\*|\*$/, "a"),
      );
    case "host": {
      const host = value.replace(/:\*$/, ":8080");
      return [exampleHost(host), exampleHost(host).replace(/\*$/, "a")].filter((one) =>
        /^[\w.-]+(:\d+)?$/.test(one),
      );
    }
    case "listener":
      return [];
    case "token":
      return ownersOf(value);
    case "principal":
      return principalsOf(name, value);
    default:
      return value === "*" ? ["x", ""] : around(value.replace(/^\*|\*$/, "a"));
  }
}

/** The first and the last address of a block, and those beside it. */
function addressesNear(block: string): string[] {
  const [network = "", length] = block.split("/");
  if (!isIPv4(network)) {
    const test = addressTest([block]);
    return [network, network.replace(/::$/, "::1"), "2001:db8:ffff::1"].filter(
      (one) => test(one) || one !== network,
    );
  }
  const size = 2 ** (32 - Number(length ?? 32));
  const number = network.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const first = Math.floor(number / size) * size;
  return [first, first + size - 1, first - 1, first + size]
    .filter((one) => one >= 0 && one < 2 ** 32)
    .map((one) => [24, 16, 8, 0].map((shift) => Math.floor(one / 2 ** shift) % 256).join("."));
}

function ownersOf(pattern: string): string[] {
  const at = pattern.lastIndexOf("/");
  const [iss, sub] = at < 0 ? [pattern, "somebody"] : [pattern.slice(0, at), pattern.slice(at + 1)];
  if (iss.includes("*")) return [];
  return [JSON.stringify({ iss, sub: sub.replaceAll("*", "a") })];
}

function principalsOf(name: string, value: string): string[] {
  const text = value.replaceAll("*", "a");
  if (/[tT]rustDomain/.test(name)) return [`${text}/ns/a/sa/a`];
  if (/[nN]amespace/.test(name)) return [`cluster.local/ns/${text}/sa/a`];
  if (!/[sS]erviceAccount/.test(name)) return [text, `${text}x`];
  const [namespace = "", account] = text.split("/");
  return [`cluster.local/ns/${account === undefined ? "a" : namespace}/sa/${account ?? namespace}`];
}

/** Tokens of every issuer that a plan knows, of one that it does not know, and what is wrong with each. */
export function tokenScenarios({ requestAuthentication }: SimulatedPlan): Scenario[] {
  const rules = requestAuthentication?.jwtRules ?? [];
  if (rules.length === 0) return [];
  const texts = rules.flatMap(({ issuer: iss, audiences }) => [
    JSON.stringify({ iss, sub: "somebody", ...(audiences?.[0] !== undefined && { aud: audiences[0] }) }),
    JSON.stringify({ iss, ...(audiences?.[0] !== undefined && { aud: audiences[0] }) }),
    JSON.stringify({ iss, sub: "somebody", aud: "https://other.example" }),
  ]);
  const other = JSON.stringify({ iss: "https://unknown.example", sub: "somebody" });
  return [...texts, other, INVALID].map((text) => ({ constraints: [oneOf("token", [text])] }));
}
