/**
 * The rules that span several settings.
 *
 * They run on what could be read of a configuration, so that one report holds everything: a field that had a problem of
 * its own is absent here and never reported twice.
 */
import type { z } from "zod";
import { amount } from "../../components/kubernetes/quantity";
import { NODE_PORTS } from "../../components/security/gateway-servers";
import { effectiveShares, weightProblems, type Shares, type Weights } from "../../components/traffic/weights";
import { categoryFindings } from "./category";
import { chartFindings } from "./charts";
import { databaseFindings } from "./database";
import { existingFindings } from "./existing";
import { show } from "./fields";
import { imageReference } from "./image";
import { observabilityFindings } from "./observability-rules";
import { policyFindings } from "./policy-rules";
import type { resources } from "./pods";
import { didYouMean, type Finding, type Path } from "./problem";
import { ruleFindings } from "./rule-findings";
import type { Configuration } from "./schema";
import { securityFindings } from "./security-rules";

type Partially<T> = T extends readonly (infer Entry)[]
  ? readonly (Partially<Entry> | undefined)[]
  : T extends Readonly<Record<string, unknown>>
    ? { readonly [K in keyof T]?: Partially<T[K]> }
    : T;

/** A configuration in which any field may be missing. */
export type PartialConfiguration = Partially<Configuration>;

interface PartialScale {
  readonly replicas?: number;
  readonly autoscaler?: { readonly minReplicas?: number; readonly maxReplicas?: number } | undefined;
  readonly resources?: Partially<z.output<typeof resources>> | undefined;
}

/** Everything that is wrong between the settings of `c`; `unread` are the values that had problems of their own, `written` is without defaults. */
export function* findings(
  c: PartialConfiguration,
  unread: readonly Path[],
  written: unknown,
): Generator<Finding> {
  const loads = loadsOf(c, yield* weightFindings(c));
  yield* scaleFindings(["istio", "controlPlane"], c.istio?.controlPlane);
  yield* scaleFindings(["gateway"], c.gateway);
  yield* limitFindings(["istio", "controlPlane"], c.istio?.controlPlane?.resources, ISTIOD_RESOURCES);
  yield* limitFindings(["gateway"], c.gateway?.resources, GATEWAY_RESOURCES);
  yield* limitFindings(["category", "database", "server"], c.category?.database?.server?.resources);
  for (const part of ["prometheus", "jaeger", "grafana"] as const)
    yield* limitFindings(["observability", part], c.observability?.[part]?.resources);
  yield* gatewayFindings(c.gateway ?? {});
  for (const [name, version] of Object.entries(c.category?.versions ?? {})) {
    const path = ["category", "versions", name];
    yield* scaleFindings(path, version);
    yield* cpuFindings(path, version);
    yield* limitFindings(path, version?.resources);
    const load = loads.get(name);
    if (load !== undefined && version?.replicas === 0) {
      yield {
        path: [...path, "replicas"],
        found: `0 replicas for ${load.what}`,
        allowed: "at least 1 for a version with traffic",
        repairs: [{ set: 1 }, ...(load.mirror ? [{ remove: load.mirror }] : [])],
      };
    }
  }
  yield* categoryFindings(c);
  yield* databaseFindings(c);
  yield* observabilityFindings(c);
  yield* ruleFindings(c, unread);
  yield* policyFindings(c);
  yield* securityFindings(c);
  yield* existingFindings(c, unread, written);
  if (c.production === true) yield* productionFindings(c, loads);
}

/** What a version gets; `mirror` is where it is written that it gets copies. */
interface Load {
  readonly what: string;
  readonly mirror?: Path;
}

