/** Services: their ports and their pods. */
import { hasLabels } from "../../diff/istio-objects";
import type { Mesh, Read, Workload } from "../mesh";
import type { Rule } from "../rule";
import type { Spec } from "../specs";

type Service = Read<Spec<"Service">>;
type Port = NonNullable<Service["spec"]["ports"]>[number];

/** Istio: protocol.Parse. */
const PROTOCOLS = /^(tcp|udp|grpc|grpc-web|http|http_proxy|http2|https|tls|mongo|redis|mysql)$/i;
const OF_KUBERNETES = /^kubernetes\.io\/(h2c|ws|wss)$/;
/** Taken for TCP: their servers speak first (Istio: wellKnownPorts). */
const SERVER_FIRST = [25, 53, 3306, 27017];

/** Whether Istio knows what a port speaks (Istio: ConvertProtocol). */
function isDeclared({ port, name = "", protocol, appProtocol }: Port): boolean {
  const word = appProtocol ?? name;
  return (
    protocol === "UDP" ||
    OF_KUBERNETES.test(appProtocol ?? "") ||
    /^grpc-web/i.test(word) ||
    PROTOCOLS.test(word.split("-")[0] ?? "") ||
    SERVER_FIRST.includes(port)
  );
}

/** Of Istio, or made by it. */
const isOfIstio = ({ object: { metadata } }: Service): boolean =>
  metadata.labels?.istio !== undefined ||
  metadata.labels?.release === "istio" ||
  metadata.labels?.["gateway.istio.io/managed"] !== undefined;

const servicesOf = (mesh: Mesh, { labels, namespace }: Workload): Service[] =>
  mesh
    .all("Service")
    .filter(
      ({ spec: { selector = {} }, ...service }) =>
        service.namespace === namespace && Object.keys(selector).length > 0 && hasLabels(labels, selector),
    );

/** Deployments with a sidecar, and their Services' ports. */
function* deployed(mesh: Mesh): Iterable<{ workload: Workload; ports: (Port & { of: string })[] }> {
  for (const workload of mesh.workloads())
    if (workload.object.kind === "Deployment" && mesh.isInjected(workload))
      yield {
        workload,
        ports: servicesOf(mesh, workload).flatMap(({ spec, key }) =>
          (spec.ports ?? []).map((port) => ({ ...port, of: key })),
        ),
      };
}

export const SERVICE_RULES: readonly Rule[] = [
  {
    code: "SL601",
    level: "low",
    title: "a port that does not say what it speaks",
    why: "Proxies guess the protocol from the first bytes. Where the server speaks first, that takes seconds; where it is not HTTP, routes and policies for HTTP do not act.",
    fix: "Name the port <protocol> or <protocol>-<suffix>, such as http-api, or set appProtocol.",
    like: ["IST0118", "KIA0601", "KIA0602", "page: declare service protocols"],
    *check(mesh) {
      for (const service of mesh.all("Service")) {
        if (isOfIstio(service) || service.spec.type === "ExternalName") continue;
        for (const [i, port] of (service.spec.ports ?? []).entries())
          if (!isDeclared(port)) {
            const said =
              port.appProtocol === undefined
                ? port.name
                  ? `is named ${port.name}`
                  : "has no name"
                : `has appProtocol ${port.appProtocol}`;
            yield {
              object: service.object,
              field: `spec.ports[${i}]`,
              message: `Port ${port.port} ${said}.`,
            };
          }
      }
    },
  },
  {
    code: "SL602",
    level: "medium",
    title: "a TCP port of a Service by name of a host",
    why: "Proxies listen at such a port for every address, so they take connections that are for others.",
    fix: "Name the port by its protocol (http, tls), or delete the port.",
    like: ["IST0150"],
    *check(mesh) {
      for (const { object, spec } of mesh.all("Service"))
        for (const [i, port] of (spec.ports ?? []).entries())
          if (spec.type === "ExternalName" && (port.name === "tcp" || !isDeclared(port)))
            yield {
              object,
              field: `spec.ports[${i}].name`,
              message: `Port ${port.port} is named ${port.name ?? "nothing"}.`,
            };
    },
  },
  {
    code: "SL603",
    level: "medium",
    title: "one port of a Deployment with two protocols",
    why: "A proxy has one listener for a port.",
    fix: "Give the Services the same protocol, or different ports.",
    like: ["IST0116"],
    *check(mesh) {
      for (const { workload, ports } of deployed(mesh))
        for (const [i, port] of ports.entries()) {
          const other = ports
            .slice(0, i)
            .find((one) => one.port === port.port && (one.protocol ?? "TCP") !== (port.protocol ?? "TCP"));
          if (other)
            yield {
              object: workload.object,
              field: "spec.template.metadata.labels",
              message: `${other.of} and ${port.of} have port ${port.port} with different protocols.`,
            };
        }
    },
  },
  {
    code: "SL604",
    level: "medium",
    title: "one targetPort of a Deployment behind two ports",
    why: "A proxy knows one port of a Service for each port of the pod, so what is for the other one is taken for it.",
    fix: "Use one port, or one targetPort for each.",
    like: ["IST0137"],
    *check(mesh) {
      for (const { workload, ports } of deployed(mesh))
        for (const [i, port] of ports.entries()) {
          const target = String(port.targetPort ?? port.port);
          const other = ports
            .slice(0, i)
            .find((one) => String(one.targetPort ?? one.port) === target && one.port !== port.port);
          if (other)
            yield {
              object: workload.object,
              field: "spec.template.metadata.labels",
              message: `${other.of} port ${other.port} and ${port.of} port ${port.port} are both for port ${target}.`,
            };
        }
    },
  },
  {
    code: "SL605",
    level: "medium",
    title: "a named targetPort that no container has",
    why: "Clients of the Service get no connection.",
    fix: "Name a port of a container.",
    like: ["KIA0701"],
    *check(mesh) {
      for (const service of mesh.all("Service")) {
        const { selector = {}, ports = [] } = service.spec;
        if (Object.keys(selector).length === 0) continue;
        const pods = mesh.selected(selector, service.namespace);
        const declared = pods
          .flatMap(({ spec }) => [...(spec.containers ?? []), ...(spec.initContainers ?? [])])
          .flatMap((container) => container.ports ?? [])
          .map(({ name }) => name);
        // A number is reached without being declared.
        for (const [i, { targetPort }] of ports.entries())
          if (
            typeof targetPort === "string" &&
            !/^\d+$/.test(targetPort) &&
            pods.length > 0 &&
            !declared.includes(targetPort)
          )
            yield {
              object: service.object,
              field: `spec.ports[${i}].targetPort`,
              message: `No container of its pods has port ${targetPort}.`,
            };
      }
    },
  },
];
