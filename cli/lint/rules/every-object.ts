/** What holds for objects of several kinds: types of fields, selectors, annotations, old fields. */
import { hasLabels } from "../../diff/istio-objects";
import { annotationKinds, DEPRECATED_ANNOTATIONS, isOfIstio } from "../istio-annotations";
import type { Mesh, Read } from "../mesh";
import type { Found, Rule } from "../rule";
import type { Kind } from "../specs";
import { ROOT_NAMESPACE } from "./authentication";
import { labelWords } from "./gateways";

interface Selecting {
  readonly read: Read<unknown>;
  /** Undefined: all pods of the namespace. */
  readonly labels: Readonly<Record<string, string>> | undefined;
  readonly field: string;
}

/** Objects of Istio that are for the pods with some labels. */
function* selecting(mesh: Mesh, kinds: readonly Kind[]): Iterable<Selecting> {
  for (const kind of kinds)
    for (const read of mesh.all(kind)) {
      const { selector, workloadSelector, targetRefs } = read.spec as Partial<
        Record<"selector" | "workloadSelector", { matchLabels?: Labels; labels?: Labels }>
      > & { targetRefs?: unknown };
      // For a Gateway of the Gateway API or a Service, not for pods.
      if (targetRefs !== undefined) continue;
      const labels = selector?.matchLabels ?? workloadSelector?.labels ?? workloadSelector?.matchLabels;
      yield {
        read,
        labels: labels && Object.keys(labels).length > 0 ? labels : undefined,
        field: selector ? "spec.selector.matchLabels" : "spec.workloadSelector",
      };
    }
}

type Labels = Readonly<Record<string, string>>;

/** Of which only one may be for a pod. */
const ALONE = ["PeerAuthentication", "Sidecar", "Telemetry"] as const;