/** Version → what it gets: its share of all requests, else those of a rule, else copies. */
function loadsOf({ traffic }: PartialConfiguration, shares: Shares | undefined): Map<string, Load> {
  const loads = new Map<string, Load>();
  const add = (version: string | undefined, load: Load): void => {
    if (version !== undefined && !loads.has(version)) loads.set(version, load);
  };
  for (const [version, share] of Object.entries(shares ?? {})) {
    if (share > 0) add(version, { what: `${share} percent of the requests` });
  }
  const rules = traffic?.rules ?? [];
  for (const [i, rule] of rules.entries()) {
    const load = { what: `the requests of rule ${rule?.name ?? i}` };
    add(rule?.to, load);
    const weights = (rule?.weights ?? {}) as Weights;
    if (weightProblems(weights, Object.keys(weights)).length > 0) continue;
    for (const [version, share] of Object.entries(effectiveShares(weights)))
      if (share > 0) add(version, load);
  }
  const mirrored = [
    { path: ["traffic"], mirror: traffic?.mirror },
    ...rules.map((rule, i) => ({ path: ["traffic", "rules", i], mirror: rule?.mirror })),
  ];
  for (const { path, mirror } of mirrored) {
    if (mirror === undefined || mirror === "none") continue;
    add(mirror.to, { what: "copies of requests", mirror: [...path, "mirror"] });
  }
  return loads;
}

/** Fewest pods of a scale; undefined when it cannot be told, because what says it had a problem of its own. */
function fewest(scale: PartialScale): number | undefined {
  if ("autoscaler" in scale) return scale.autoscaler?.minReplicas;
  return "replicas" in scale ? scale.replicas : 1;
}

function* scaleFindings(path: Path, scale: PartialScale | undefined): Generator<Finding> {
  const { replicas, autoscaler } = scale ?? {};
  if (replicas !== undefined && autoscaler !== undefined) {
    yield {
      path,
      found: "both replicas and autoscaler",
      allowed: "one of the two",
      hint: "an autoscaler and a fixed number would undo each other's work",
      repairs: [{ remove: [...path, "replicas"] }, { remove: [...path, "autoscaler"] }],
    };
  }
  const { minReplicas, maxReplicas } = autoscaler ?? {};
  if (minReplicas !== undefined && maxReplicas !== undefined && maxReplicas < minReplicas) {
    yield {
      path: [...path, "autoscaler", "maxReplicas"],
      found: `${maxReplicas}, fewer than minReplicas ${minReplicas}`,
      allowed: `at least ${minReplicas}`,
      repairs: [{ set: minReplicas }],
    };
  }
}

/** An autoscaler without a request of CPU to measure by; a version's resources replace the defaults as a whole. */
function* cpuFindings(path: Path, { autoscaler, resources }: PartialScale = {}): Generator<Finding> {
  if (autoscaler === undefined || resources === undefined) return;
  const { requests, limits } = resources;
  // Kubernetes requests what the limit says where no request does.
  const parts = [requests, limits].filter((part) => part !== undefined);
  const written = parts.find((part) => "cpu" in part);
  if (("requests" in resources && !requests) || ("limits" in resources && !limits)) return;
  if (written && (written.cpu === undefined || parseFloat(written.cpu) > 0)) return;
  yield {
    path: [...path, "resources", "requests", "cpu"],
    found: written ? `${show(written.cpu)} with an autoscaler` : "nothing, with an autoscaler",
    allowed: "the CPU to reserve, by which an autoscaler measures",
    hint: "Kubernetes scales nothing without it (missing request for cpu)",
    repairs: [{ set: "100m", example: true }],
  };
}

type PartialResources = NonNullable<PartialScale["resources"]>;

/** What Istio's charts (1.30, 1.31) fill in where a stack file says nothing. */
const ISTIOD_RESOURCES: PartialResources = { requests: { cpu: "500m", memory: "2048Mi" } };
const GATEWAY_RESOURCES: PartialResources = {
  requests: { cpu: "100m", memory: "128Mi" },
  limits: { cpu: "2000m", memory: "1024Mi" },
};

