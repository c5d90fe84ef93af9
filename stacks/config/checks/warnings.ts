/** Warnings about settings that are allowed. */
import { NODE_PORTS } from "../../../components/security/gateway-servers";
import { effectiveShares, type Shares } from "../../../components/traffic/weights";
import { configPath } from "../report/report";
import type { Path } from "../report/catalogue";
import { WARNINGS } from "../report/warning-messages";
import type { Configuration } from "../schema/configuration";
import { istioSupportEnded, SUPPORTED_ISTIO } from "../schema/istio-versions";
import { passesThrough } from "./version-policy-checks";

export const warningsOf = (c: Configuration): string[] => [
  ...securityWarnings(c),
  ...schemeWarnings(c),
  ...portWarnings(c),
  ...chartWarnings(c),
  ...istioWarnings(c),
  ...mirrorWarnings(c),
  ...passthroughWarnings(c),
];

function securityWarnings({ security: { mtls, authentication } }: Configuration): string[] {
  const plain = [
    ...(mtls.mode === "PERMISSIVE" ? ["the mesh"] : []),
    ...Object.keys(mtls.namespaces).filter((namespace) => mtls.namespaces[namespace] === "PERMISSIVE"),
  ];
  const inQuery = (authentication?.jwt ?? []).filter(({ from }) => from?.params !== undefined);
  return [
    ...(plain.length > 0 ? [WARNINGS.plainText(plain)] : []),
    ...inQuery.map(({ issuer }) => WARNINGS.tokenInQuery(issuer)),
  ];
}

/**
 * Rules that redirect a client from HTTP to HTTPS without end. Without TLS at the gateway, and without a proxy that sets
 * `X-Forwarded-Proto`, each request arrives by HTTP.
 */
function schemeWarnings({ gateway, security, traffic }: Configuration): string[] {
  if (gateway.tls !== undefined || security.trustedProxies > 0) return [];
  return traffic.rules.flatMap(({ name, match, redirect }) => {
    const byScheme = [match].flat().some(({ headers = {} }) => Object.hasOwn(headers, "x-forwarded-proto"));
    return byScheme && redirect?.scheme === "https" ? [WARNINGS.redirectForever(name)] : [];
  });
}

/** Rules whose redirect to another scheme leads a client of a node port to a port where nobody listens. */
function portWarnings({ gateway, traffic }: Configuration): string[] {
  if (gateway.serviceType !== "NodePort" || gateway.tls === undefined) return [];
  return traffic.rules.flatMap(({ redirect }, i) => {
    if (redirect?.scheme === undefined || redirect.host !== undefined || redirect.port !== undefined)
      return [];
    const nodePort = gateway.nodePorts?.[redirect.scheme] ?? NODE_PORTS[redirect.scheme];
    return [
      WARNINGS.redirectFromNodePort(
        configPath(["traffic", "rules", i, "redirect", "port"]),
        redirect.scheme,
        nodePort,
      ),
    ];
  });
}

function chartWarnings({ istio, observability: o }: Configuration): string[] {
  const sources = [
    { at: ["istio", "charts"], source: istio.charts },
    ...(["prometheus", "jaeger", "grafana"] as const).map((part) => ({
      at: ["observability", part, "charts"],
      source: o[part]?.charts,
    })),
  ];
  return sources.flatMap(({ at, source }) =>
    source && "repository" in source && source.repository.startsWith("http:")
      ? [WARNINGS.chartsPlain(configPath(at))]
      : [],
  );
}

function istioWarnings({ istio: { version, tag }, loadBalancer, traffic }: Configuration): string[] {
  const ended = istioSupportEnded(version);
  const balancers = [loadBalancer, ...Object.values(traffic.versions ?? {}).map((v) => v.loadBalancer)];
  const hashes = balancers.some((b) => typeof b === "object" && b.consistentHash !== undefined);
  const otherTag = tag !== undefined && tag !== version && !tag.startsWith(`${version}-`);
  return [
    ...(ended === undefined ? [] : [WARNINGS.istioUnsupported(version, ended, SUPPORTED_ISTIO)]),
    ...(otherTag ? [WARNINGS.istioTag(tag, version)] : []),
    ...(version === "1.30.0" && hashes ? [WARNINGS.istioRing()] : []),
  ];
}

/** Mirrors that copy nothing, because the version already gets all requests, as after the end of a shift. */
function mirrorWarnings({ traffic: { weights, mirror, rules } }: Configuration): string[] {
  const written: { at: Path; mirror: typeof mirror; shares: Shares }[] = [
    { at: ["traffic", "mirror"], mirror, shares: effectiveShares(weights) },
    ...rules.map((rule, i) => ({
      at: ["traffic", "rules", i, "mirror"],
      mirror: rule.mirror,
      shares: rule.weights ? effectiveShares(rule.weights) : rule.to === undefined ? {} : { [rule.to]: 100 },
    })),
  ];
  return written.flatMap(({ at, mirror, shares }) =>
    mirror !== undefined && mirror !== "none" && shares[mirror.to] === 100
      ? [WARNINGS.mirrorIdle(configPath(at), mirror.to)]
      : [],
  );
}

/** Load balancers with PASSTHROUGH, by which no request from a gateway reaches a pod. */
function passthroughWarnings({ loadBalancer, traffic }: Configuration): string[] {
  const own = Object.entries(traffic.versions ?? {}).map(([version, policies]) => ({
    at: ["traffic", "versions", version, "loadBalancer"],
    balancer: policies.loadBalancer,
  }));
  return [{ at: ["loadBalancer"], balancer: loadBalancer }, ...own].flatMap(({ at, balancer }) =>
    passesThrough(balancer) ? [WARNINGS.passthrough(configPath(at))] : [],
  );
}
