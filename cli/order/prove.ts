/**
 * Whether an edit can be made in one `pulumi up`: every view that a gateway may have between the writes is put through the
 * simulator, and no request may fare worse there than at both ends.
 */
import {
  compile,
  type Decision,
  type SimulatedRequest,
  type WrittenVirtualService,
} from "../../components/simulator";
import { derive } from "../requests/derive";
import { chartOf, textAt, valueAt } from "../requests/mesh-settings";
import { isUnroutable } from "../requests/outcomes";
import { proxiesOf, proxyPairs, type DecidingProxy } from "../requests/proxies";
import type { Side } from "../side";
import { destinationsOf, type Found } from "./destinations";
import { changesOf, seenBy, viewsOf, type Change, type Order, type View } from "./order";

export const FAULT_KINDS = [
  /** 503: a route leads to a Service, port or subset that the proxy does not have. */
  "no cluster",
  /** 503: a route leads to a version without pods. */
  "no pods",
  /** Served at both ends, and in between 404 or no listener. */
  "nowhere",
  /** Served at both ends, and refused in between. */
  "refused",
  /** Not served at both ends, and in between by the pods. */
  "let in",
  /** Limited at both ends, and not in between. */
  "unlimited",
  /** Each pod of a version gets more of the requests than at both ends. */
  "overload",
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface Fault {
  readonly kind: FaultKind;
  /** `gateway istio-ingress/istio-ingressgateway`. */
  readonly proxy: string;
  readonly request: SimulatedRequest;
  /** Keys of the changes that the proxies have already; of the views with this fault one with the fewest. */
  readonly seen: readonly string[];
  /** What becomes of the request, before, in between and after. */
  readonly fates: readonly [before: string, between: string, after: string];
}

export interface ProveOptions {
  /** How many requests are decided for each pair of proxies when they are derived. Default 1,000. */
  readonly budget?: number;
  /** Beside those that follow from the objects. Default: none. */
  readonly requests?: readonly SimulatedRequest[];
}

/** The faults of an edit, one for each kind and proxy. None: the edit can be made in one `up`. */
export function prove(before: Side, after: Side, order: Order, options: ProveOptions = {}): Fault[] {
  const changes = changesOf(before, after);
  if (changes.length === 0) return [];
  const views = viewsOf(changes, order).sort((a, b) => a.size - b.size);
  const worlds = new Worlds(before, after, changes);
  const found = new Map<string, Fault>();
  const all: View = new Set(changes.map(({ key }) => key));
  for (const { name, requests } of requestsOf(before, after, changes, options)) {
    const ends = requests.map(
      (request) => [worlds.fate(new Set(), name, request), worlds.fate(all, name, request)] as const,
    );
    for (const view of views) {
      requests.forEach((request, i) => {
        const [old, next] = ends[i] ?? [];
        if (!old || !next) return;
        const fate = worlds.fate(view, name, request);
        const kind = faultOf(old, fate, next);
        if (kind === undefined || found.has(`${kind} ${name}`)) return;
        const fates = [old.text, fate.text, next.text] as const;
        found.set(`${kind} ${name}`, { kind, proxy: name, request, seen: [...view], fates });
      });
    }
  }
  return [...found.values()].sort((a, b) => FAULT_KINDS.indexOf(a.kind) - FAULT_KINDS.indexOf(b.kind));
}

/** Those that tell the ends apart, and those that tell an end from a proxy that has one stream's changes and not the others'. */
function requestsOf(
  before: Side,
  after: Side,
  changes: readonly Change[],
  { budget = 1_000, requests = [] }: ProveOptions,
): { readonly name: string; readonly requests: readonly SimulatedRequest[] }[] {
  const streams = new Map(changes.map(({ key, stream }) => [key, stream]));
  const deciding = [...new Set(streams.values())].filter((stream) => stream !== "clusters");
  const alone = deciding.map((stream) => {
    const view = new Set([...streams].filter(([, one]) => one === stream).map(([key]) => key));
    return proxiesOf(seenBy(view, before, changes), after);
  });
  const services = [...before.objects, ...after.objects].filter(({ kind }) => kind === "VirtualService");
  const written = services.flatMap(({ spec }) => (spec as WrittenVirtualService["spec"]).hosts ?? []);
  const hosts = [...new Set(written)].map((host) =>
    host.replace(/^\*(?=\.)/, "any").replace("*", "any.example"),
  );
  return proxyPairs(before, after)
    .filter(({ name }) => name.startsWith("gateway"))
    .map((pair) => {
      const { name } = pair;
      const mixed = alone.flatMap((proxies) => proxies.filter((one) => one.name === name));
      const pairs = [
        pair,
        { ...pair, before: undefined },
        ...(deciding.length < 2 ? [] : mixed).flatMap((one) => [
          { ...pair, before: one },
          { ...pair, after: one },
        ]),
      ];
      const derived = pairs.flatMap((one) => derive(one, budget).requests);
      // Requests of one fate have one example, and only one of its hosts may be new.
      const everywhere = derived.flatMap((one) => [one, ...hosts.map((host) => ({ ...one, host }))]);
      const all = new Map([...everywhere, ...requests].map((one) => [JSON.stringify(one), one]));
      return { name, requests: [...all.values()] };
    });
}

/** What becomes of a request at a gateway with a view, and behind it. */
interface Fate {
  readonly kind: "served" | "nowhere" | "denied" | "no cluster" | "no pods";
  readonly isLimited: boolean;
  /** Destination → percent of the requests for each of its pods. */
  readonly load: ReadonlyMap<string, number>;
  readonly text: string;
}

function faultOf(before: Fate, between: Fate, after: Fate): FaultKind | undefined {
  const [a, b] = [before.kind, after.kind];
  if (between.kind === "no cluster" || between.kind === "no pods") {
    // What led nowhere may lead to pods that are not there yet; what is broken at an end is no matter of order.
    return a === "nowhere" || [a, b].includes(between.kind) ? undefined : between.kind;
  }
  if (a === "served" && b === "served" && between.kind === "nowhere") return "nowhere";
  if (a === "served" && b === "served" && between.kind === "denied") return "refused";
  const isRefused = (kind: Fate["kind"]): boolean => kind === "nowhere" || kind === "denied";
  if (isRefused(a) && isRefused(b) && between.load.size > 0) return "let in";
  if (before.isLimited && after.isLimited && !between.isLimited && between.load.size > 0) return "unlimited";
  const most = (to: string): number => Math.max(before.load.get(to) ?? 0, after.load.get(to) ?? 0);
  const isKnown = (to: string): boolean => before.load.has(to) && after.load.has(to);
  const over = [...between.load].some(([to, load]) => isKnown(to) && load > most(to) + 1e-6);
  return over ? "overload" : undefined;
}

/** An address that no list names, as a node has that forwards a connection. */
const NODE = "198.18.255.254";

interface World {
  readonly proxy: DecidingProxy | undefined;
  readonly decide: (request: SimulatedRequest) => Decision;
  /** Whether a node's address stands for the client's. */
  readonly hidesClients: boolean;
}

class Worlds {
  private readonly worlds = new Map<string, World>();
  private readonly decisions = new Map<string, Decision>();
  private readonly behind = new Map<string, ReturnType<typeof destinationsOf>>();
  private readonly pods = new Set<string>();

  constructor(
    private readonly before: Side,
    private readonly after: Side,
    private readonly changes: readonly Change[],
  ) {
    for (const { key, stream } of changes) if (stream === "clusters") this.pods.add(key);
  }

  fate(view: View, name: string, request: SimulatedRequest): Fate {
    const own = [...view]
      .filter((key) => !this.pods.has(key))
      .sort()
      .join("\n");
    const { proxy, decide, hidesClients } = this.world(view, name, own);
    const key = `${name}\n${own}\n${JSON.stringify(request)}`;
    let decision = this.decisions.get(key);
    if (!decision)
      this.decisions.set(key, (decision = decide(hidesClients ? { ...request, address: NODE } : request)));
    const from = proxy?.plan.proxy?.namespace ?? "";
    return this.fateOf(decision, view, request, from);
  }

  private world(view: View, name: string, own: string): World {
    const key = `${name}\n${own}`;
    let found = this.worlds.get(key);
    if (!found) {
      const side = seenBy(view, this.before, this.changes);
      const proxies = proxiesOf(side, this.after);
      const proxy = proxies.find((one) => one.name === name);
      const decide = proxy ? compile(proxy.plan) : (): Decision => ({ kind: "no listener" });
      const hides = !proxy?.plan.trustedProxies && hidesClients(side);
      this.worlds.set(key, (found = { proxy, decide, hidesClients: hides }));
    }
    return found;
  }

  private fateOf(decision: Decision, view: View, request: SimulatedRequest, from: string): Fate {
    const none = { isLimited: false, load: new Map<string, number>(), text: decision.kind };
    if (decision.kind === "denied") return { ...none, kind: "denied" };
    if (isUnroutable(decision)) return { ...none, kind: "nowhere" };
    if (decision.kind !== "routed") return { ...none, kind: "served" };
    const key = [...view].sort().join("\n");
    let behind = this.behind.get(key);
    if (!behind) {
      const { objects } = seenBy(view, this.before, this.changes);
      this.behind.set(key, (behind = destinationsOf(objects)));
    }
    const { method, headers = {} } = request;
    const { host, path, destinations, isLimited } = { ...decision, isLimited: decision.limited };
    const arriving = { method, headers, host, path: path.replace(/\?.*$/, ""), from };
    const load = new Map<string, number>();
    const kinds = new Set<Found["kind"]>();
    for (const one of destinations) {
      const found = behind(one, arriving);
      kinds.add(found.kind);
      if (found.kind === "pods") load.set(`${one.host} ${one.subset ?? ""}`, one.percent / found.count);
    }
    const text = destinations
      .map(({ subset, host: to, percent }) => `${subset ?? to} ${percent} %`)
      .join(", ");
    const worst = (["no cluster", "no pods", "refused"] as const).find((kind) => kinds.has(kind));
    const kind = worst === "refused" ? "denied" : (worst ?? "served");
    return { kind, isLimited, load, text: `${decision.rule}: ${text}${worst ? ` (${worst})` : ""}` };
  }
}

/** A Service that forwards between nodes shows the gateway a node's address (Kubernetes: externalTrafficPolicy). */
function hidesClients({ objects }: Side): boolean {
  return objects.some((one) => {
    if (one.kind !== "Release" || !/(^|\/)gateway$/.test(chartOf(one))) return false;
    const service = valueAt(one, "spec", "values", "service");
    return textAt(service, "type") !== "ClusterIP" && textAt(service, "externalTrafficPolicy") !== "Local";
  });
}