/** A request above its limit, which Kubernetes refuses; `defaults` holds where nothing is written. */
function* limitFindings(
  path: Path,
  resources: PartialResources | undefined,
  defaults: PartialResources = {},
): Generator<Finding> {
  for (const kind of ["cpu", "memory"] as const) {
    const written = { requests: resources?.requests?.[kind], limits: resources?.limits?.[kind] };
    const request = written.requests ?? defaults.requests?.[kind];
    const limit = written.limits ?? defaults.limits?.[kind];
    if (request === undefined || limit === undefined || amount(request) <= amount(limit)) continue;
    if (written.requests === undefined && written.limits === undefined) continue;
    const at = (part: "requests" | "limits"): Path => [...path, "resources", part, kind];
    const chart = (part: "requests" | "limits"): string =>
      written[part] === undefined ? ", which the chart sets" : "";
    yield {
      path: at(written.requests === undefined ? "limits" : "requests"),
      found: `a request of ${request}${chart("requests")}, with a limit of ${limit}${chart("limits")}`,
      allowed: "a request that is not above its limit",
      repairs: [
        { at: at("requests"), set: limit },
        { at: at("limits"), set: request },
      ],
    };
  }
}

/** Yields what is wrong with the weights; returns the shares when nothing is. */
function* weightFindings({
  traffic,
  category,
}: PartialConfiguration): Generator<Finding, Shares | undefined> {
  const path = ["traffic", "weights"];
  const names = Object.keys(category?.versions ?? {});
  if (category?.versions !== undefined && names.length === 0) {
    yield {
      path: ["category", "versions"],
      found: "no version",
      allowed: "at least one version",
      repairs: [
        {
          at: ["category", "versions", "v1", "image"],
          set: "registry.example.com/category-api:1.0.0",
          example: true,
        },
      ],
    };
  }
  if (traffic?.weights === undefined || category?.versions === undefined) return undefined;
  if (names.length === 0) {
    if (Object.keys(traffic.weights).length === 0) {
      yield {
        path,
        found: "no weight",
        allowed: "a weight for every declared version",
        repairs: [{ at: [...path, "v1"], set: 100, example: true }],
      };
    }
    return undefined;
  }

  // NaN stands for a weight that could not be read: its version has one, but the sum is unknown.
  const weights = Object.fromEntries(Object.entries(traffic.weights).map(([v, w]) => [v, w ?? NaN]));
  const problems = weightProblems(weights, names);
  for (const { version, found, allowed, repairs } of problems) {
    if (version !== undefined && Number.isNaN(weights[version])) continue;
    const undeclared = version !== undefined && !names.includes(version);
    const near = undeclared
      ? didYouMean(
          version,
          names.filter((n) => !Object.hasOwn(weights, n)),
        )
      : undefined;
    yield {
      path: version === undefined ? path : [...path, version],
      found,
      allowed,
      ...(near === undefined ? {} : { hint: `did you mean ${near}?` }),
      repairs: undeclared
        ? [{ remove: [...path, version] }]
        : repairs.map((r) => ({ at: [...path, r.version], set: r.weight })),
    };
  }
  return problems.length === 0 ? effectiveShares(weights) : undefined;
}

