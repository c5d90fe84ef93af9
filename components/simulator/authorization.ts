/**
 * What a proxy decides by its AuthorizationPolicies (Istio: "Authorization Policy"; what Envoy gets of them is in
 * pilot/pkg/security/authz/model).
 */
import { BlockList, isIPv4, isIPv6 } from "node:net";
import type {
  AuthorizationPolicySpec,
  AuthorizationRule,
  Condition as WhenCondition,
  Operation,
  Source,
} from "../istio/authorization-policy";
import { literal, wholeMatch } from "../traffic/regex";
import { claimTexts, type Claims } from "../traffic/claims";

/** An AuthorizationPolicy as it is written to the cluster. */
export interface WrittenPolicy {
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: AuthorizationPolicySpec;
}

/** A request as a proxy sees it. */
export interface ProxyRequest {
  readonly method: string;
  /** With the port, where the client sends one. */
  readonly host: string;
  /** Normalized, without its query. */
  readonly path: string;
  /** Names in lowercase; several values are several lines of one name. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** Where the proxy listens. */
  readonly port?: number;
  /** Address at the other end of the connection. */
  readonly peer?: string | undefined;
  /** Address of the client, as the proxy trusts it. */
  readonly client?: string | undefined;
  /** Identity of the peer, without `spiffe://`. */
  readonly principal?: string;
  /** Those of a token that was verified. */
  readonly claims?: Claims | undefined;
}

/** Why a request is refused. */
export type Refusal =
  | {
      readonly reason: "denied";
      /** Name of the DENY policy that matches, the first by name. */
      readonly policy: string;
    }
  /** There are ALLOW policies, and none of them matches. */
  | { readonly reason: "not allowed" };

type Condition = (request: ProxyRequest) => boolean;

/**
 * The policies of one proxy as a function. Those in dry run refuse nothing.
 *
 * @throws RangeError for a condition that we never write.
 */