export const OBJECT_RULES: readonly Rule[] = [
  {
    code: "SL001",
    level: "high",
    title: "a field that is not of the type that Istio reads",
    why: "The cluster refuses the object. The other rules do not look at it.",
    fix: "Write the field as the message says.",
    like: ["IST0106"],
    check: (mesh) => mesh.malformed,
  },
  {
    code: "SL002",
    level: "medium",
    title: "a selector without pods",
    why: "The object has no effect.",
    fix: "Correct the labels: they are those of pods, in the namespace of the object (in the root namespace: of all).",
    like: ["IST0101", "IST0127", "KIA0004"],
    *check(mesh) {
      for (const { read, labels, field } of selecting(mesh, [
        "AuthorizationPolicy",
        "RequestAuthentication",
        "DestinationRule",
        "EnvoyFilter",
        ...ALONE,
      ])) {
        if (!labels) continue;
        const place = read.namespace === ROOT_NAMESPACE ? undefined : read.namespace;
        if (mesh.selected(labels, place).length === 0 && mesh.knowsWorkloads(read.namespace))
          yield {
            object: read.object,
            field,
            message: `No workload has the labels ${labelWords(labels)}.`,
          };
      }
    },
  },
  {
    code: "SL003",
    level: "high",
    title: "several objects for all pods of a namespace",
    why: "Istio uses one of them, the oldest.",
    fix: "Merge them, or give all but one a selector.",
    like: ["IST0111", "IST0160", "KIA0002"],
    *check(mesh) {
      for (const kind of ALONE) {
        const all = [...selecting(mesh, [kind])].filter(({ labels }) => !labels);
        for (const [i, { read }] of all.entries()) {
          const other = all.slice(0, i).find((one) => one.read.namespace === read.namespace);
          if (other)
            yield {
              object: read.object,
              field: "spec",
              message: `${other.read.key} is for all pods of the namespace, too.`,
            };
        }
      }
    },
  },
  {
    code: "SL004",
    level: "high",
    title: "several objects for one pod",
    why: "Istio uses one of them, the oldest.",
    fix: "Merge them, or make the selectors exclude each other.",
    like: ["IST0110", "IST0159", "KIA0003"],
    *check(mesh) {
      for (const kind of ALONE) {
        const all = [...selecting(mesh, [kind])].filter(({ labels }) => labels);
        for (const [i, { read, labels = {}, field }] of all.entries()) {
          const pods = mesh.selected(labels, read.namespace);
          const other = all
            .slice(0, i)
            .find(
              (one) =>
                one.read.namespace === read.namespace &&
                pods.some((pod) => hasLabels(pod.labels, one.labels ?? {})),
            );
          if (other)
            yield { object: read.object, field, message: `${other.read.key} is for the same pods, too.` };
        }
      }
    },
  },
  {
    code: "SL005",
    level: "low",
    title: "a namespace in exportTo that is not there",
    why: "Nobody sees the object by it.",
    fix: "Name a namespace that exists, or . for its own, or * for all.",
    like: ["KIA0005"],
    *check(mesh) {
      for (const kind of ["VirtualService", "DestinationRule", "ServiceEntry"] as const)
        for (const { object, spec } of mesh.all(kind))
          for (const [i, name] of (spec.exportTo ?? []).entries())
            if (
              !["*", ".", "~"].includes(name) &&
              mesh.knowsNamespaces() &&
              mesh.namespaceLabels(name) === undefined
            )
              yield { object, field: `spec.exportTo[${i}]`, message: `There is no namespace ${name}.` };
    },
  },
  {
    code: "SL006",
    level: "medium",
    title: "an annotation that Istio does not know there",
    why: "It has no effect.",
    fix: "Correct its name, or move it to an object of the right kind. Those of pods belong into the template of a workload.",
    like: ["IST0107", "IST0108"],
    check: (mesh) =>
      eachAnnotation(mesh, (name, kind) => {
        const kinds = annotationKinds(name);
        if (!kinds) return `Istio has no annotation ${name}.`;
        return kinds.includes(kind) ? undefined : `${name} is for ${kinds.join(", ")}.`;
      }),
  },
  {
    code: "SL007",
    level: "low",
    title: "an annotation of the past",
    why: "It may not work in a later release of Istio.",
    fix: "Use what takes its place: for sidecar.istio.io/inject the label of the same name, for others proxy.istio.io/config.",
    like: ["IST0135"],
    check: (mesh) =>
      eachAnnotation(mesh, (name, _kind, labels) =>
        DEPRECATED_ANNOTATIONS.includes(name) && labels[name] === undefined
          ? `${name} is deprecated.`
          : undefined,
      ),
  },
  {
    code: "SL008",
    level: "low",
    title: "a field of the past",
    why: "It may not work in a later release of Istio, or does not any more.",
    fix: "Use what the message names.",
    like: ["IST0002"],
    *check(mesh) {
      for (const { object, spec } of mesh.all("VirtualService"))
        for (const [i, rule] of (spec.http ?? []).entries()) {
          const { fault, mirrorPercent, corsPolicy } = rule;
          const old: [unknown, string, string][] = [
            [fault?.delay?.percent, "fault.delay.percent", "fault.delay.percentage"],
            [mirrorPercent, "mirrorPercent", "mirrors with a percentage"],
            [corsPolicy?.allowOrigin, "corsPolicy.allowOrigin", "corsPolicy.allowOrigins"],
          ];
          for (const [value, field, by] of old)
            if (value !== undefined)
              yield {
                object,
                field: `spec.http[${i}].${field}`,
                message: `${field} is deprecated: use ${by}.`,
              };
        }
      for (const { object, spec } of mesh.all("Sidecar"))
        if (spec.outboundTrafficPolicy?.egressProxy)
          yield {
            object,
            field: "spec.outboundTrafficPolicy.egressProxy",
            message: "egressProxy does not count: use a VirtualService.",
          };
      for (const { object, spec } of mesh.all("CustomResourceDefinition"))
        if (spec.group === "rbac.istio.io")
          yield {
            object,
            field: "spec.group",
            message: `Istio does not read ${spec.names?.kind ?? ""} any more: use AuthorizationPolicy.`,
          };
    },
  },
  {
    code: "SL009",
    level: "high",
    title: "an object without what it is for",
    why: "Istio refuses it.",
    fix: "Add what the message names, or delete the object.",
    like: ["IST0106"],
    *check(mesh) {
      for (const [kind, lists] of NEEDED)
        for (const { object, spec } of mesh.all(kind)) {
          const has = (list: string): boolean =>
            ((spec as Readonly<Record<string, readonly unknown[] | undefined>>)[list]?.length ?? 0) > 0;
          if (!lists.some(has)) yield { object, field: "spec", message: `It has no ${lists.join(", ")}.` };
        }
    },
  },
];

/** Kinds, and the lists of which Istio asks for one. */
const NEEDED: readonly [Kind, readonly string[]][] = [
  ["VirtualService", ["http", "tcp", "tls"]],
  ["Gateway", ["servers"]],
  ["ServiceEntry", ["hosts"]],
];

function* eachAnnotation(
  mesh: Mesh,
  problem: (name: string, kind: string, labels: Labels) => string | undefined,
): Iterable<Found> {
  const places = [
    ...(["Namespace", "Service", "Deployment", "StatefulSet", "DaemonSet", "Pod"] as const).flatMap((kind) =>
      mesh.all(kind).map(({ object }) => ({ object, kind: kind, at: "", ...object.metadata })),
    ),
    ...mesh
      .workloads()
      .filter(({ template }) => template !== "")
      .map(({ object, labels, annotations, template }) => ({
        object,
        kind: "Pod",
        at: template,
        labels,
        annotations,
      })),
  ];
  for (const { object, kind, at, labels = {}, annotations = {} } of places)
    for (const name of Object.keys(annotations)) {
      if (!isOfIstio(name)) continue;
      const message = problem(name, kind, labels);
      if (message !== undefined) yield { object, field: `${at}metadata.annotations["${name}"]`, message };
    }
}
