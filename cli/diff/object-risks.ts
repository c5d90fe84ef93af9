/** Risks in what happens to objects, and in what they ask of callers. */
import { isObject, keyOf, UNKNOWN, type KubernetesObject } from "../side";

import { byKey, ofKind } from "./istio-objects";
import { loosened } from "./loosened";
import { podsBehind } from "./pods";
import type { ObjectChange, Risk } from "./report";
import { risk } from "./risks";

/** Objects that requests need while they are there. */
const CARRIERS = /^(Namespace|Service|Gateway|CustomResourceDefinition|Deployment|StatefulSet|Release) /;

export function objectRisks(
  before: readonly KubernetesObject[],
  after: readonly KubernetesObject[],
  objects: readonly ObjectChange[],
): Risk[] {
  const idle = idleWorkloads(before);
  return [
    ...objects
      .filter(({ operation, object }) => /^(delete|replace)$/.test(operation) && CARRIERS.test(object))
      .filter(({ object }) => !idle.has(object))
      .map(({ operation, object }) => risk("W004", object, `${object} is ${operation}d${lost(object)}.`)),
    ...bothPlanes(before, after, objects),
    ...loosened(before, after),
    ...widened(before, after),
    ...after
      .filter((object) => JSON.stringify(object).includes(UNKNOWN))
      .map((object) => risk("W009", keyOf(object), `A value of ${keyOf(object)} is not known yet.`)),
  ];
}

/** Workloads behind destinations of rules that get no requests by any rule. */
function idleWorkloads(objects: readonly KubernetesObject[]): Set<string> {
  const pods = podsBehind(objects);
  const [idle, busy] = [new Set<string>(), new Set<string>()];
  for (const { metadata, spec } of ofKind(objects, "VirtualService")) {
    for (const { route = [] } of spec.http ?? []) {
      for (const { destination, weight } of route) {
        const found = pods(destination, metadata.namespace ?? "")?.workloads ?? [];
        for (const one of found) (route.length === 1 || (weight ?? 0) > 0 ? busy : idle).add(keyOf(one));
      }
    }
  }
  return new Set([...idle].filter((one) => !busy.has(one)));
}

const lost = (object: string): string => (object.startsWith("Namespace ") ? ", with all that is in it" : "");

const CONTROL_PLANE = /\b(istiod|base|discovery|istio-base)\b/;

function bothPlanes(
  before: readonly KubernetesObject[],
  after: readonly KubernetesObject[],
  objects: readonly ObjectChange[],
): Risk[] {
  const all = byKey([...before, ...after]);
  const charts = objects.filter(
    ({ object, operation }) => object.startsWith("Release ") && operation !== "create",
  );
  const isControl = ({ object }: ObjectChange): boolean => {
    const found = all.get(object);
    return found !== undefined && CONTROL_PLANE.test(textOf(specOf(found).chart));
  };
  const control = charts.find(isControl);
  const data = objects.find(
    (change) =>
      change.operation !== "create" &&
      (/^(VirtualService|DestinationRule|Deployment|StatefulSet|EnvoyFilter) /.test(change.object) ||
        (change.object.startsWith("Release ") && !isControl(change))),
  );
  if (!control || !data) return [];
  return [risk("W005", control.object, `${control.object} changes together with ${data.object}.`)];
}

function widened(before: readonly KubernetesObject[], after: readonly KubernetesObject[]): Risk[] {
  const old = byKey(before);
  return after
    .filter(({ kind, apiVersion }) => kind === "Gateway" && apiVersion.startsWith("networking.istio.io/"))
    .flatMap((object) => {
      const earlier = old.get(keyOf(object));
      if (!earlier) return [];
      const known = hostsOf(earlier);
      const wide = hostsOf(object).filter((host) => /(^|\/)\*/.test(host) && !known.includes(host));
      return wide.map((host) =>
        risk(
          "W007",
          keyOf(object),
          `${keyOf(object)} takes ${host === "*" || host.endsWith("/*") ? "every host" : `hosts ${host}`}.`,
        ),
      );
    });
}

type Spec = Readonly<Record<string, unknown>>;
const specOf = ({ spec }: KubernetesObject): Spec => (isObject(spec) ? spec : {});
const serversOf = ({ servers }: Spec): Spec[] => (Array.isArray(servers) ? servers.filter(isObject) : []);
const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
const hostsOf = (object: KubernetesObject): string[] =>
  serversOf(specOf(object)).flatMap(({ hosts }) => (Array.isArray(hosts) ? hosts.map(String) : []));
