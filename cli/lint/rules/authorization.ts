/** AuthorizationPolicies: who may do what. */
import { hasLabels } from "../../diff/istio-objects";
import { serviceOf } from "../hosts";
import type { Mesh, Read } from "../mesh";
import type { Found, Rule } from "../rule";
import type { Spec } from "../specs";
import { mutualTls, ROOT_NAMESPACE } from "./authentication";

type Policy = Read<Spec<"AuthorizationPolicy">>;
type PolicyRule = NonNullable<Policy["spec"]["rules"]>[number];
type Source = NonNullable<NonNullable<PolicyRule["from"]>[number]["source"]>;
type Operation = NonNullable<NonNullable<PolicyRule["to"]>[number]["operation"]>;

const METHODS = "GET HEAD POST PUT PATCH DELETE CONNECT OPTIONS TRACE".split(" ");

interface Place<T> {
  readonly policy: Policy;
  readonly field: string;
  readonly value: T;
}

function* sources(mesh: Mesh): Iterable<Place<Source>> {
  for (const policy of mesh.all("AuthorizationPolicy"))
    for (const [i, { from = [] }] of (policy.spec.rules ?? []).entries())
      for (const [j, { source = {} }] of from.entries())
        yield { policy, field: `spec.rules[${i}].from[${j}].source`, value: source };
}

function* operations(mesh: Mesh): Iterable<Place<Operation>> {
  for (const policy of mesh.all("AuthorizationPolicy"))
    for (const [i, { to = [] }] of (policy.spec.rules ?? []).entries())
      for (const [j, { operation = {} }] of to.entries())
        yield { policy, field: `spec.rules[${i}].to[${j}].operation`, value: operation };
}

/** Each text of some lists of a source or an operation that is wrong. */
function* eachText<T extends object>(
  places: Iterable<Place<T>>,
  lists: readonly (keyof T & string)[],
  problem: (text: string, policy: Policy) => string | undefined,
): Iterable<Found> {
  for (const { policy, field, value } of places)
    for (const list of lists)
      for (const [k, text] of ((value[list] ?? []) as readonly string[]).entries()) {
        const message = problem(text, policy);
        if (message !== undefined) yield { object: policy.object, field: `${field}.${list}[${k}]`, message };
      }
}

/** Whether a text with `*` at one end has another. */
function fits(written: string, text: string): boolean {
  if (written.startsWith("*")) return text.endsWith(written.slice(1));
  return written.endsWith("*") ? text.startsWith(written.slice(0, -1)) : written === text;
}

const actionOf = ({ spec: { action } }: Policy): string => action ?? "ALLOW";