function* gatewayFindings(gateway: NonNullable<PartialConfiguration["gateway"]>): Generator<Finding> {
  const { serviceType, address, nodePorts, http, tls } = gateway;
  const existing = "existing" in gateway;
  if (!existing && serviceType === "NodePort" && !("address" in gateway)) {
    yield {
      path: ["gateway", "address"],
      found: "nothing",
      allowed: "the host name or address of a node, because serviceType is NodePort",
      repairs: [{ set: "node.example.com", example: true }],
    };
  }
  if (!existing && serviceType !== undefined && serviceType !== "NodePort" && address !== undefined) {
    yield {
      path: ["gateway", "address"],
      found: `${show(address)} with serviceType ${serviceType}`,
      allowed: "an address with serviceType NodePort only",
      repairs: [{ remove: ["gateway", "address"] }, { at: ["gateway", "serviceType"], set: "NodePort" }],
    };
  }
  if (serviceType === "ClusterIP" && nodePorts !== undefined) {
    yield {
      path: ["gateway", "nodePorts"],
      found: "node ports with serviceType ClusterIP",
      allowed: "node ports with serviceType NodePort or LoadBalancer",
      repairs: [{ remove: ["gateway", "nodePorts"] }],
    };
  }
  const ports = serviceType === "ClusterIP" ? undefined : nodePorts;
  if (ports?.http !== undefined && ports.http === ports.https) {
    yield {
      path: ["gateway", "nodePorts"],
      found: `${ports.http} for both HTTP and HTTPS`,
      allowed: "two different ports",
      repairs: [
        ports.http === NODE_PORTS.https
          ? { at: ["gateway", "nodePorts", "http"], set: NODE_PORTS.http }
          : { at: ["gateway", "nodePorts", "https"], set: NODE_PORTS.https },
      ],
    };
  }
  for (const [one, other] of [
    ["http", "https"],
    ["https", "http"],
  ] as const) {
    const port = nodePorts?.[one];
    // Both are open, and one has the number that the other has without saying so.
    if (serviceType !== "NodePort" || http === false || !("tls" in gateway)) continue;
    if (port !== NODE_PORTS[other] || (nodePorts && other in nodePorts)) continue;
    yield {
      path: ["gateway", "nodePorts", one],
      found: `${port}, which is the port for ${other.toUpperCase()} where none is set`,
      allowed: "two different ports",
      repairs: [{ set: NODE_PORTS[one] }, { at: ["gateway", "nodePorts", other], set: NODE_PORTS[one] }],
    };
  }
  const status = ports?.status;
  for (const other of ["http", "https"] as const) {
    const open = other === "http" ? http !== false : "tls" in gateway;
    const taken = nodePorts?.[other] ?? (open && serviceType === "NodePort" ? NODE_PORTS[other] : undefined);
    if (status === undefined || status !== taken) continue;
    yield {
      path: ["gateway", "nodePorts", "status"],
      found: `${status} for both health checks and ${other.toUpperCase()}`,
      allowed: "a port of its own",
      repairs: [{ set: 30021 }],
    };
  }
  if (http === false && !("tls" in gateway)) {
    yield {
      path: ["gateway"],
      found: "neither http nor tls",
      allowed: "at least one of them",
      repairs: [{ at: ["gateway", "http"], set: true }],
    };
  }
  if (http === false && tls?.redirect === true) {
    yield {
      path: ["gateway", "tls", "redirect"],
      found: "true with http false",
      allowed: "a redirect only where port 80 is open",
      repairs: [{ set: false }, { at: ["gateway", "http"], set: true }],
    };
  }
}