export function authorization(
  policies: readonly WrittenPolicy[],
): (request: ProxyRequest) => Refusal | undefined {
  const enforced = policies
    .filter(({ metadata }) => metadata.annotations?.["istio.io/dry-run"] !== "true")
    .map(({ metadata: { name }, spec: { action, rules = [] } }) => ({
      action,
      matches: any(rules.map(ruleMatches)),
      refusal: { reason: "denied", policy: name } as const,
      // Envoy tries `policy[name]-rule[i]` in the order of these texts.
      key: `${name}]`,
    }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const deny = enforced.filter(({ action }) => action === "DENY");
  const allow = enforced.filter(({ action }) => action !== "DENY");
  const allowed = allow.length === 0 ? () => true : any(allow.map(({ matches }) => matches));
  return (request) =>
    deny.find(({ matches }) => matches(request))?.refusal ?? (allowed(request) ? undefined : NOT_ALLOWED);
}

const NOT_ALLOWED = { reason: "not allowed" } as const;

/** What is left out, or empty, matches everything. Addresses are the dearest to look at, so sources come last. */
function ruleMatches({ from = [], to = [], when = [] }: AuthorizationRule): Condition {
  const operations = to.map(({ operation }) => all(fields(OPERATION, operation)));
  const sources = from.map(({ source }) => all(fields(SOURCE, source)));
  return all([
    ...(operations.length > 0 ? [any(operations)] : []),
    ...when.map(whenCondition),
    ...(sources.length > 0 ? [any(sources)] : []),
  ]);
}

type Fields<T> = { readonly [K in keyof Required<T>]: (values: readonly string[]) => Condition };

const SOURCE: Fields<Source> = {
  principals: (values) => {
    const test = anyText(values);
    return ({ principal }) => principal !== undefined && test(principal);
  },
  requestPrincipals,
  notRequestPrincipals: (values) => not(requestPrincipals(values)),
  ipBlocks: (values) => {
    const within = addressTest(values);
    return ({ peer }) => within(peer);
  },
  remoteIpBlocks,
  notRemoteIpBlocks: (values) => not(remoteIpBlocks(values)),
};

const OPERATION: Fields<Operation> = {
  hosts: (values) => {
    const test = anyText(values.map((value) => value.toLowerCase()));
    return ({ host }) => test(host.toLowerCase());
  },
  methods,
  notMethods: (values) => not(methods(values)),
  paths,
  notPaths: (values) => not(paths(values)),
  ports: (values) => {
    const ports = new Set(values.map(Number));
    return ({ port }) => port !== undefined && ports.has(port);
  },
};

function methods(values: readonly string[]): Condition {
  const test = anyText(values);
  return ({ method }) => test(method);
}

function paths(values: readonly string[]): Condition {
  const tests = values.map((value) => (value.includes("{*") ? templateTest(value) : textTest(value)));
  return ({ path }) => tests.some((test) => test(path));
}

function remoteIpBlocks(values: readonly string[]): Condition {
  const within = addressTest(values);
  return ({ client }) => within(client);
}

/** `<issuer>/<subject>`, parted at the last slash, with "*" at one end; a token that lacks one of the two has none. */
function requestPrincipals(values: readonly string[]): Condition {
  const tests = values.map((value) => {
    const at = value.lastIndexOf("/");
    const [first, last] = [value.startsWith("*"), value.endsWith("*")];
    const [issuer, subject] =
      at >= 0
        ? [value.slice(0, at), value.slice(at + 1)]
        : [first ? "*" : value, first ? value : last ? "*" : ""];
    const [ofIssuer, ofSubject] = [textTest(issuer), textTest(subject)];
    return (iss: string, sub: string): boolean => ofIssuer(iss) && ofSubject(sub);
  });
  return ({ claims }) => {
    const { iss, sub } = claims ?? {};
    return typeof iss === "string" && typeof sub === "string" && tests.some((test) => test(iss, sub));
  };
}

function whenCondition({ key, values = [], notValues = [] }: WhenCondition): Condition {
  const attribute = attributeTest(key);
  return all([
    ...(values.length > 0 ? [attribute(values)] : []),
    ...(notValues.length > 0 ? [not(attribute(notValues))] : []),
  ]);
}

/** Istio: "Authorization Policy Conditions", those that we write. */
function attributeTest(key: string): (values: readonly string[]) => Condition {
  const [, kind, name = ""] = /^request\.(headers|auth\.claims)(\[.+\])$/.exec(key) ?? [];
  switch (kind) {
    case "headers": {
      const header = name.slice(1, -1).toLowerCase();
      return (values) => {
        // A header that is there may be empty.
        const test = values.includes("*") ? () => true : anyText(values);
        return ({ headers }) => {
          const value = headers[header];
          return value !== undefined && (typeof value === "object" ? value.some(test) : test(value));
        };
      };
    }
    case "auth.claims": {
      const texts = claimTexts(name);
      return (values) => {
        const test = anyText(values);
        return ({ claims }) => claims !== undefined && texts(claims).some(test);
      };
    }
    default:
      throw new RangeError(`condition ${key} is not known here`);
  }
}

function fields<T extends object>(known: Fields<T>, given: T): Condition[] {
  return (Object.entries(given) as [keyof T, readonly string[] | undefined][]).flatMap(([field, values]) => {
    if (values === undefined || values.length === 0) return [];
    if (!Object.hasOwn(known, field)) throw new RangeError(`field ${String(field)} is not known here`);
    return [known[field](values)];
  });
}

/** A path in which "{*}" is one segment (Istio: PathTemplate; its "{**}" is not known here). */
function templateTest(template: string): (path: string) => boolean {
  if (template.includes("{**}")) throw new RangeError(`path template ${template} is not known here`);
  return wholeMatch(template.split("{*}").map(literal).join("[^/]+"));
}

/** Exact, or with "*" at one end; "*" alone is any text but an empty one (Istio: StringMatcher). */
function textTest(pattern: string): (value: string) => boolean {
  if (pattern === "*") return (value) => value !== "";
  if (pattern.startsWith("*")) {
    const end = pattern.slice(1);
    return (value) => value.endsWith(end);
  }
  if (pattern.endsWith("*")) {
    const start = pattern.slice(0, -1);
    return (value) => value.startsWith(start);
  }
  return (value) => value === pattern;
}

function anyText(patterns: readonly string[]): (value: string) => boolean {
  const tests = patterns.map(textTest);
  const [first] = tests;
  return tests.length === 1 && first ? first : (value) => tests.some((test) => test(value));
}

/**
 * Addresses and CIDR blocks. An IPv4 address that an IPv6 one embeds is none to Envoy, so the families stay apart; the
 * common one is compared here, as BlockList takes microseconds for an address.
 */
function addressTest(values: readonly string[]): (address: string | undefined) => boolean {
  const v4: { readonly network: number; readonly size: number }[] = [];
  const v6 = new BlockList();
  for (const value of values) {
    const [network = "", length] = value.split("/");
    if (isIPv4(network)) {
      const size = 2 ** (32 - Number(length ?? 32));
      v4.push({ network: Math.floor(ipv4(network) / size), size });
    } else v6.addSubnet(network, Number(length ?? 128), "ipv6");
  }
  return (address) => {
    if (address === undefined) return false;
    if (!isIPv4(address)) return isIPv6(address) && v6.check(address, "ipv6");
    const number = ipv4(address);
    return v4.some(({ network, size }) => Math.floor(number / size) === network);
  };
}

function ipv4(address: string): number {
  let [number, part] = [0, 0];
  for (let i = 0; i < address.length; i++) {
    const code = address.charCodeAt(i);
    if (code === DOT) [number, part] = [number * 256 + part, 0];
    else part = part * 10 + code - ZERO;
  }
  return number * 256 + part;
}
const [DOT, ZERO] = [".".charCodeAt(0), "0".charCodeAt(0)];

const not =
  (condition: Condition): Condition =>
  (request) =>
    !condition(request);

function all(conditions: readonly Condition[]): Condition {
  const [first] = conditions;
  return conditions.length === 1 && first
    ? first
    : (request) => conditions.every((condition) => condition(request));
}

function any(conditions: readonly Condition[]): Condition {
  const [first] = conditions;
  return conditions.length === 1 && first
    ? first
    : (request) => conditions.some((condition) => condition(request));
}
