/** Pods and namespaces: sidecars, and what goes around them. */
import type { Mesh, Workload } from "../mesh";
import type { Found, Rule } from "../rule";
import { ROOT_NAMESPACE } from "./authentication";

/** Of Istio's proxy, which others must not use. */
const PROXY_USER = 1337;

const AROUND =
  /^traffic\.sidecar\.istio\.io\/(exclude(InboundPorts|OutboundPorts|OutboundIPRanges|Interfaces)|include(InboundPorts|OutboundIPRanges))$/;

function* each(
  mesh: Mesh,
  problem: (workload: Workload) => Iterable<{ at: string; message: string }>,
): Iterable<Found> {
  for (const workload of mesh.workloads())
    for (const { at, message } of problem(workload))
      yield { object: workload.object, field: `${workload.template}${at}`, message };
}

export const WORKLOAD_RULES: readonly Rule[] = [
  {
    code: "SL611",
    level: "high",
    title: "an application as the user of the proxy",
    why: "What user 1337 sends goes past the sidecar, unencrypted and without policies.",
    fix: "Use another runAsUser.",
    like: ["IST0144"],
    check: (mesh) =>
      each(mesh, function* ({ spec, object }) {
        if (object.metadata.labels?.istio || object.metadata.labels?.release === "istio") return;
        if (spec.securityContext?.runAsUser === PROXY_USER)
          yield { at: "spec.securityContext.runAsUser", message: "The pods run as user 1337." };
        for (const [i, { name, securityContext }] of (spec.containers ?? []).entries())
          if (name !== "istio-proxy" && securityContext?.runAsUser === PROXY_USER)
            yield {
              at: `spec.containers[${i}].securityContext.runAsUser`,
              message: `Container ${name ?? ""} runs as user 1337.`,
            };
      }),
  },
  {
    code: "SL612",
    level: "medium",
    title: "several ways to a sidecar in one namespace",
    why: "Which of the labels counts is not defined.",
    fix: "Keep one of istio-injection, istio.io/rev and istio.io/dataplane-mode.",
    like: ["IST0123"],
    *check(mesh) {
      for (const { object } of mesh.all("Namespace")) {
        const labels = object.metadata.labels ?? {};
        if (labels["istio-injection"] !== undefined && labels["istio-injection"] !== "enabled") continue;
        const given = ["istio-injection", "istio.io/rev", "istio.io/dataplane-mode"].filter(
          (name) => labels[name] !== undefined,
        );
        if (given.length > 1)
          yield { object, field: "metadata.labels", message: `It has ${given.join(" and ")}.` };
      }
    },
  },
  {
    code: "SL613",
    level: "low",
    title: "a namespace that does not say whether its pods get sidecars",
    why: "Its pods are outside the mesh, and nobody can see whether that is meant.",
    fix: "Label it istio-injection=enabled, or disabled where that is meant.",
    like: ["IST0102"],
    *check(mesh) {
      for (const { object, name } of mesh.all("Namespace")) {
        const labels = object.metadata.labels ?? {};
        const said = ["istio-injection", "istio.io/rev", "istio.io/dataplane-mode"].some(
          (label) => labels[label] !== undefined,
        );
        // The control plane's own.
        if (name === ROOT_NAMESPACE) continue;
        const pods = mesh.selected({}, name);
        if (!said && pods.length > 0 && pods.some((pod) => !mesh.isInjected(pod)))
          yield { object, field: "metadata.labels", message: `${pods[0]?.key ?? ""} gets no sidecar.` };
      }
    },
  },
  {
    code: "SL614",
    level: "high",
    title: "the image auto, and nobody who replaces it",
    why: "The webhook for sidecars replaces the image. Without it, no such image can be pulled.",
    fix: "Label the pods sidecar.istio.io/inject=true, or the namespace istio-injection=enabled.",
    like: ["IST0146", "IST0147"],
    check: (mesh) =>
      each(mesh, function* (workload) {
        const at = (workload.spec.containers ?? []).findIndex(
          ({ name, image }) => name === "istio-proxy" && image === "auto",
        );
        // A pod that is there already was not injected.
        if (at >= 0 && (workload.object.kind === "Pod" || mesh.isInjected(workload) === false))
          yield { at: `spec.containers[${at}].image`, message: "The image is auto." };
      }),
  },
  {
    code: "SL615",
    level: "low",
    title: "traffic around the sidecar",
    why: "Such traffic has neither mutual TLS nor policies nor metrics. A caller can use it to reach the pod without them.",
    fix: "Delete the annotation, or protect what it leaves out with a NetworkPolicy.",
    like: ["page: understand traffic capture limitations"],
    check: (mesh) =>
      each(mesh, function* ({ annotations }) {
        for (const [name, value] of Object.entries(annotations))
          if (AROUND.test(name) && value !== "" && value !== "*")
            yield { at: `metadata.annotations["${name}"]`, message: `Its value is ${value}.` };
      }),
  },
];