function* productionFindings(c: PartialConfiguration, loads: ReadonlyMap<string, Load>): Generator<Finding> {
  const hint = "shopzier:production is true";
  const { gateway, category } = c;
  const hosts = [
    { path: ["category", "host"], host: category?.host, label: "shop" },
    ...(category?.aliases ?? []).map((host, i) => ({ path: ["category", "aliases", i], host, label: "www" })),
  ];
  for (const { path, host, label } of hosts) {
    if (host?.includes("*") !== true) continue;
    yield {
      path,
      found: show(host),
      allowed: "a host name without wildcard in production",
      hint,
      repairs: [{ set: `${label}${host === "*" ? ".example.com" : host.slice(1)}`, example: true }],
    };
  }
  if (
    gateway !== undefined &&
    !("tls" in gateway) &&
    gateway.tlsTermination === "gateway" &&
    gateway.existing?.gateway === undefined
  ) {
    yield {
      path: ["gateway", "tls"],
      found: "nothing",
      allowed: "HTTPS in production",
      hint: gateway.existing
        ? `${hint}; where TLS ends before the gateway, name its owner's Gateway object: existing.gateway`
        : `${hint}; where TLS ends before the gateway, set tlsTermination: load-balancer`,
      repairs: [{ at: ["gateway", "tls", "credentialName"], set: "category-tls", example: true }],
    };
  }
  if (gateway?.http === true && gateway.tls?.redirect === false) {
    yield {
      path: ["gateway", "tls", "redirect"],
      found: "false with http true",
      allowed: "a redirect, or no HTTP, in production",
      hint,
      repairs: [{ set: true }, { at: ["gateway", "http"], set: false }],
    };
  }
  if (c.propagation?.wait === false) {
    yield {
      path: ["propagation", "wait"],
      found: "false",
      allowed: "true in production",
      hint: `${hint}; without the wait, a version is deleted while gateways still send to it`,
      repairs: [{ set: true }],
    };
  }
  if (c.security?.mtls?.mode === "PERMISSIVE") {
    yield {
      path: ["security", "mtls", "mode"],
      found: "PERMISSIVE",
      allowed: "STRICT in production",
      hint,
      repairs: [{ set: "STRICT" }],
    };
  }
  for (const [namespace, mode] of Object.entries(c.security?.mtls?.namespaces ?? {})) {
    const path = ["security", "mtls", "namespaces", namespace];
    if (mode !== "PERMISSIVE") continue;
    yield {
      path,
      found: "PERMISSIVE",
      allowed: "STRICT in production",
      hint: `${hint}; plain text has no identity by which anything could be allowed`,
      repairs: [{ set: "STRICT" }, { remove: path }],
    };
  }
  yield* chartFindings(c, hint);
  if (c.istio?.install !== false)
    yield* twoPods(
      ["istio", "controlPlane"],
      c.istio?.controlPlane,
      "at least 2 pods of istiod in production",
      `${hint}; while no istiod answers, new pods get no certificates and no edit takes effect`,
    );
  if (!gateway?.existing)
    yield* twoPods(["gateway"], gateway, "at least 2 pods of the gateway in production", hint);
  for (const [name, version] of Object.entries(category?.versions ?? {})) {
    const path = ["category", "versions", name];
    if (loads.has(name) && version?.replicas !== 0) {
      yield* twoPods(path, version, "at least 2 pods of a version with traffic in production", hint);
    }
    yield* movingTag([...path, "image"], version?.image, "1.0.0");
  }
  yield* movingTag(["category", "database", "server", "image"], category?.database?.server?.image, "17.6");
  if (c.istio?.tag === "latest") {
    yield {
      path: ["istio", "tag"],
      found: '"latest", a tag that moves',
      allowed: "a tag other than latest in production",
      hint,
      repairs: [{ remove: ["istio", "tag"] }],
    };
  }
}

/** An image whose tag does not say which one it is. */
function* movingTag(path: Path, image: string | undefined, example: string): Generator<Finding> {
  const reference = image === undefined ? undefined : imageReference(image);
  if (reference === undefined || reference.digest !== undefined) return;
  if ((reference.tag ?? "latest") !== "latest") return;
  yield {
    path,
    found: `${show(image)}, ${reference.tag === undefined ? "without a tag" : "a tag that moves"}`,
    allowed: "a tag other than latest, or a digest, in production",
    hint: "latest (also meant by no tag) moves: pods that are one by name would run different code",
    repairs: [{ set: `${reference.name}:${example}`, example: true }],
  };
}

function* twoPods(
  path: Path,
  scale: PartialScale | undefined,
  allowed: string,
  hint: string,
): Generator<Finding> {
  if (scale === undefined) return;
  const pods = fewest(scale);
  if (pods === undefined || pods >= 2) return;
  const at = [...path, ...(scale.autoscaler === undefined ? ["replicas"] : ["autoscaler", "minReplicas"])];
  const most = scale.autoscaler?.maxReplicas ?? 2;
  yield { path: at, found: String(pods), allowed, hint, repairs: [{ set: 2 }] };
  if (most < 2) {
    const top = [...path, "autoscaler", "maxReplicas"];
    yield { path: top, found: String(most), allowed, hint, repairs: [{ set: 2 }] };
  }
}
