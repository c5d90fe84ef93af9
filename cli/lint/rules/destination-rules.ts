/** DestinationRules: hosts, subsets and TLS. */
import { fullHost, serviceOf } from "../hosts";
import type { Mesh, Read } from "../mesh";
import type { Found, Rule } from "../rule";
import type { Spec } from "../specs";
import { mutualTls } from "./authentication";
import { labelWords } from "./gateways";

type DestinationRule = Read<Spec<"DestinationRule">>;
type TrafficPolicy = NonNullable<DestinationRule["spec"]["trafficPolicy"]>;
type ClientTls = NonNullable<TrafficPolicy["tls"]>;

/** TLS settings of a rule, of its ports and its subsets. */
function* tlsOf({ spec }: DestinationRule): Iterable<{ field: string; tls: ClientTls }> {
  const policies: [string, TrafficPolicy | undefined][] = [
    ["spec.trafficPolicy", spec.trafficPolicy],
    ...(spec.subsets ?? []).map(
      ({ trafficPolicy }, i) =>
        [`spec.subsets[${i}].trafficPolicy`, trafficPolicy] as [string, TrafficPolicy | undefined],
    ),
  ];
  for (const [field, policy] of policies) {
    if (policy?.tls) yield { field: `${field}.tls`, tls: policy.tls };
    for (const [i, { tls }] of (policy?.portLevelSettings ?? []).entries())
      if (tls) yield { field: `${field}.portLevelSettings[${i}].tls`, tls };
  }
}

function* eachTls(
  mesh: Mesh,
  problem: (tls: ClientTls, rule: DestinationRule) => string | undefined,
): Iterable<Found> {
  for (const rule of mesh.all("DestinationRule"))
    for (const { field, tls } of tlsOf(rule)) {
      const message = problem(tls, rule);
      if (message !== undefined) yield { object: rule.object, field, message };
    }
}

function findService(mesh: Mesh, host: string, namespace: string): Read<Spec<"Service">> | undefined {
  const named = serviceOf(fullHost(host, namespace));
  return mesh.all("Service").find((one) => one.name === named?.name && one.namespace === named.namespace);
}

