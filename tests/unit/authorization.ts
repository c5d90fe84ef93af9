/** What Istio does with an AuthorizationPolicy, for tests: its documented meaning, without addresses by block. */
import type {
  AuthorizationPolicySpec,
  AuthorizationRule,
  Operation,
  Source,
} from "../../components/istio/authorization-policy";

/** A request as a proxy sees it. */
export interface ProxyRequest {
  readonly path: string;
  readonly method: string;
  readonly port: number;
  /** Address of the peer, and of the client. */
  readonly peer: string;
  readonly client: string;
  readonly principal?: string;
  /** Claims of the verified token. */
  readonly claims?: Readonly<Record<string, readonly string[]>>;
  readonly headers: Readonly<Record<string, string>>;
}

/** Whether the policies of one proxy let a request pass. */
export function passes(policies: readonly AuthorizationPolicySpec[], request: ProxyRequest): boolean {
  const matches = (policy: AuthorizationPolicySpec): boolean =>
    (policy.rules ?? []).some((rule) => ruleMatches(rule, request));
  const allow = policies.filter(({ action }) => action !== "DENY");
  return (
    !policies.some((policy) => policy.action === "DENY" && matches(policy)) &&
    (allow.length === 0 || allow.some(matches))
  );
}

function ruleMatches({ from, to, when }: AuthorizationRule, request: ProxyRequest): boolean {
  return (
    (from ?? [{ source: undefined }]).some(({ source }) => !source || sourceMatches(source, request)) &&
    (to ?? [{ operation: undefined }]).some(
      ({ operation }) => !operation || operationMatches(operation, request),
    ) &&
    (when ?? []).every(({ key, values, notValues }) => {
      const is = attribute(key, request);
      return some(values, is) && !(notValues && some(notValues, is));
    })
  );
}

function sourceMatches(source: Source, { principal, claims, peer, client }: ProxyRequest): boolean {
  const subject = claims ? ["issuer/subject"] : [];
  return (
    some(source.principals, principal === undefined ? [] : [principal]) &&
    some(source.requestPrincipals, subject) &&
    !(source.notRequestPrincipals && some(source.notRequestPrincipals, subject)) &&
    some(source.ipBlocks, [peer]) &&
    some(source.remoteIpBlocks, [client])
  );
}

function operationMatches(operation: Operation, { path, method, port }: ProxyRequest): boolean {
  return (
    some(operation.paths, [path]) &&
    !(operation.notPaths && some(operation.notPaths, [path])) &&
    some(operation.methods, [method]) &&
    !(operation.notMethods && some(operation.notMethods, [method])) &&
    some(operation.ports, [String(port)])
  );
}

function attribute(key: string, { headers, claims }: ProxyRequest): readonly string[] {
  const [, kind = "", name = ""] = /^request\.(headers|auth\.claims)\[(.+)\]$/.exec(key) ?? [];
  if (kind === "headers") return headers[name] === undefined ? [] : [headers[name]];
  return claims?.[name.replaceAll("][", ".")] ?? [];
}

const some = (patterns: readonly string[] | undefined, values: readonly string[]): boolean =>
  patterns === undefined ||
  values.some((value) =>
    patterns.some((pattern) => {
      if (pattern === "*") return value !== "";
      if (pattern.endsWith("*")) return value.startsWith(pattern.slice(0, -1));
      return pattern.startsWith("*") ? value.endsWith(pattern.slice(1)) : value === pattern;
    }),
  );
