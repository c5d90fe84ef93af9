/** What an edit does to requests: each is decided before and after, and those with the same fate are counted together. */
import {
  compile,
  type Decision,
  type SimulatedPlan,
  type SimulatedRequest,
} from "../../components/simulator";
import { readVirtualServices } from "../../components/simulator/virtual-services";
import type { Side } from "../side";
import { curlLine } from "./curl";
import { derive } from "./derive";
import { CHANGE_KINDS, changeKind, classOf, ruleOf, type ChangeKind } from "./outcomes";
import { plansOf, proxyPairs, type ProxyPair } from "./proxies";
import { listening } from "./route-scenarios";
import { shownBy } from "./shown";

/** Requests that change alike. */
export interface RequestGroup {
  readonly kind: ChangeKind;
  /** Who decides: `gateway istio-ingress/istio-ingressgateway`. */
  readonly proxy: string;
  readonly method: string;
  readonly host: string;
  /** Segments that no rule names are `*`; a derived request has its own path. */
  readonly path: string;
  /** Of the rule or policy that decides, or why none does: `not found`. */
  readonly ruleBefore: string;
  readonly ruleAfter: string;
  /** Of the example. */
  readonly before: Decision;
  readonly after: Decision;
  /** 1 for derived requests. */
  readonly count: number;
  /** Holds nothing of a file that the rules do not have themselves. */
  readonly example: SimulatedRequest;
  /** The example as a command. */
  readonly curl: string;
}

export interface RequestReport {
  /** Where the requests come from: a file, or the objects of both sides. */
  readonly source: "file" | "derived";
  /** Requests; each counts once, also where several proxies decide about it. */
  readonly total: number;
  readonly unchanged: number;
  /** Of those that change by their most urgent change. */
  readonly changed: Readonly<Partial<Record<ChangeKind, number>>>;
  /** The most urgent first, then the most common. */
  readonly groups: readonly RequestGroup[];
  /** What may decide otherwise and was not looked at, in words. */
  readonly notLookedAt: readonly string[];
}

/** Requests of a file, decided by every gateway and sidecar of both sides. */
export function compareRequests(
  requests: readonly SimulatedRequest[],
  before: Side,
  after: Side,
): RequestReport {
  const pairs = proxyPairs(before, after);
  const groups = new Map<string, { group: Omit<RequestGroup, "count">; count: number }>();
  const worst: (ChangeKind | undefined)[] = [];
  const notes = new Set<string>();
  for (const pair of pairs) {
    const plans = plansOf(pair);
    const [decideBefore, decideAfter] = plans.map(compile) as [Decide, Decide];
    const shown = shownBy(plans);
    const arriving = arrivalAt(plans);
    requests.forEach((sent, i) => {
      const request = arriving(sent);
      const [old, next] = [decideBefore(request), decideAfter(request)];
      if (old.kind !== "not found" || next.kind !== "not found") {
        old.notLookedAt?.forEach((note) => notes.add(note));
        next.notLookedAt?.forEach((note) => notes.add(note));
      }
      const kind = kindAt(pair, changeKind(old, next));
      if (kind === undefined) return;
      worst[i] = moreUrgent(worst[i], kind);
      const example = shown(request);
      const path = example.path.replace(/\?.*$/, "");
      const key = [pair.name, kind, example.method, example.host, path, classOf(old), classOf(next)].join(
        "\n",
      );
      const known = groups.get(key);
      if (known) {
        known.count++;
        return;
      }
      const fates = [maskedAs(old, decideBefore(example)), maskedAs(next, decideAfter(example))] as const;
      groups.set(key, { group: groupOf(pair.name, kind, example, fates), count: 1 });
    });
  }
  const changed = worst.filter((kind) => kind !== undefined);
  return {
    source: "file",
    total: requests.length,
    unchanged: requests.length - changed.length,
    changed: Object.fromEntries(
      CHANGE_KINDS.flatMap((kind) => {
        const count = changed.filter((one) => one === kind).length;
        return count > 0 ? [[kind, count] as const] : [];
      }),
    ),
    groups: sorted([...groups.values()].map(({ group, count }) => ({ ...group, count }))),
    notLookedAt: [...notesOf(pairs), ...notes],
  };
}

