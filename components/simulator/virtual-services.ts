/**
 * VirtualServices as istiod reads them: short names in full, delegates in their place, the oldest first (Istio:
 * pilot/pkg/model/virtualservice.go and config.go).
 */
import { isIP } from "node:net";
import type { VirtualServiceSpec } from "../istio/virtual-service";
import { delegatedRules } from "./delegates";
import type {
  WrittenMetadata,
  WrittenRoute,
  WrittenVirtualService,
  WrittenVirtualServiceSpec,
} from "./written-objects";

/** An object, or its spec alone: names in a spec are taken as they are, as its namespace is not known. */
export type AnyVirtualService = WrittenVirtualService | WrittenVirtualServiceSpec | VirtualServiceSpec;

/** A VirtualService that has hosts. */
export interface ReadVirtualService {
  /** In words. */
  readonly name: string;
  /** Empty for a spec alone. */
  readonly namespace: string;
  /** In full. */
  readonly hosts: readonly string[];
  /** `namespace/name` or `mesh`. */
  readonly gateways: readonly string[];
  /** No rule has a delegate. */
  readonly http: readonly WrittenRoute[];
  readonly exportTo: readonly string[];
  /** Parts that the simulator does not look at, in words. */
  readonly notLookedAt: readonly string[];
}

/** In the order in which they count. Specs alone keep their order. */
export function readVirtualServices(written: readonly AnyVirtualService[]): ReadVirtualService[] {
  const objects = written.map((one): { metadata?: WrittenMetadata; spec: WrittenVirtualServiceSpec } =>
    "spec" in one ? one : { spec: one },
  );
  const sorted = objects.every(({ metadata }) => metadata)
    ? oldestFirst(objects as WrittenVirtualService[])
    : objects;
  const delegates = new Map(
    sorted.flatMap(({ metadata, spec }) =>
      metadata && !spec.hosts?.length ? [[keyOf(metadata), spec] as const] : [],
    ),
  );
  return sorted
    .filter(({ spec }) => spec.hosts?.length)
    .map(({ metadata, spec }) => {
      const namespace = metadata ? namespaceOf(metadata) : "";
      const gateway = (short: string): string => fullGatewayName(short, namespace);
      const host = (short: string): string => fullHost(short, namespace);
      const name = metadata ? `VirtualService ${keyOf(metadata)}` : "a VirtualService";
      const notLookedAt = (["tcp", "tls"] as const)
        .filter((part) => spec[part]?.length)
        .map((part) => `${part} of ${name}`);
      const http = (spec.http ?? []).flatMap((rule): readonly WrittenRoute[] => {
        if (!rule.delegate) return [rule];
        const key = keyOf({ namespace, ...rule.delegate });
        const delegate = delegates.get(key);
        if (!delegate) notLookedAt.push(`VirtualService ${key}, a delegate that is not among the objects`);
        const visible = delegate && isExported(delegate.exportTo ?? [], key.split("/")[0] ?? "", namespace);
        return visible ? delegatedRules(rule, delegate.http ?? []) : [];
      });
      return {
        name,
        namespace,
        hosts: (spec.hosts ?? []).map(host),
        gateways: spec.gateways?.length ? spec.gateways.map(gateway) : ["mesh"],
        http: http.map((rule) => inFull(rule, gateway, host)),
        exportTo: spec.exportTo ?? [],
        notLookedAt,
      };
    });
}

/** Whether what is exported from a namespace is seen in another (Istio: `exportTo`). */
export function isExported(exportTo: readonly string[], from: string, to: string): boolean {
  if (exportTo.length === 0 || exportTo.includes("*")) return true;
  return !exportTo.includes("~") && exportTo.some((name) => (name === "." ? from : name) === to);
}

/** Istio: sortConfigByCreationTime. */
export function oldestFirst<T extends { readonly metadata: WrittenMetadata }>(objects: readonly T[]): T[] {
  const key = ({ metadata }: T): string =>
    `${metadata.creationTimestamp ?? "9999"} ${metadata.name}.${namespaceOf(metadata)}`;
  return [...objects].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

export const namespaceOf = ({ namespace }: { readonly namespace?: string }): string => namespace || "default";

/** `namespace/name`. */
export const keyOf = (metadata: { readonly name: string; readonly namespace?: string }): string =>
  `${namespaceOf(metadata)}/${metadata.name}`;

function inFull(
  rule: WrittenRoute,
  gateway: (name: string) => string,
  host: (name: string) => string,
): WrittenRoute {
  const full: { -readonly [K in keyof WrittenRoute]: WrittenRoute[K] } = { ...rule };
  if (rule.match?.some(({ gateways }) => gateways)) {
    full.match = rule.match.map((match) =>
      match.gateways ? { ...match, gateways: match.gateways.map(gateway) } : match,
    );
  }
  if (rule.route) {
    full.route = rule.route.map((one) => ({
      ...one,
      destination: { ...one.destination, host: host(one.destination.host) },
    }));
  }
  return full;
}

/** A short name is a service in the namespace of the rule (Istio: ResolveShortnameToFQDN). */
export function fullHost(name: string, namespace: string): string {
  const whole = name.includes(".") || name === "*" || name === "" || isIP(name) !== 0 || namespace === "";
  return whole ? name : `${name}.${namespace}.svc.cluster.local`;
}

/** Istio: resolveGatewayName, with its older form `name.namespace.svc.cluster.local`. */
export function fullGatewayName(name: string, namespace: string): string {
  if (name === "mesh" || namespace === "") return name;
  if (name.startsWith("./")) return namespace + name.slice(1);
  if (name.includes("/")) return name;
  const [short = "", own = namespace] = name.split(".");
  return `${own}/${short}`;
}