export const AUTHORIZATION_RULES: readonly Rule[] = [
  {
    code: "SL401",
    level: "medium",
    title: "a namespace that is not there",
    why: "No caller is in it.",
    fix: "Name a namespace that exists.",
    like: ["IST0101", "KIA0101"],
    check: (mesh) =>
      eachText(sources(mesh), ["namespaces", "notNamespaces"], (name) =>
        mesh.knowsNamespaces() && !mesh.all("Namespace").some((one) => fits(name, one.name))
          ? `There is no namespace ${name}.`
          : undefined,
      ),
  },
  {
    code: "SL402",
    level: "medium",
    title: "a method that HTTP does not have",
    why: "Methods are compared as they are written, so no request has it.",
    fix: `Write one of ${METHODS.join(", ")}. For gRPC name a path, as its method is always POST.`,
    like: ["KIA0102"],
    check: (mesh) =>
      eachText(operations(mesh), ["methods", "notMethods"], (method) =>
        METHODS.some((one) => fits(method, one)) || method.startsWith("/")
          ? undefined
          : `${method} is no method of HTTP.`,
      ),
  },
  {
    code: "SL403",
    level: "medium",
    title: "a host that no Service has",
    why: "No request for a Service of the mesh has it.",
    fix: "Name a Service in full.",
    like: ["KIA0104"],
    check: (mesh) =>
      eachText(operations(mesh), ["hosts"], (host, { namespace }) =>
        serviceOf(host) && mesh.lookup(host, namespace) === "missing" ? `${host} is no Service.` : undefined,
      ),
  },
  {
    code: "SL404",
    level: "high",
    title: "a caller's identity, without mutual TLS",
    why: "Only mutual TLS tells a pod who calls. Without it ALLOW lets nobody in by such a rule, and DENY refuses nobody.",
    fix: "Turn mutual TLS on with a PeerAuthentication.",
    like: ["KIA0105"],
    *check(mesh) {
      for (const { policy, field, value } of sources(mesh)) {
        const { principals, notPrincipals, namespaces, notNamespaces } = value;
        const off = mutualTls(mesh, policy.namespace);
        if (off?.mode === "DISABLE" && (principals ?? notPrincipals ?? namespaces ?? notNamespaces))
          yield { object: policy.object, field, message: `${off.key} turns mutual TLS off.` };
      }
    },
  },
  {
    code: "SL405",
    level: "medium",
    title: "a caller that is not there",
    why: "No pod has the service account, so the rule is for nobody.",
    fix: "Write <trust domain>/ns/<namespace>/sa/<service account> of a workload.",
    like: ["KIA0106"],
    check: (mesh) =>
      eachText(sources(mesh), ["principals", "notPrincipals"], (principal) => {
        const [, namespace, account] = /^[^*]+\/ns\/([^/*]+)\/sa\/([^/*]+)$/.exec(principal) ?? [];
        if (namespace === undefined || account === undefined || !mesh.knowsWorkloads(namespace))
          return undefined;
        const isThere =
          mesh.has("ServiceAccount", namespace, account) ||
          mesh.selected({}, namespace).some(({ spec }) => (spec.serviceAccountName ?? "default") === account);
        return isThere ? undefined : `Namespace ${namespace} has no service account ${account}.`;
      }),
  },
  {
    code: "SL406",
    level: "medium",
    title: "everybody is let in",
    why: "A rule without conditions allows every request, so the other rules and ALLOW policies of the workload do not count.",
    fix: "Say who may come in, or for what. A policy without rules refuses everything.",
    like: ["page: use default-deny patterns"],
    *check(mesh) {
      for (const policy of mesh.all("AuthorizationPolicy"))
        if (actionOf(policy) === "ALLOW")
          for (const [i, { from, to, when }] of (policy.spec.rules ?? []).entries())
            if (![from, to, when].some((part) => part?.length))
              yield {
                object: policy.object,
                field: `spec.rules[${i}]`,
                message: "The rule has no condition.",
              };
    },
  },
  {
    code: "SL407",
    level: "low",
    title: "paths that fail open",
    why: "A request whose path is written in an unusual way may not match. With paths in DENY, or notPaths in ALLOW, it comes in.",
    fix: "Use ALLOW with paths, or DENY with notPaths.",
    like: ["page: safer authorization policy patterns"],
    *check(mesh) {
      for (const { policy, field, value } of operations(mesh)) {
        const list = { ALLOW: "notPaths", DENY: "paths" }[actionOf(policy)] as
          "paths" | "notPaths" | undefined;
        const open = value[list ?? "paths"]?.filter((path) => path !== "*" && path !== "/*") ?? [];
        if (list !== undefined && open.length > 0)
          yield {
            object: policy.object,
            field: `${field}.${list}`,
            message: `${actionOf(policy)} by ${list}: ${open.join(", ")}.`,
          };
      }
    },
  },
  {
    code: "SL408",
    level: "low",
    title: "pods that let everybody in",
    why: "Mutual TLS alone says who calls, and lets each caller in. Without an AuthorizationPolicy that allows, every pod of the mesh may.",
    fix: "Add an AuthorizationPolicy without rules to the namespace, which refuses everything, and one for each caller.",
    like: ["KIA1301", "page: mutual TLS alone is not sufficient to secure traffic"],
    *check(mesh) {
      const allows = mesh
        .all("AuthorizationPolicy")
        .filter((policy) => actionOf(policy) === "ALLOW" || actionOf(policy) === "CUSTOM");
      // A side without any may be a part of a whole.
      if (allows.length === 0) return;
      for (const workload of mesh.workloads()) {
        const { namespace, labels, object, template } = workload;
        const covered = allows.some(
          ({ spec, ...policy }) =>
            [namespace, ROOT_NAMESPACE].includes(policy.namespace) &&
            ((spec.targetRef ?? spec.targetRefs) !== undefined ||
              hasLabels(labels, spec.selector?.matchLabels ?? {})),
        );
        // Gateways are there for callers from outside.
        const isGateway = mesh
          .all("Gateway")
          .some(({ spec }) => spec.selector !== undefined && hasLabels(labels, spec.selector));
        if (!covered && !isGateway && mesh.isInjected(workload))
          yield {
            object,
            field: `${template}metadata.labels`,
            message: "No AuthorizationPolicy says who may call these pods.",
          };
      }
    },
  },
];