/** Requests that are made up from the objects of both sides, so that each difference has one example. */
export function compareDerived(before: Side, after: Side, budget?: number): RequestReport {
  const pairs = proxyPairs(before, after);
  const notes = new Set<string>();
  const changed: Partial<Record<ChangeKind, number>> = {};
  let total = 0;
  const groups = pairs.flatMap((pair) => {
    const { requests, differences } = derive(pair, budget);
    total += requests.length;
    return differences.map(({ kind: ofGateway, request, before: old, after: next }): RequestGroup => {
      const kind = kindAt(pair, ofGateway);
      changed[kind] = (changed[kind] ?? 0) + 1;
      [...(old.notLookedAt ?? []), ...(next.notLookedAt ?? [])].forEach((note) => notes.add(note));
      return { ...groupOf(pair.name, kind, request, [old, next]), count: 1 };
    });
  });
  return {
    source: "derived",
    total,
    unchanged: total - groups.length,
    changed,
    groups: sorted(groups),
    notLookedAt: [...notesOf(pairs), ...notes],
  };
}

type Decide = (request: SimulatedRequest) => Decision;

function groupOf(
  proxy: string,
  kind: ChangeKind,
  example: SimulatedRequest,
  [before, after]: readonly [Decision, Decision],
): Omit<RequestGroup, "count"> {
  return {
    kind,
    proxy,
    method: example.method,
    host: example.host,
    path: example.path.replace(/\?.*$/, ""),
    ruleBefore: ruleOf(before),
    ruleAfter: ruleOf(after),
    before,
    after,
    example,
    curl: curlLine(example),
  };
}

/** A decision about a file's request without its texts: that about the example, where both have the same fate. */
function maskedAs(decision: Decision, ofExample: Decision): Decision {
  if (classOf(decision) === classOf(ofExample)) return ofExample;
  switch (decision.kind) {
    case "routed":
      return { ...decision, path: "<path>", host: "<host>" };
    case "redirected":
      return { ...decision, location: "<location>" };
    default:
      return decision;
  }
}

/**
 * A request as it comes to the proxy: a port that no server has is one outside of the cluster, and leads to the server for the
 * scheme; HTTPS that no server speaks has been ended before the gateway. Without a host, as in a log that has none, it is for the
 * first host of the rules.
 */
function arrivalAt(plans: readonly SimulatedPlan[]): (request: SimulatedRequest) => SimulatedRequest {
  const atPort = portOfArrival(plans);
  const [host = "any.example"] = plans.flatMap(({ virtualServices }) =>
    readVirtualServices(virtualServices).flatMap(({ hosts }) => hosts.filter((one) => !one.startsWith("*"))),
  );
  return (request) => atPort(request.host === "" ? { ...request, host } : request);
}

function portOfArrival(plans: readonly SimulatedPlan[]): (request: SimulatedRequest) => SimulatedRequest {
  const listeners = new Set(plans.flatMap(listening).map(({ listener }) => listener));
  const first = (scheme: string): number | undefined => {
    const found = [...listeners].find((one) => one.startsWith(`${scheme} `))?.split(" ")[1];
    return found === undefined ? undefined : Number(found);
  };
  const [http, https] = [first("http"), first("https")];
  return (request) => {
    const { scheme, port = scheme === "https" ? 443 : 80 } = request;
    if (listeners.has(`${scheme} ${port}`)) return request;
    const own = scheme === "https" ? https : http;
    if (own !== undefined) return { ...request, port: own };
    if (scheme !== "https" || http === undefined) return request;
    const headers = { "x-forwarded-proto": "https", ...request.headers };
    return { ...request, scheme: "http", port: http, headers };
  };
}

/** A sidecar without a rule for a request lets it go where it would go anyway. */
function kindAt<T extends ChangeKind | undefined>({ before, after }: ProxyPair, kind: T): T | ChangeKind {
  const isGateway = (before ?? after)?.plan.proxy?.gateways !== undefined;
  return kind === "unroutable" && !isGateway ? "no longer matched" : kind;
}

function moreUrgent(a: ChangeKind | undefined, b: ChangeKind): ChangeKind {
  return a !== undefined && CHANGE_KINDS.indexOf(a) <= CHANGE_KINDS.indexOf(b) ? a : b;
}

const sorted = (groups: readonly RequestGroup[]): RequestGroup[] =>
  [...groups].sort(
    (a, b) =>
      CHANGE_KINDS.indexOf(a.kind) - CHANGE_KINDS.indexOf(b.kind) ||
      b.count - a.count ||
      weightOf(b) - weightOf(a) ||
      a.curl.length - b.curl.length,
  );

/** What reaches a service on both sides is more to a reader than what the gateway answers itself. */
const weightOf = ({ before, after }: RequestGroup): number =>
  [before, after].filter(({ kind }) => kind === "routed").length;

const notesOf = (pairs: readonly ProxyPair[]): string[] => [
  ...new Set(
    pairs.flatMap(({ before, after }) => [...(before?.notLookedAt ?? []), ...(after?.notLookedAt ?? [])]),
  ),
];
