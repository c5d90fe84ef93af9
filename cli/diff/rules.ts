/** Which rules of VirtualServices send requests elsewhere than before. */
import { plainName } from "../../components/traffic/sticky";
import { isDeepStrictEqual } from "node:util";
import type { Destination } from "../../components/istio/virtual-service";
import type {
  WrittenMatch,
  WrittenRoute,
  WrittenVirtualServiceSpec,
} from "../../components/simulator/written-objects";
import { percentByWeight } from "../../components/traffic/weights";
import { keyOf, qualifiedName, type KubernetesObject } from "../side";
import { byKey, ofKind, type WithSpec } from "./istio-objects";
import { matchesOf, sameRequests, takesAll } from "./match-coverage";
import { matchWords } from "./match-words";
import { podsBehind, serviceOf, type Pods } from "./pods";
import type { RuleChange, Share, Target } from "./report";

type VirtualService = WithSpec<WrittenVirtualServiceSpec>;
type PodsOf = (destination: Destination, namespace: string) => Pods | undefined;

export interface RuleOptions {
  /** Requests per second of each rule. Default: unknown. */
  readonly rate?: number;
  /** As `rate`, of the rules of a VirtualService (`namespace/name`); it goes before `rate`. */
  readonly rates?: Readonly<Record<string, number>>;
}

/** A rule of both sides, or of one: also one that is the same on both. */
export type ComparedRule = Omit<RuleChange, "kind"> & { readonly kind: RuleChange["kind"] | "same" };

/** The rules that differ, in the order of the objects and of their rules. */
export const ruleChanges = (rules: readonly ComparedRule[]): RuleChange[] =>
  rules.flatMap(({ kind, ...rule }) => (kind === "same" ? [] : [{ kind, ...rule }]));

/** All rules of VirtualServices that are paired. */
export function comparedRules(
  before: readonly KubernetesObject[],
  after: readonly KubernetesObject[],
  services: readonly PairedService[],
  options: RuleOptions = {},
): ComparedRule[] {
  const [podsBefore, podsAfter] = [podsBehind(before), podsBehind(after)];
  return services.flatMap(([old, now]) => {
    const object = now ?? old;
    if (!object) return [];
    const rate = options.rates?.[qualifiedName(object)] ?? options.rate;
    const one = (service: VirtualService | undefined, pods: PodsOf): ReadRule[] =>
      service ? read(service, [old, now], pods, rate) : [];
    const [virtualService, hosts] = [qualifiedName(object), object.spec.hosts ?? []];
    const rules = changes(one(old, podsBefore), one(now, podsAfter));
    return rules.map((change) => ({ virtualService, hosts, ...change }));
  });
}

/** A VirtualService before and after; absent on a side that does not have it. */
export type PairedService = readonly [old: VirtualService | undefined, now: VirtualService | undefined];

/** By key, and one that is new with one that is gone if they share a host: an object that was renamed. */
export function pairedServices(
  old: readonly KubernetesObject[],
  now: readonly KubernetesObject[],
): PairedService[] {
  const [before, after] = [ofKind(old, "VirtualService"), ofKind(now, "VirtualService")];
  const free = byKey(before);
  const pairs = after.map((now): [VirtualService | undefined, VirtualService] => {
    const old = free.get(keyOf(now));
    free.delete(keyOf(now));
    return [old, now];
  });
  const renamed = pairs.map(([old, now]): [VirtualService | undefined, VirtualService] => {
    if (old) return [old, now];
    const found = [...free.values()].find(({ spec }) =>
      spec.hosts?.some((host) => now.spec.hosts?.includes(host)),
    );
    if (found) free.delete(keyOf(found));
    return [found, now];
  });
  return [...renamed, ...[...free.values()].map((old): [VirtualService, undefined] => [old, undefined])];
}

/** Its place for a rule without a name. */
export const ruleName = ({ name = "" }: WrittenRoute, index: number): string =>
  plainName(name) || `${index + 1}.`;

interface ReadRule {
  readonly name: string;
  /** Without a name of its own it is paired by what it matches. */
  readonly named: boolean;
  readonly matches: readonly WrittenMatch[];
  readonly target: Target;
  readonly unreachable: boolean;
}

function read(
  service: VirtualService,
  both: readonly (VirtualService | undefined)[],
  pods: PodsOf,
  rate: number | undefined,
): ReadRule[] {
  const namespace = service.metadata.namespace ?? "";
  const written = both.flatMap((one) =>
    (one?.spec.http ?? []).flatMap(({ route }) => (route ?? []).map(({ destination }) => destination)),
  );
  const naming = {
    severalHosts: new Set(written.map(({ host }) => host)).size > 1,
    severalPorts: new Set(written.map(({ port }) => port?.number)).size > 1,
  };
  const rules = service.spec.http ?? [];
  const all = rules.map((written, index): ReadRule => ({
    name: ruleName(written, index),
    named: Boolean(written.name),
    matches: matchesOf(written),
    target: target(written, namespace, naming, pods, rate),
    unreachable: takesAll(rules.slice(0, index).flatMap(matchesOf), matchesOf(written)),
  }));
  return all.reduce<ReadRule[]>((merged, rule) => {
    // Rules of one name that follow each other and send alike are one: they differ in retries or mirrors by method.
    const last = merged.at(-1);
    if (!last || !rule.named || last.name !== rule.name || !isDeepStrictEqual(last.target, rule.target))
      return [...merged, rule];
    const both = {
      ...last,
      matches: [...rule.matches, ...last.matches],
      unreachable: last.unreachable && rule.unreachable,
    };
    return [...merged.slice(0, -1), both];
  }, []);
}