export const DESTINATION_RULE_RULES: readonly Rule[] = [
  {
    code: "SL201",
    level: "medium",
    title: "a DestinationRule for a host that is not there",
    why: "It has no effect.",
    fix: "Name a Service (a name without dots is in the namespace of the rule; any other is written in full, with .svc.cluster.local), or add a ServiceEntry.",
    like: ["IST0174", "KIA0202"],
    *check(mesh) {
      for (const { object, spec, namespace } of mesh.all("DestinationRule"))
        // A host with a wildcard is for whatever it meets.
        if (!spec.host.startsWith("*") && mesh.lookup(spec.host, namespace) === "missing")
          yield {
            object,
            field: "spec.host",
            message: `No Service and no ServiceEntry is ${fullHost(spec.host, namespace)}.`,
          };
    },
  },
  {
    code: "SL202",
    level: "high",
    title: "a subset without pods",
    why: "Proxies answer 503 to requests for it.",
    fix: "Correct the labels of the subset, or deploy its version first.",
    like: ["IST0173", "KIA0203"],
    *check(mesh) {
      for (const { object, spec, namespace } of mesh.all("DestinationRule")) {
        const service = findService(mesh, spec.host, namespace);
        const selector = service?.spec.selector;
        if (!service || !selector || !mesh.knowsWorkloads(service.namespace)) continue;
        for (const [i, { name, labels = {} }] of (spec.subsets ?? []).entries()) {
          // Labels of places are those of nodes.
          if (Object.keys(labels).some((label) => label.startsWith("topology."))) continue;
          const wanted = { ...selector, ...labels };
          if (mesh.selected(wanted, service.namespace).length === 0)
            yield {
              object,
              field: `spec.subsets[${i}].labels`,
              message: `No workload of subset ${name} has the labels ${labelWords(wanted)}.`,
            };
        }
      }
    },
  },
  {
    code: "SL203",
    level: "low",
    title: "a subset without labels",
    why: "It has all pods of the host.",
    fix: "Give it the labels of its version.",
    like: ["KIA0209"],
    *check(mesh) {
      for (const { object, spec } of mesh.all("DestinationRule"))
        for (const [i, { name, labels }] of (spec.subsets ?? []).entries())
          if (Object.keys(labels ?? {}).length === 0)
            yield {
              object,
              field: `spec.subsets[${i}]`,
              message: `Subset ${name} has all pods of ${spec.host}.`,
            };
    },
  },
  {
    code: "SL204",
    level: "medium",
    title: "two DestinationRules with the same subset, or with policies of one host",
    why: "Istio merges the rules of a host, and of what both have it reads the older one.",
    fix: "Merge them into one.",
    like: ["KIA0201"],
    *check(mesh) {
      const rules = mesh.all("DestinationRule").filter(({ spec }) => !spec.workloadSelector);
      for (const [i, rule] of rules.entries()) {
        const host = fullHost(rule.spec.host, rule.namespace);
        for (const other of rules.slice(i + 1)) {
          // A rule in another namespace takes the place of the other there, as a whole and on purpose.
          if (other.namespace !== rule.namespace || fullHost(other.spec.host, other.namespace) !== host)
            continue;
          const names = (rule.spec.subsets ?? []).map(({ name }) => name);
          const both = (other.spec.subsets ?? []).find(({ name }) => names.includes(name))?.name;
          const policies = rule.spec.trafficPolicy && other.spec.trafficPolicy;
          if (both !== undefined || policies)
            yield {
              object: other.object,
              field: both === undefined ? "spec.trafficPolicy" : "spec.subsets",
              message: `${rule.key} has ${both === undefined ? "policies" : `subset ${both}`} of ${host}, too.`,
            };
        }
      }
    },
  },
  {
    code: "SL205",
    level: "medium",
    title: "TLS to a server without its authority and its name",
    why: "Without caCertificates a proxy trusts every public authority that its image knows, and no private one. With sni and without subjectAltNames it compares no name.",
    fix: "Set caCertificates (or credentialName), and subjectAltNames.",
    like: ["IST0128", "IST0129", "page: always set the CA for TLS origination"],
    check: (mesh) =>
      eachTls(mesh, ({ mode, ...tls }, { spec }) => {
        if (mode !== "SIMPLE" && mode !== "MUTUAL") return undefined;
        if (tls.insecureSkipVerify) return `The certificate of ${spec.host} is not verified.`;
        if (tls.caCertificates || tls.credentialName || tls.subjectAltNames?.length) return undefined;
        return `Neither an authority nor a name of ${spec.host} is written.`;
      }),
  },
  {
    code: "SL206",
    level: "high",
    title: "mutual TLS on one side only",
    why: "Connections fail where one side wants mutual TLS and the other does not.",
    fix: "Delete the tls of the DestinationRule: Istio finds out by itself. Or change the PeerAuthentication.",
    like: ["KIA0205", "KIA0206", "KIA0207", "KIA0208", "KIA0401", "KIA0501", "KIA0505", "KIA0506"],
    check: (mesh) =>
      eachTls(mesh, ({ mode = "DISABLE" }, { spec, namespace }) => {
        const service = findService(mesh, spec.host, namespace);
        const pods = service?.spec.selector ? mesh.selected(service.spec.selector, service.namespace) : [];
        // Pods without a sidecar are asked for nothing.
        if (!service || !pods.some((pod) => mesh.isInjected(pod))) return undefined;
        const wanted = mutualTls(mesh, service.namespace);
        if (wanted?.mode === "STRICT" && mode !== "ISTIO_MUTUAL")
          return `${wanted.key} asks for mutual TLS, and the rule says ${mode}.`;
        if (wanted?.mode === "DISABLE" && mode === "ISTIO_MUTUAL")
          return `${wanted.key} turns mutual TLS off, and the rule asks for it.`;
        return undefined;
      }),
  },
];
