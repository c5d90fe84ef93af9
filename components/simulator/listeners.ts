/**
 * Which VirtualServices a proxy has on a port: by the Gateways that select it, or as a sidecar (Istio: Gateway;
 * pilot/pkg/model/gateway.go, MergeGateways; pilot/pkg/networking/core/gateway.go).
 */
import { isLimited } from "../traffic/rate-limit";
import { asksForPlace, type Place } from "./conditions";
import type { SimulatedPlan, SimulatedProxy, SimulatedRequest } from "./decision";
import { portOf, withoutDot, withoutPort } from "./request-host";
import { longestMatch, routesOf, virtualHosts, type Contribution, type VirtualHost } from "./virtual-hosts";
import {
  isExported,
  keyOf,
  namespaceOf,
  oldestFirst,
  readVirtualServices,
  type ReadVirtualService,
} from "./virtual-services";
import type { WrittenGateway, WrittenServer } from "./written-objects";

export interface Listener {
  /** Undefined where nothing takes the connection. */
  readonly host: ((name: string) => VirtualHost | undefined) | undefined;
  /** By host, in words. Undefined where that is nothing for every host. */
  readonly notLookedAt: ((name: string) => readonly string[] | undefined) | undefined;
}

/** The listener that takes a request. */
export function listeners(plan: SimulatedPlan): (request: SimulatedRequest) => Listener {
  const { proxy, httpsRedirect, forwardedHttps = false } = plan;
  if (proxy) return ofProxy(plan, proxy);
  const everything = (services: readonly ReadVirtualService[]): Listener =>
    listener(
      plan,
      services.map(({ hosts, http }) => ({
        hosts,
        routes: routesOf(http, undefined),
        toHttps: forwardedHttps,
      })),
      notesOf(services.map(withoutPlace)),
    );
  const served = everything(readVirtualServices(plan.virtualServices));
  const plain = httpsRedirect ? everything(readVirtualServices(httpsRedirect)) : served;
  return ({ scheme }) => (scheme === "http" ? plain : served);
}

/** Where no proxy is given, conditions on it are not looked at. */
function withoutPlace(service: ReadVirtualService): ReadVirtualService {
  const placed = service.http.some(({ match }) => match?.some(asksForPlace));
  const note = `ports, gateways and callers in matches of ${service.name}`;
  return placed ? { ...service, notLookedAt: [...service.notLookedAt, note] } : service;
}

function ofProxy(plan: SimulatedPlan, proxy: SimulatedProxy): (request: SimulatedRequest) => Listener {
  const services = visibleFrom(readVirtualServices(plan.virtualServices), proxy.namespace);
  const make = proxy.gateways
    ? gatewayPort(plan, proxy, services, proxy.gateways)
    : sidecarPort(plan, proxy, services);
  const ports = new Map<number, (request: SimulatedRequest) => Listener>();
  return (request) => {
    const port = portOf(request);
    let found = ports.get(port);
    if (!found) ports.set(port, (found = make(port)));
    return found(request);
  };
}

/** Those for its own namespace alone come first, then those for others that are named (Istio: VirtualServicesForGateway). */
function visibleFrom(services: readonly ReadVirtualService[], to: string): ReadVirtualService[] {
  const rank = ({ exportTo, namespace }: ReadVirtualService): number =>
    exportTo.length === 0 || exportTo.includes("*") ? 2 : namespace === to ? 0 : 1;
  return services
    .filter(({ exportTo, namespace }) => isExported(exportTo, namespace, to))
    .sort((a, b) => rank(a) - rank(b));
}

/** Of several VirtualServices for one host, a sidecar has the first. */
function sidecarPort(
  plan: SimulatedPlan,
  proxy: SimulatedProxy,
  services: readonly ReadVirtualService[],
): (port: number) => () => Listener {
  const bound = services.filter(({ gateways }) => gateways.includes("mesh"));
  return (port) => {
    const place = { port, gateway: "mesh", namespace: proxy.namespace, labels: proxy.labels ?? {} };
    const taken = new Set<string>();
    const contributions = bound.flatMap(({ hosts, http }): Contribution[] => {
      const routes = routesOf(http, place);
      const own = hosts.flatMap((host) => namesOf(host, proxy.namespace)).filter((host) => !taken.has(host));
      if (routes.length > 0) own.forEach((host) => taken.add(host));
      return [{ hosts: own, routes, toHttps: false }];
    });
    const notes = new Map([
      ["*", ["services without a VirtualService, which a sidecar calls as they are"]],
      ...[...taken].map((host): [string, string[]] => [host, []]),
      ...notesOf(bound, (host) => namesOf(host, proxy.namespace)),
    ]);
    const made = listener(plan, contributions, notes);
    return () => made;
  };
}

/** The names by which a sidecar knows a Kubernetes service (Istio: GenerateAltVirtualHosts). */
function namesOf(host: string, from: string): string[] {
  const [, name = "", namespace = ""] = /^([^.*]+)\.([^.]+)\.svc\.cluster\.local$/.exec(host) ?? [];
  if (name === "") return [host];
  const short = `${name}.${namespace}`;
  return [host, `${short}.svc`, short, ...(namespace === from ? [name] : [])];
}