function target(
  { redirect, directResponse, delegate, route = [] }: WrittenRoute,
  namespace: string,
  naming: Naming,
  pods: PodsOf,
  rate: number | undefined,
): Target {
  if (delegate) return { kind: "delegate", to: `${delegate.namespace ?? namespace}/${delegate.name}` };
  if (redirect) {
    const { scheme, authority, uri, port, derivePort, redirectCode = 301 } = redirect;
    const at = port ? `:${port}` : derivePort ? `:${derivePort}` : "";
    const to = `${scheme ? `${scheme}://` : ""}${authority ?? ""}${at}${uri ?? ""}`;
    return { kind: "redirect", to: `${redirectCode} ${to}`.trim() };
  }
  if (directResponse) return { kind: "answer", status: directResponse.status };
  const percents = percentByWeight(route);
  const shares = route.map(({ destination }, index): Share => {
    const percent = percents[index] ?? 0;
    const behind = pods(destination, namespace)?.count;
    return {
      to: destinationName(destination, namespace, naming),
      percent,
      ...(behind !== undefined && { pods: behind }),
      ...(behind !== undefined &&
        behind > 0 &&
        rate !== undefined && { perPod: (rate * percent) / 100 / behind }),
    };
  });
  return { kind: "split", shares };
}

/** What tells the destinations of a VirtualService apart, on both sides. */
interface Naming {
  readonly severalHosts: boolean;
  readonly severalPorts: boolean;
}

/** A subset alone where all rules go to one service, with the port where there are several. */
function destinationName(
  { host, subset, port }: Destination,
  namespace: string,
  { severalHosts, severalPorts }: Naming,
): string {
  const service = serviceOf(host, namespace);
  const own = service?.namespace === namespace;
  const name = service ? (own ? service.name : `${service.name}.${service.namespace}`) : host;
  const words = subset ? (severalHosts ? `${name} ${subset}` : subset) : name;
  return severalPorts && port ? `${words}:${port.number}` : words;
}

type Change = Omit<ComparedRule, "virtualService" | "hosts">;

function changes(before: readonly ReadRule[], after: readonly ReadRule[]): Change[] {
  const pairs = paired(before, after);
  const stay = longestInOrder(after.map((rule) => before.indexOf(pairs.get(rule) ?? rule)));
  const now = after.flatMap((rule, index): Change[] => {
    const old = pairs.get(rule);
    const own = {
      rule: rule.name,
      match: matchWords(rule.matches),
      after: rule.target,
      ...(rule.unreachable && { unreachable: true as const }),
    };
    if (!old) return [{ kind: "added", ...own }];
    const renamed = old.named && rule.named && old.name !== rule.name;
    const both = { before: old.target, ...own, ...(renamed && { renamedFrom: old.name }) };
    const same =
      isDeepStrictEqual(withoutPods(old.target), withoutPods(rule.target)) &&
      sameRequests(old.matches, rule.matches) &&
      old.unreachable === rule.unreachable;
    if (!same || renamed) return [{ kind: "changed", ...both }];
    return [{ kind: stay.has(index) ? "same" : "moved", ...both }];
  });
  const kept = new Set(pairs.values());
  const gone = before
    .filter((rule) => !kept.has(rule))
    .map((rule): Change => ({
      kind: "removed",
      rule: rule.name,
      match: matchWords(rule.matches),
      before: rule.target,
    }));
  return [...now, ...gone];
}

/** By name, else by what they match, else by where they send requests if one takes all that the other takes. */
function paired(before: readonly ReadRule[], after: readonly ReadRule[]): Map<ReadRule, ReadRule> {
  const pairs = new Map<ReadRule, ReadRule>();
  const free = new Set(before);
  const pair = (same: (a: ReadRule, b: ReadRule) => boolean): void => {
    for (const rule of after) {
      if (pairs.has(rule)) continue;
      const old = [...free].find((one) => same(one, rule));
      if (old) {
        pairs.set(rule, old);
        free.delete(old);
      }
    }
  };
  pair((a, b) => a.named && a.name === b.name);
  pair((a, b) => isDeepStrictEqual(a.matches, b.matches));
  pair((a, b) => sameRequests(a.matches, b.matches));
  pair(
    (a, b) =>
      isDeepStrictEqual(withoutPods(a.target), withoutPods(b.target)) &&
      (takesAll(a.matches, b.matches) || takesAll(b.matches, a.matches)),
  );
  return pairs;
}

/** Pods are no part of where requests go. */
function withoutPods(target: Target): unknown {
  return target.kind === "split" ? target.shares.map(({ to, percent }) => `${to} ${percent}`).sort() : target;
}

/** The indexes of a longest increasing row, which keep their order; -1 is none. */
function longestInOrder(values: readonly number[]): Set<number> {
  const best: { readonly length: number; readonly previous: number }[] = [];
  values.forEach((value, index) => {
    let found = { length: 1, previous: -1 };
    for (let i = 0; i < index; i++) {
      const length = (best[i]?.length ?? 0) + 1;
      const earlier = values[i] ?? -1;
      if (earlier >= 0 && earlier < value && length > found.length) found = { length, previous: i };
    }
    best.push(value < 0 ? { length: 0, previous: -1 } : found);
  });
  const kept = new Set<number>();
  let at = best.reduce((top, { length }, index) => (length > (best[top]?.length ?? 0) ? index : top), 0);
  while (at >= 0 && values[at] !== undefined && (values[at] ?? -1) >= 0) {
    kept.add(at);
    at = best[at]?.previous ?? -1;
  }
  return kept;
}
