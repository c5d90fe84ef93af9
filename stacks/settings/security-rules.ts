/** The rules that span the settings of security and others. */
import { show } from "./fields";
import type { Finding, Path } from "./problem";
import type { PartialConfiguration } from "./rules";

const TOKENS = ["security", "authentication"];

/** What is wrong between the settings of security and the rest of `c`. */
export function* securityFindings(c: PartialConfiguration): Generator<Finding> {
  yield* hostFindings(c);
  yield* terminationFindings(c);
  const { security, traffic } = c;
  if (security === undefined) return;
  if (Object.hasOwn(security.mtls?.namespaces ?? {}, "istio-system")) {
    const path = ["security", "mtls", "namespaces", "istio-system"];
    yield {
      path,
      found: "the namespace of the control plane",
      allowed: "namespaces other than istio-system",
      hint: "what stands there is the mode of the whole mesh: shopzier:security.mtls.mode",
      repairs: [{ remove: path }],
    };
  }
  const issuers = (security.authentication?.jwt ?? []).map((jwt) => jwt?.issuer);
  for (const [i, issuer] of issuers.entries()) {
    if (issuer === undefined || issuers.indexOf(issuer) === i) continue;
    yield {
      path: [...TOKENS, "jwt", i, "issuer"],
      found: `${show(issuer)} a second time`,
      allowed: "each issuer once",
      repairs: [{ say: "put its keys and audiences into one entry" }],
    };
  }
  if ("authentication" in security) return;
  for (const path of claimUses(security.access, traffic?.rules)) {
    yield {
      path,
      found: "claims without tokens",
      allowed: "claims where shopzier:security.authentication says whose tokens are verified",
      // Without the claims the entry or rule would be about everybody.
      repairs: [
        { say: "name the issuer, its audiences and keys in shopzier:security.authentication" },
        { say: "remove the whole entry or rule in the stack file" },
      ],
    };
  }
}

type Security = NonNullable<PartialConfiguration["security"]>;

/** Where something depends on a claim. */
export function* claimUses(access: Security["access"], rules: unknown): Generator<Path> {
  for (const list of ["deny", "allow"] as const) {
    for (const [i, entry] of (access?.[list] ?? []).entries()) {
      if (entry?.claims !== undefined) yield ["security", "access", list, i, "claims"];
    }
  }
  for (const [i, rule] of asList(rules).entries()) {
    const match = (rule as { match?: unknown } | undefined)?.match;
    for (const [j, one] of (Array.isArray(match) ? asList(match) : [match]).entries()) {
      if ((one as { claims?: unknown } | undefined)?.claims === undefined) continue;
      yield ["traffic", "rules", i, "match", ...(Array.isArray(match) ? [j] : []), "claims"];
    }
  }
}

const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** Further hosts, and hosts with TLS of their own. */
function* hostFindings({ category, gateway }: PartialConfiguration): Generator<Finding> {
  const aliases = category?.aliases ?? [];
  const hosts = [category?.host, ...aliases];
  for (const [i, alias] of aliases.entries()) {
    const at = ["category", "aliases", i];
    const other = hosts.find(
      (host, j) => j !== i + 1 && (covers(host, alias) || (j === 0 && covers(alias, host))),
    );
    if (alias === undefined || other === undefined) continue;
    yield {
      path: at,
      found: `${show(alias)} beside ${show(other)}`,
      allowed: "hosts of which none covers another",
      repairs: [{ remove: aliases.length > 1 ? at : at.slice(0, -1) }],
    };
  }
  if (hosts.includes(undefined)) return;
  for (const host of Object.keys(gateway?.tls?.hosts ?? {})) {
    if (hosts.includes(host)) continue;
    const path = ["gateway", "tls", "hosts", host];
    yield {
      path,
      found: "a host that is not served",
      allowed: hosts.join(", "),
      hint: "shopzier:category.host and aliases are the hosts that are served",
      repairs: [{ remove: path }],
    };
  }
}

/** TLS that ends before the gateway. */
function* terminationFindings({ gateway, security }: PartialConfiguration): Generator<Finding> {
  if (gateway?.tlsTermination !== "load-balancer" || gateway.existing) return;
  const path = ["gateway", "tlsTermination"];
  if ("tls" in gateway) {
    yield {
      path,
      found: '"load-balancer" with gateway.tls',
      allowed: "one place where TLS ends",
      repairs: [{ remove: ["gateway", "tls"] }, { remove: path }],
    };
  }
  if (security?.trustedProxies === 0) {
    yield {
      path,
      found: '"load-balancer" without trusted proxies',
      allowed: "load-balancer where shopzier:security.trustedProxies counts it",
      hint: "without trust X-Forwarded-Proto is the client's own word, and the gateway takes all for HTTP",
      repairs: [{ at: ["security", "trustedProxies"], set: 1 }, { remove: path }],
    };
  }
}

function covers(host: string | undefined, other: string | undefined): boolean {
  if (host === undefined || other === undefined) return false;
  if (host === "*" || host === other) return true;
  return host.startsWith("*.") && other.endsWith(host.slice(1));
}

/** What a user should know of settings that are allowed. */
export function securityWarnings(security: {
  readonly mtls: { readonly mode: string; readonly namespaces: Readonly<Record<string, string>> };
  readonly authentication?: { readonly jwt: readonly { readonly issuer: string; readonly from?: object }[] };
}): string[] {
  const { mode, namespaces } = security.mtls;
  const plain = [
    ...(mode === "PERMISSIVE" ? ["the mesh"] : []),
    ...Object.keys(namespaces).filter((namespace) => namespaces[namespace] === "PERMISSIVE"),
  ];
  const inQuery = (security.authentication?.jwt ?? []).filter(({ from }) => from && "params" in from);
  return [
    ...(plain.length > 0
      ? [
          `shopzier:security.mtls takes plain text in ${plain.join(", ")}: whoever reaches a pod there is taken for nobody in particular. Set STRICT once every client has a sidecar.`,
        ]
      : []),
    ...inQuery.map(
      ({ issuer }) =>
        `shopzier:security.authentication takes tokens of ${issuer} from the query: they stand in traces and in the histories of browsers. Prefer a header.`,
    ),
  ];
}

/** Rules that send a client from HTTP to HTTPS for ever: without TLS, and a proxy that says so, every request comes by HTTP. */
export function schemeWarnings({ gateway, security, traffic }: PartialConfiguration): string[] {
  if ((gateway && "tls" in gateway) || (security?.trustedProxies ?? 0) > 0) return [];
  return (traffic?.rules ?? []).flatMap((rule) => {
    const all = Array.isArray(rule?.match) ? asList(rule.match) : [rule?.match];
    const byScheme = all.some((one) =>
      Object.hasOwn((one as { headers?: object } | undefined)?.headers ?? {}, "x-forwarded-proto"),
    );
    return byScheme && rule?.redirect?.scheme === "https"
      ? [
          `shopzier:traffic.rules: ${rule.name ?? "a rule"} sends HTTP to HTTPS, and the gateway has no TLS: it writes X-Forwarded-Proto itself, so the client comes back as HTTP for ever. Where TLS ends in a load balancer, set shopzier:gateway.tlsTermination.`,
        ]
      : [];
  });
}
