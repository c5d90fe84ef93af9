/** ServiceEntries and Sidecars: what pods see of others. */
import { fullHost, isExported, serviceOf } from "../hosts";
import type { Rule } from "../rule";
import { ROOT_NAMESPACE } from "./authentication";

export const OUTSIDE_RULES: readonly Rule[] = [
  {
    code: "SL701",
    level: "low",
    title: "TCP to a host, without its address",
    why: "TCP does not name its host, so proxies tell such hosts apart by address. Without one, all connections to the port are for it.",
    fix: "Add addresses, or give the port a protocol that names its host (HTTP, TLS).",
    like: ["IST0134"],
    *check(mesh) {
      for (const { object, spec } of mesh.all("ServiceEntry"))
        if (spec.addresses === undefined)
          for (const [i, { number, protocol = "" }] of (spec.ports ?? []).entries())
            if (/^(tcp)?$/i.test(protocol))
              yield { object, field: `spec.ports[${i}]`, message: `Port ${number} is TCP.` };
    },
  },
  {
    code: "SL702",
    level: "medium",
    title: "one port of a host with two protocols",
    why: "Proxies use one of them, and which is not defined.",
    fix: "Give the ServiceEntries the same protocol, or merge them.",
    like: ["IST0177"],
    *check(mesh) {
      const all = mesh.all("ServiceEntry").flatMap(({ spec, ...read }) =>
        (spec.ports ?? []).flatMap(({ number, protocol = "" }, i) =>
          (spec.hosts ?? []).map((host) => ({
            ...read,
            spec,
            host,
            number,
            protocol: protocol.toUpperCase() || "TCP",
            i,
          })),
        ),
      );
      for (const [at, one] of all.entries()) {
        const other = all
          .slice(0, at)
          .find(
            (before) =>
              before.host === one.host &&
              before.number === one.number &&
              before.protocol !== one.protocol &&
              (isExported(before.spec.exportTo ?? [], before.namespace, one.namespace) ||
                isExported(one.spec.exportTo ?? [], one.namespace, before.namespace)),
          );
        if (other)
          yield {
            object: one.object,
            field: `spec.ports[${one.i}].protocol`,
            message: `Port ${one.number} of ${one.host} is ${one.protocol} here and ${other.protocol} in ${other.key}.`,
          };
      }
    },
  },
  {
    code: "SL703",
    level: "low",
    title: "a Sidecar that lets pods see a host that is not there",
    why: "It has no effect.",
    fix: "Write namespace/host, with the host in full.",
    like: ["KIA1004"],
    *check(mesh) {
      for (const { object, spec, namespace } of mesh.all("Sidecar"))
        for (const [i, { hosts = [] }] of (spec.egress ?? []).entries())
          for (const [j, written] of hosts.entries()) {
            const [from = "", host = ""] = written.split("/");
            const place = from === "." ? namespace : from;
            if (host.includes("*") || ["*", "~"].includes(from)) continue;
            const service = serviceOf(fullHost(host, place));
            if (service && mesh.lookup(host, place) === "missing")
              yield {
                object,
                field: `spec.egress[${i}].hosts[${j}]`,
                message: `${fullHost(host, place)} is no Service.`,
              };
          }
    },
  },
  {
    code: "SL704",
    level: "medium",
    title: "a Sidecar for the mesh that is for some pods",
    why: "In the root namespace a Sidecar without a selector is the default of the mesh. With one it is for pods of that namespace.",
    fix: "Delete the selector, or move the Sidecar to the namespace of the pods.",
    like: ["KIA1006"],
    *check(mesh) {
      for (const { object, spec, namespace } of mesh.all("Sidecar"))
        if (namespace === ROOT_NAMESPACE && spec.workloadSelector)
          yield { object, field: "spec.workloadSelector", message: `It is in namespace ${namespace}.` };
    },
  },
  {
    code: "SL705",
    level: "low",
    title: "a policy for outside traffic without a mode",
    why: "An empty policy is REGISTRY_ONLY, although no policy at all is what the mesh says.",
    fix: "Write the mode.",
    like: ["KIA1007"],
    *check(mesh) {
      for (const { object, spec } of mesh.all("Sidecar"))
        if (spec.outboundTrafficPolicy && spec.outboundTrafficPolicy.mode === undefined)
          yield { object, field: "spec.outboundTrafficPolicy", message: "It has no mode." };
    },
  },
];