/** A server of a Gateway. */
interface Bound {
  readonly server: WrittenServer;
  /** `namespace/name`. */
  readonly gateway: string;
  /** Host → namespace of the VirtualServices that it is for, or `*`. */
  readonly hosts: readonly (readonly [host: string, namespace: string])[];
}

function gatewayPort(
  plan: SimulatedPlan,
  { namespace, labels }: SimulatedProxy,
  services: readonly ReadVirtualService[],
  gateways: readonly WrittenGateway[],
): (port: number) => (request: SimulatedRequest) => Listener {
  const servers = oldestFirst(gateways)
    .filter(({ spec }) => Object.entries(spec.selector ?? {}).every(([k, v]) => !labels || labels[k] === v))
    .flatMap(({ metadata, spec }) =>
      (spec.servers ?? []).map((server): Bound => ({
        server,
        gateway: keyOf(metadata),
        hosts: server.hosts.map((host) => serverHost(host, namespaceOf(metadata))),
      })),
    );
  const contribution = (place: Place, { server, gateway, hosts }: Bound): Contribution[] => {
    const toHttps = server.tls?.httpsRedirect === true;
    const bound = services
      .filter((one) => one.gateways.includes(gateway))
      .map((one) => ({
        hosts: common(
          hosts.flatMap(([host, own]) => (own === "*" || own === one.namespace ? [host] : [])),
          one.hosts,
        ),
        routes: routesOf(one.http, { ...place, gateway }),
        toHttps,
      }));
    return toHttps ? [...bound, { hosts: hosts.map(([host]) => host), routes: [], toHttps }] : bound;
  };
  return (port) => {
    const all = servers.filter(({ server }) => server.port.number === port);
    // A server of another protocol than the first one's is left out.
    const protocol = all[0] && protocolOf(all[0].server);
    const place = { port, gateway: "", namespace, labels: labels ?? {} };
    const on = all.filter(({ server }) => protocolOf(server) === protocol);
    const notes = notesOf(services.filter((one) => on.some(({ gateway }) => one.gateways.includes(gateway))));
    const made = (bound: readonly Bound[]): Listener =>
      listener(
        plan,
        bound.flatMap((one) => contribution(place, one)),
        notes,
      );
    const none: Listener = { host: undefined, notLookedAt: notes.size > 0 ? longestMatch(notes) : undefined };
    if (protocol === "http") {
      const plain = made(on);
      return ({ scheme }) => (scheme === "http" ? plain : none);
    }
    // The name of the host decides about the server: TLS has it before HTTP.
    const byHost = new Map<string, Listener>();
    for (const one of on.filter(({ server }) => isTerminated(server))) {
      const own = made([one]);
      for (const [host] of one.hosts) if (!byHost.has(host)) byHost.set(host, own);
    }
    const find = longestMatch(byHost);
    return ({ scheme, host }) =>
      (scheme === "https" && find(withoutPort(withoutDot(host)).toLowerCase())) || none;
  };
}

/** Istio: Protocol.IsHTTP and IsTLS. */
function protocolOf({ port: { protocol } }: WrittenServer): "http" | "tls" | "tcp" {
  if (/^(http|http2|grpc|grpc-web)$/i.test(protocol)) return "http";
  return /^(https|tls)$/i.test(protocol) ? "tls" : "tcp";
}

/** Whether the gateway reads what is in the connection. */
const isTerminated = ({ port, tls }: WrittenServer): boolean =>
  /^https$/i.test(port.protocol) && !/PASSTHROUGH/.test(tls?.mode ?? "");

function serverHost(written: string, own: string): readonly [string, string] {
  const at = written.indexOf("/");
  const namespace = at < 0 ? "*" : written.slice(0, at);
  return [written.slice(at + 1).toLowerCase(), namespace === "." ? own : namespace];
}

/** Of two lists of hosts the narrower names that are in both (Istio: host.Names.Intersection). */
function common(a: readonly string[], b: readonly string[]): string[] {
  const lower = b.map((host) => host.toLowerCase());
  const both = a.flatMap((x) => lower.flatMap((y) => (isWithin(x, y) ? [x] : isWithin(y, x) ? [y] : [])));
  return [...new Set(both)];
}

/** Istio: host.Name.SubsetOf. */
const isWithin = (narrow: string, wide: string): boolean =>
  narrow === wide || (wide.startsWith("*") && narrow.length >= wide.length && narrow.endsWith(wide.slice(1)));

function notesOf(
  services: readonly ReadVirtualService[],
  names: (host: string) => string[] = (host) => [host],
): Map<string, string[]> {
  const notes = new Map<string, string[]>();
  for (const { hosts, notLookedAt } of services) {
    if (notLookedAt.length === 0) continue;
    for (const host of hosts.flatMap(names).map((name) => name.toLowerCase()))
      notes.set(host, [...(notes.get(host) ?? []), ...notLookedAt]);
  }
  return notes;
}

function listener(
  plan: SimulatedPlan,
  contributions: readonly Contribution[],
  notes: ReadonlyMap<string, readonly string[]>,
): Listener {
  const kept = contributions.filter(({ routes, toHttps }) => routes.length > 0 || (toHttps && plan.proxy));
  return {
    host: virtualHosts(kept, isLimited(plan.gatewayPatches ?? [])),
    notLookedAt: notes.size > 0 ? longestMatch(notes) : undefined,
  };
}
