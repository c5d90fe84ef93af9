/** Where VirtualServices send requests: hosts, ports and subsets. */
import { fullHost } from "../hosts";
import type { Mesh, Read } from "../mesh";
import type { Found, Rule } from "../rule";
import type { Destination, VirtualServiceSpec } from "../specs";

interface Sent {
  readonly object: Read<VirtualServiceSpec>;
  readonly field: string;
  readonly to: Destination;
}

/** All destinations of all VirtualServices, mirrors too. */
export function* destinations(mesh: Mesh): Iterable<Sent> {
  for (const object of mesh.all("VirtualService")) {
    for (const part of ["http", "tls", "tcp"] as const)
      for (const [i, rule] of (object.spec[part] ?? []).entries())
        for (const [j, { destination }] of (rule.route ?? []).entries())
          yield { object, field: `spec.${part}[${i}].route[${j}].destination`, to: destination };
    for (const [i, { mirror, mirrors }] of (object.spec.http ?? []).entries()) {
      if (mirror) yield { object, field: `spec.http[${i}].mirror`, to: mirror };
      for (const [j, { destination }] of (mirrors ?? []).entries())
        yield { object, field: `spec.http[${i}].mirrors[${j}].destination`, to: destination };
    }
  }
}

function* each(
  mesh: Mesh,
  problem: (sent: Sent) => { at: string; message: string } | undefined,
): Iterable<Found> {
  for (const sent of destinations(mesh)) {
    const found = problem(sent);
    if (found)
      yield { object: sent.object.object, field: `${sent.field}.${found.at}`, message: found.message };
  }
}

export const DESTINATION_RULES: readonly Rule[] = [
  {
    code: "SL101",
    level: "high",
    title: "a destination that is not there",
    why: "Proxies answer 503 to requests for a host that neither a Service nor a ServiceEntry has.",
    fix: "Name a Service (a name without dots is in the namespace of the VirtualService; any other is written in full, with .svc.cluster.local), or add a ServiceEntry.",
    like: ["IST0101", "KIA1101"],
    check: (mesh) =>
      each(mesh, ({ object, to: { host } }) =>
        mesh.lookup(host, object.namespace) === "missing"
          ? { at: "host", message: `No Service and no ServiceEntry is ${fullHost(host, object.namespace)}.` }
          : undefined,
      ),
  },
  {
    code: "SL102",
    level: "high",
    title: "a destination's port that its Service does not have",
    why: "Proxies answer 503 to requests for such a port.",
    fix: "Name a port of the Service (its port, not its targetPort).",
    like: ["IST0101"],
    check: (mesh) =>
      each(mesh, ({ object, to: { host, port } }) => {
        const found = mesh.lookup(host, object.namespace);
        if (port?.number === undefined || typeof found !== "object" || found.ports.includes(port.number))
          return undefined;
        return { at: "port.number", message: `${host} has no port ${port.number}: ${list(found.ports)}.` };
      }),
  },
  {
    code: "SL103",
    level: "high",
    title: "a destination without a port, of a Service with several",
    why: "Istio takes the port at which the proxy listens. Proxies answer 503 if the Service does not have it.",
    fix: "Name the port in the destination.",
    like: ["IST0112"],
    check: (mesh) =>
      each(mesh, ({ object, to: { host, port } }) => {
        const found = mesh.lookup(host, object.namespace);
        if (port?.number !== undefined || typeof found !== "object" || found.ports.length < 2)
          return undefined;
        return { at: "port", message: `${host} has several ports: ${list(found.ports)}.` };
      }),
  },
  {
    code: "SL104",
    level: "high",
    title: "a subset that no DestinationRule has",
    why: "Proxies answer 503 to requests for a subset that is not defined.",
    fix: "Add the subset to a DestinationRule of the host, or name one that is there.",
    like: ["IST0101", "KIA1107"],
    check(mesh) {
      const known = new Map<string, Set<string>>();
      for (const { spec, namespace } of mesh.all("DestinationRule")) {
        const host = fullHost(spec.host, namespace);
        const names = known.get(host) ?? new Set();
        for (const { name } of spec.subsets ?? []) names.add(name);
        known.set(host, names);
      }
      return each(mesh, ({ object, to: { host, subset } }) => {
        const subsets = known.get(fullHost(host, object.namespace));
        if (!subset || subsets?.has(subset)) return undefined;
        // Without any rule of the host, a side that has the Service would have the rule, too.
        if (!subsets && typeof mesh.lookup(host, object.namespace) !== "object") return undefined;
        return {
          at: "subset",
          message: `No DestinationRule of ${host} has the subset ${subset}${subsets?.size ? `: ${list([...subsets])}` : ""}.`,
        };
      });
    },
  },
];

const list = (values: readonly (string | number)[]): string => values.join(", ");
