/**
 * What the fields and conditions of an AuthorizationPolicy ask of a request (Istio: "Authorization Policy" and "Authorization
 * Policy Conditions"; pilot/pkg/security/authz/model/generator.go).
 */
import { claimTexts } from "../traffic/claims";
import { addressTest, isBlock } from "./addresses";
import {
  anyText,
  namespaceTest,
  pathTest,
  serviceAccountTest,
  tokenOwnerTest,
  trustDomainTest,
  type TextTest,
} from "./policy-texts";
import type { PolicyCondition, ProxyRequest } from "./proxy-request";
import type { WrittenOperation, WrittenSource } from "./written-policies";

/** What is compared with a list of values. */
export interface Attribute {
  /** Those that are wrong are left out before. */
  readonly test: (values: readonly string[]) => PolicyCondition;
  /** Whether Istio can read a value. Default: any. */
  readonly isReadable?: (value: string) => boolean;
}

/** What a request does not show: no condition on it holds. */
const UNDECIDABLE: Attribute = { test: () => () => false };

const text = (
  of: (request: ProxyRequest) => string | undefined,
  testOf?: (pattern: string) => TextTest,
): Attribute => ({
  test: (values) => {
    const test = anyText(values, testOf);
    return (request) => {
      const value = of(request);
      return value !== undefined && test(value);
    };
  },
});

const addresses = (of: (request: ProxyRequest) => string | undefined): Attribute => ({
  isReadable: isBlock,
  test: (values) => {
    const within = addressTest(values);
    return (request) => within(of(request));
  },
});

const principal = ({ principal: identity }: ProxyRequest): string | undefined => identity;
const PEER = addresses(({ peer }) => peer);
const CLIENT = addresses(({ client }) => client);
const PRINCIPAL = text(principal);
const NAMESPACE = text(principal, namespaceTest);
const TRUST_DOMAIN = text(principal, trustDomainTest);
const SNI = text(({ sni = "" }) => sni);
const METHOD = text(({ method }) => method);
const PATH = text(({ path }) => path, pathTest);
const HOST: Attribute = {
  test: (values) => {
    const test = anyText(values.map((value) => value.toLowerCase()));
    return ({ host }) => test(host.toLowerCase());
  },
};
const PORT: Attribute = {
  isReadable: (value) => /^\d+$/.test(value) && Number(value) <= 65_535,
  test: (values) => {
    const ports = new Set(values.map(Number));
    return ({ port }) => port !== undefined && ports.has(port);
  },
};
/** A token that lacks an issuer or a subject belongs to nobody. */
const TOKEN_OWNER: Attribute = {
  test: (values) => {
    const tests = values.map(tokenOwnerTest);
    return ({ claims }) => {
      const { iss, sub } = claims ?? {};
      return typeof iss === "string" && typeof sub === "string" && tests.some((test) => test(iss, sub));
    };
  },
};

const serviceAccount = (own: string): Attribute =>
  text(principal, (pattern) => serviceAccountTest(pattern, own));

function claim(name: string): Attribute {
  const texts = claimTexts(name);
  return {
    test: (values) => {
      const test = anyText(values);
      return ({ claims }) => claims !== undefined && texts(claims).some(test);
    },
  };
}

function header(name: string): Attribute {
  switch (name) {
    case ":method":
      return METHOD;
    case ":path":
      return text(({ whole, path }) => whole ?? path);
    case ":authority":
    case "host":
      return text(({ host }) => host);
    default:
      return {
        test: (values) => {
          // A header that is there may be empty.
          const test = values.includes("*") ? () => true : anyText(values);
          return ({ headers }) => {
            const value = headers[name];
            return value !== undefined && (typeof value === "object" ? value.some(test) : test(value));
          };
        },
      };
  }
}

/** By field, and whether the field is one of those that must not match. */
type Fields<T> = { readonly [K in keyof Required<T>]: readonly [attribute: Attribute, not?: "not"] };

/** `namespace`: that of the policy. Addresses are the dearest to look at, so they come last. */
export const sourceFields = (namespace: string): Fields<WrittenSource> => ({
  principals: [PRINCIPAL],
  notPrincipals: [PRINCIPAL, "not"],
  requestPrincipals: [TOKEN_OWNER],
  notRequestPrincipals: [TOKEN_OWNER, "not"],
  namespaces: [NAMESPACE],
  notNamespaces: [NAMESPACE, "not"],
  serviceAccounts: [serviceAccount(namespace)],
  notServiceAccounts: [serviceAccount(namespace), "not"],
  trustDomains: [TRUST_DOMAIN],
  notTrustDomains: [TRUST_DOMAIN, "not"],
  ipBlocks: [PEER],
  notIpBlocks: [PEER, "not"],
  remoteIpBlocks: [CLIENT],
  notRemoteIpBlocks: [CLIENT, "not"],
});

export const OPERATION_FIELDS: Fields<WrittenOperation> = {
  hosts: [HOST],
  notHosts: [HOST, "not"],
  methods: [METHOD],
  notMethods: [METHOD, "not"],
  paths: [PATH],
  notPaths: [PATH, "not"],
  ports: [PORT],
  notPorts: [PORT, "not"],
};

/** Of a `when`: `unknown` where Istio has no such key, `undecidable` where a request does not show it. */
export function attributeOf(
  key: string,
  namespace: string,
): { readonly attribute: Attribute; readonly undecidable?: true } | "unknown" {
  const [, kind, name = ""] = /^request\.(headers|auth\.claims)(\[.*\])$/.exec(key) ?? [];
  if (kind === "headers") return { attribute: header(name.slice(1, -1).toLowerCase()) };
  if (kind === "auth.claims") return { attribute: claim(name) };
  if (key === "destination.ip" || /^experimental\.envoy\.filters\..*\[/.test(key)) {
    return { attribute: UNDECIDABLE, undecidable: true };
  }
  if (key === "source.serviceAccount") return { attribute: serviceAccount(namespace) };
  const attribute = BY_KEY.get(key);
  return attribute ? { attribute } : "unknown";
}

const BY_KEY: ReadonlyMap<string, Attribute> = new Map([
  ["destination.port", PORT],
  ["connection.sni", SNI],
  ["source.ip", PEER],
  ["remote.ip", CLIENT],
  ["source.namespace", NAMESPACE],
  ["source.trustDomain", TRUST_DOMAIN],
  ["source.principal", PRINCIPAL],
  ["request.auth.principal", TOKEN_OWNER],
  ["request.auth.audiences", claim("[aud]")],
  ["request.auth.presenter", claim("[azp]")],
]);
