/** The order in which Pulumi writes what two runs of the program describe, from what they registered. */
import type { Order } from "../../cli/order/order";
import { keyOf } from "../../cli/side";
import { objectsOf } from "./sides";
import type { Registered, Run } from "./program";

/** What gateways are asked for once the route is written (components/readiness/propagation-barrier.ts). */
const ASKED_AFTER =
  /^(VirtualService|AuthorizationPolicy|RequestAuthentication|EnvoyFilter|DestinationRule|Service|Deployment) /;

/**
 * Creations and updates follow the dependencies, deletions the dependencies of the earlier run the other way round. Hooks before the
 * route prove what its clusters need, and the gateway's policies; what waits for the routes, as deletions do, comes after the proof of all that is asked.
 */
export function orderOf(before: Run, after: Run): Order {
  const [old, now] = [new Graph(before), new Graph(after)];
  const written = new Map<string, ReadonlySet<string>>();
  const proved = new Map<string, ReadonlySet<string>>();
  const all = [...now.byKey.keys()];
  const routed = all.filter((key) => ASKED_AFTER.test(key) && now.isBeforeRoute(key));
  for (const [key, { name, hooks, type }] of now.byKey) {
    const earlier = now.earlier(name);
    written.set(key, earlier.keys);
    const asked = type.endsWith(":VirtualService") && hooks.includes("beforeUpdate");
    const clusters = [...earlier.keys].filter((one) => /^(Service|DestinationRule|Deployment) /.test(one));
    const policies = [...earlier.keys].filter((one) =>
      /^(AuthorizationPolicy|RequestAuthentication) /.test(one),
    );
    const isUpdate = old.byKey.has(key);
    proved.set(
      key,
      new Set([
        ...earlier.rolledOut,
        ...(asked && isUpdate ? clusters : []),
        ...(hooks.includes("beforeCreate") ? policies : []),
        ...(earlier.awaitsRoutes ? routed : []),
      ]),
    );
  }
  const gone = [...old.byKey].filter(([key]) => !now.byKey.has(key));
  for (const [key] of gone) {
    const later = gone.flatMap(([other, one]) => (old.earlier(one.name).keys.has(key) ? [other] : []));
    written.set(key, new Set([...all, ...later]));
    proved.set(key, new Set(routed));
  }
  return { written, proved };
}

interface Earlier {
  readonly keys: ReadonlySet<string>;
  /** Deployments, with their autoscalers, whose pods are known to run. */
  readonly rolledOut: ReadonlySet<string>;
  readonly awaitsRoutes: boolean;
}

class Graph {
  /** Key of an object → its resource. */
  readonly byKey: ReadonlyMap<string, Registered>;
  private readonly byName: ReadonlyMap<string, Registered>;
  private readonly children = new Map<string, string[]>();
  private readonly route: Registered | undefined;

  private readonly reads: Run["reads"];

  constructor({ resources, reads }: Run) {
    this.reads = reads;
    this.byName = new Map(resources.map((one) => [one.name, one]));
    this.byKey = new Map(resources.flatMap((one) => objectsOf(one).map((object) => [keyOf(object), one])));
    for (const { name, parent } of resources)
      if (parent !== undefined) this.children.set(parent, [...(this.children.get(parent) ?? []), name]);
    this.route = resources.find(({ name }) => name.endsWith("-routes-route"));
  }

  isBeforeRoute(key: string): boolean {
    const { name } = this.route ?? {};
    return name !== undefined && (this.byKey.get(key)?.name === name || this.earlier(name).keys.has(key));
  }

  /** Everything that is registered, and so written, before a resource. */
  earlier(of: string): Earlier {
    const names = new Set<string>();
    const rolledOut = new Set<string>();
    let awaitsRoutes = false;
    const visit = (name: string): void => {
      const one = this.byName.get(name);
      if (!one) return;
      for (const target of [...one.dependsOn, ...(this.reads.get(name) ?? [])]) {
        const [bare = ""] = target.split(" ");
        if (bare.endsWith("-routes") && target.endsWith("(awaited)")) awaitsRoutes = true;
        this.add(bare, names, visit);
        if (!target.endsWith("-deployment (awaited)")) continue;
        // A rollout is awaited in the cluster itself, with all pods of an autoscaler.
        const scaler = bare.replace(/deployment$/, "autoscaler");
        for (const one of [bare, ...(this.byName.has(scaler) ? [scaler] : [])]) {
          names.add(one);
          rolledOut.add(one);
        }
      }
      // A child is registered once its parent is.
      if (one.parent !== undefined) visit(one.parent);
    };
    visit(of);
    const keys = (of: ReadonlySet<string>): Set<string> =>
      new Set([...this.byKey].filter(([, { name }]) => of.has(name)).map(([key]) => key));
    return { keys: keys(names), rolledOut: keys(rolledOut), awaitsRoutes };
  }

  /** A dependency on a component is one on all that is below it. */
  private add(name: string, names: Set<string>, visit: (name: string) => void): void {
    if (names.has(name)) return;
    names.add(name);
    visit(name);
    for (const child of this.children.get(name) ?? []) this.add(child, names, visit);
  }
}
