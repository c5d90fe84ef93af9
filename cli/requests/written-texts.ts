/** The texts that rules and policies compare requests with. */
import type { StringMatch } from "../../components/istio/virtual-service";
import type { SimulatedPlan, WrittenPolicyRule, WrittenRoute } from "../../components/simulator";
import { readVirtualServices } from "../../components/simulator/virtual-services";

/** By what they are compared with: `path`, `address`, `header x-user`, `query lang`, `claim [groups]`. */
export type Texts = ReadonlyMap<string, ReadonlySet<string>>;

type Add = (key: string, ...texts: readonly string[]) => void;

export function writtenTexts(plans: readonly SimulatedPlan[]): Texts {
  const all = new Map<string, Set<string>>();
  const add: Add = (key, ...texts) => {
    const known = all.get(key) ?? new Set();
    all.set(key, known);
    for (const text of texts) known.add(text);
  };
  for (const { virtualServices, requestAuthentication, authorizationPolicies } of plans) {
    for (const { http } of readVirtualServices(virtualServices)) for (const rule of http) ofRule(rule, add);
    for (const { issuer, audiences = [] } of requestAuthentication?.jwtRules ?? []) {
      add("claim [iss]", issuer);
      add("claim [aud]", ...audiences);
    }
    for (const { spec } of authorizationPolicies ?? []) {
      for (const rule of (spec.rules ?? []).filter(Boolean)) ofPolicyRule(rule, add);
    }
  }
  return all;
}

function ofRule({ match = [], corsPolicy }: WrittenRoute, add: Add): void {
  const addMatch = (key: string, one: StringMatch | null | undefined): void => {
    add(key, one?.exact ?? one?.prefix ?? one?.regex ?? "");
  };
  for (const { uri, headers, withoutHeaders, queryParams } of match) {
    addMatch("path", uri);
    for (const [name, value] of Object.entries({ ...headers, ...withoutHeaders }))
      addMatch(keyOfHeader(name), value);
    for (const [name, value] of Object.entries(queryParams ?? {})) addMatch(`query ${name}`, value);
  }
  if (!corsPolicy) return;
  for (const origin of corsPolicy.allowOrigins ?? []) addMatch("header origin", origin);
  add("header access-control-request-method", "GET", "POST", "PUT", "PATCH", "DELETE");
}

function ofPolicyRule({ from, to, when }: WrittenPolicyRule, add: Add): void {
  for (const { source = {} } of from ?? []) {
    const { ipBlocks = [], notIpBlocks = [], remoteIpBlocks = [], notRemoteIpBlocks = [] } = source;
    add("address", ...ipBlocks, ...notIpBlocks, ...remoteIpBlocks, ...notRemoteIpBlocks);
  }
  for (const { operation = {} } of to ?? [])
    add("path", ...(operation.paths ?? []), ...(operation.notPaths ?? []));
  for (const { key, values = [], notValues = [] } of when ?? []) {
    const [, kind, name = ""] = /^request\.(headers|auth\.claims)(\[.*\])$/.exec(key) ?? [];
    const texts = [...values, ...notValues];
    if (/^(source|remote)\.ip$/.test(key)) add("address", ...texts);
    const at = kind === "headers" ? keyOfHeader(name.slice(1, -1)) : `claim ${name}`;
    if (kind !== undefined) add(at, ...texts.map((text) => text.replace(/^\*|\*$/, "")));
  }
}

function keyOfHeader(name: string): string {
  const claim = /^@request\.auth\.claims(.*)$/.exec(name)?.[1];
  return claim === undefined ? `header ${name.toLowerCase()}` : `claim ${claim}`;
}
