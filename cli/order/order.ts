/**
 * In which order one `pulumi up` writes, and what proxies may therefore see while it runs.
 *
 * A proxy gets clusters, listeners and routes in streams of their own (xDS), each of which may be late. Within one stream it gets
 * what was written in the order of the writes: istiod collects changes for 100 ms before it sends them.
 */
import { isObject, keyOf, type KubernetesObject, type Side } from "../side";
import { unmarked } from "../diff/compared";

/** Keys of objects, as {@link keyOf} has them. Deletions stand under the key of the object, too. */
export interface Order {
  /** Object → what is written, or deleted, before it. Transitive. */
  readonly written: ReadonlyMap<string, ReadonlySet<string>>;
  /** Object → what every proxy is known to have before it is written or deleted. */
  readonly proved: ReadonlyMap<string, ReadonlySet<string>>;
}

/** One object that an edit creates, updates or deletes, and that decides about requests. */
export interface Change {
  readonly key: string;
  readonly before: KubernetesObject | undefined;
  readonly after: KubernetesObject | undefined;
  /** What gets it together: `routes`, `listeners istio-ingress`. */
  readonly stream: string;
}

/** What of an object decides about requests; others are left out. */
const DECIDING: Readonly<Record<string, (spec: Spec) => unknown>> = {
  VirtualService: (spec) => spec,
  Gateway: (spec) => spec,
  EnvoyFilter: (spec) => spec,
  AuthorizationPolicy: (spec) => spec,
  RequestAuthentication: (spec) => spec,
  Release: ({ values }) => values,
  DestinationRule: ({ host, subsets }) => [host, listOf(subsets).map(({ name, labels }) => [name, labels])],
  Service: ({ selector, ports }) => [selector, ports],
  Deployment: ({ replicas, template }) => {
    const { metadata, spec } = isObject(template) ? template : {};
    return [replicas, isObject(metadata) && metadata.labels, isObject(spec) && portsOf(spec)];
  },
  HorizontalPodAutoscaler: ({ minReplicas, scaleTargetRef }) => [minReplicas, scaleTargetRef],
};

type Spec = Readonly<Record<string, unknown>>;
const listOf = (value: unknown): Spec[] => (Array.isArray(value) ? value.filter(isObject) : []);
const portsOf = ({ containers }: Spec): unknown => listOf(containers).map(({ ports }) => ports);

/** A Gateway decides which routes a port has; its listener waits for them. */
const STREAMS: Readonly<Record<string, string>> = {
  VirtualService: "routes",
  Gateway: "routes",
  EnvoyFilter: "routes",
  DestinationRule: "clusters",
  Service: "clusters",
  Deployment: "clusters",
  HorizontalPodAutoscaler: "clusters",
};

/** The changes of an edit, in the order of the keys. */
export function changesOf(before: Side, after: Side): Change[] {
  const [old, now] = [deciding(before), deciding(after)];
  return [...new Set([...old.keys(), ...now.keys()])].sort().flatMap((key): Change[] => {
    const [a, b] = [old.get(key), now.get(key)];
    const some = b ?? a;
    if (!some || (a && b && textOf(a) === textOf(b))) return [];
    const stream = STREAMS[some.kind] ?? `listeners ${some.metadata.namespace ?? ""}`;
    return [{ key, before: a, after: b, stream }];
  });
}

const deciding = ({ objects }: Side): Map<string, KubernetesObject> =>
  new Map(objects.filter(({ kind }) => Object.hasOwn(DECIDING, kind)).map((one) => [keyOf(one), one]));

function textOf(object: KubernetesObject): string {
  const { spec } = unmarked(object) as { readonly spec?: unknown };
  const dryRun = object.metadata.annotations?.["istio.io/dry-run"];
  return JSON.stringify([dryRun, DECIDING[object.kind]?.(isObject(spec) ? spec : {})]);
}

/** Keys of the changes that a proxy, or each of several, has. */
export type View = ReadonlySet<string>;

/** How many views are looked at, at most. */
const MOST_VIEWS = 1 << 14;

/**
 * All views that proxies may have while an edit is written: of each stream a beginning of the writes, and all that was proved before
 * what has been written.
 *
 * @throws RangeError if there are more than 16,384.
 */
export function viewsOf(changes: readonly Change[], order: Order): View[] {
  const streams = new Map(changes.map(({ key, stream }) => [key, stream]));
  const among = (all: ReadonlyMap<string, ReadonlySet<string>>, key: string): string[] =>
    [...(all.get(key) ?? [])].filter((other) => streams.has(other));
  const earlier = new Map([...streams.keys()].map((key) => [key, among(order.written, key)]));
  const proved = new Map([...streams.keys()].map((key) => [key, among(order.proved, key)]));
  // What must be in a view that has an object: what its stream has before it, and what was proved before all that was written.
  const needed = new Map(
    [...streams].map(([key, stream]) => {
      const own = earlier.get(key) ?? [];
      const all = [
        ...own.filter((other) => streams.get(other) === stream),
        ...[key, ...own].flatMap((one) => proved.get(one) ?? []),
      ];
      return [key, all];
    }),
  );
  const found = new Map<string, View>([["", new Set()]]);
  const queue: View[] = [new Set()];
  for (let view = queue.pop(); view; view = queue.pop()) {
    for (const key of streams.keys()) {
      if (view.has(key)) continue;
      const next = closed([...view, key], needed);
      const name = [...next].sort().join("\n");
      if (found.has(name)) continue;
      found.set(name, next);
      if (found.size > MOST_VIEWS) throw new RangeError(`${changes.length} changes have too many views`);
      queue.push(next);
    }
  }
  return [...found.values()];
}

function closed(keys: readonly string[], needed: ReadonlyMap<string, readonly string[]>): Set<string> {
  const all = new Set(keys);
  // A set takes what is added while it is read.
  for (const key of all) for (const other of needed.get(key) ?? []) all.add(other);
  return all;
}

/** The objects of `before` with the changes of a view. */
export function seenBy(view: View, before: Side, changes: readonly Change[]): Side {
  const replaced = new Map(changes.filter(({ key }) => view.has(key)).map(({ key, after }) => [key, after]));
  const kept = before.objects.filter((object) => !replaced.has(keyOf(object)));
  return { ...before, objects: [...kept, ...[...replaced.values()].filter((one) => one !== undefined)] };
}
