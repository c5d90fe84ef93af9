/** Gateways: their pods, ports, hosts and certificates. */
import { hasLabels } from "../../diff/istio-objects";
import type { Mesh, Read, Workload } from "../mesh";
import type { Found, Rule } from "../rule";
import type { Server, Spec } from "../specs";

type Gateway = Read<Spec<"Gateway">>;

/** Hosts of a Gateway that VirtualServices of a namespace may have. */
export const hostsFor = ({ spec, namespace }: Gateway, of: string): string[] =>
  (spec.servers ?? [])
    .flatMap(({ hosts }) => hosts)
    .flatMap((host) => {
      const [from, name] = host.includes("/") ? host.split("/") : ["*", host];
      return from === "*" || from === of || (from === "." && namespace === of) ? [name ?? ""] : [];
    });

/** Pods of a Gateway; undefined where the side does not have pods of gateways. */
function podsOf(mesh: Mesh, { spec: { selector = {} }, key }: Gateway): readonly Workload[] | undefined {
  const pods = mesh.selected(selector);
  if (pods.length > 0 || Object.keys(selector).length === 0) return pods;
  const alike = mesh.workloads().some(({ labels }) => Object.keys(selector).every((name) => name in labels));
  if (!alike) mesh.notLookedAt.add(`the pods of ${key}: the side may not have them`);
  return alike ? [] : undefined;
}

function* eachServer(
  mesh: Mesh,
  problem: (server: Server, gateway: Gateway) => { at: string; message: string } | undefined,
): Iterable<Found> {
  for (const gateway of mesh.all("Gateway"))
    for (const [i, server] of (gateway.spec.servers ?? []).entries()) {
      const found = problem(server, gateway);
      if (found)
        yield { object: gateway.object, field: `spec.servers[${i}].${found.at}`, message: found.message };
    }
}

const isTls = ({ port }: Server): boolean => /^(https|tls)$/i.test(port.protocol);
const MODES_WITH_CERTIFICATE = /^(SIMPLE|MUTUAL|OPTIONAL_MUTUAL)$/;

/** Whether all pods that one selector takes are taken by the other. */
const isWithin = (a: Gateway, b: Gateway): boolean => hasLabels(a.spec.selector, b.spec.selector ?? {});

function others(mesh: Mesh, gateway: Gateway): Gateway[] {
  return mesh
    .all("Gateway")
    .filter(
      (other) =>
        other !== gateway &&
        (isWithin(gateway, other) ||
          isWithin(other, gateway) ||
          mesh
            .selected(gateway.spec.selector)
            .some(({ labels }) => hasLabels(labels, other.spec.selector ?? {}))),
    );
}

export const GATEWAY_RULES: readonly Rule[] = [
  {
    code: "SL301",
    level: "high",
    title: "a Gateway without pods",
    why: "Its selector matches no workload, so nothing listens.",
    fix: "Correct the selector: it is matched with the labels of pods in all namespaces.",
    like: ["IST0101", "KIA0302"],
    *check(mesh) {
      for (const gateway of mesh.all("Gateway"))
        if (podsOf(mesh, gateway)?.length === 0)
          yield {
            object: gateway.object,
            field: "spec.selector",
            message: `No workload has the labels ${labelWords(gateway.spec.selector)}.`,
          };
    },
  },
  {
    code: "SL302",
    level: "high",
    title: "two Gateways with the same host and port",
    why: "The older one takes the host, and the servers of the other do not count.",
    fix: "Name the host in one of them only, or merge them.",
    like: ["IST0145", "KIA0301"],
    check: (mesh) =>
      eachServer(mesh, ({ port, hosts, bind }, gateway) => {
        const same = others(mesh, gateway).find(({ spec }) =>
          (spec.servers ?? []).some(
            (server) =>
              server.port.number === port.number &&
              server.bind === bind &&
              server.hosts.some((host) => hosts.includes(host)),
          ),
        );
        if (!same) return undefined;
        return {
          at: "hosts",
          message: `${same.key} has the same host at port ${port.number}, for the same pods.`,
        };
      }),
  },
  {
    code: "SL303",
    level: "medium",
    title: "one certificate in several Gateways",
    why: "A browser uses its connection for all hosts of the certificate, and gets 404 for those of the other Gateway.",
    fix: "Give each Gateway a certificate of its own, or put the hosts into one Gateway.",
    like: ["IST0138"],
    check: (mesh) =>
      eachServer(mesh, ({ tls }, gateway) => {
        const same = others(mesh, gateway).find(({ spec }) =>
          (spec.servers ?? []).some(
            (server) =>
              server.tls !== undefined &&
              tls !== undefined &&
              (tls.credentialName
                ? server.tls.credentialName === tls.credentialName
                : Boolean(tls.serverCertificate) &&
                  server.tls.serverCertificate === tls.serverCertificate &&
                  server.tls.privateKey === tls.privateKey),
          ),
        );
        return same ? { at: "tls", message: `${same.key} serves the same certificate.` } : undefined;
      }),
  },
  {
    code: "SL304",
    level: "high",
    title: "a certificate that is not there",
    why: "A gateway pod reads credentialName as a Secret in its own namespace. Without it, it refuses connections.",
    fix: "Create the Secret in the namespace of the gateway's pods.",
    like: ["IST0101"],
    check: (mesh) =>
      eachServer(mesh, ({ tls }, gateway) => {
        const name = tls?.credentialName;
        const namespace = podsOf(mesh, gateway)?.[0]?.namespace;
        if (!name || namespace === undefined || name.includes("://")) return undefined;
        if (mesh.has("Secret", namespace, name) || !mesh.knowsSecrets(namespace)) return undefined;
        return { at: "tls.credentialName", message: `There is no Secret ${namespace}/${name}.` };
      }),
  },
  {
    code: "SL305",
    level: "high",
    title: "a Secret that is no certificate",
    why: "A gateway pod reads the keys tls.crt and tls.key (or cert and key).",
    fix: "Create the Secret with kubectl create secret tls.",
    like: ["IST0161"],
    check: (mesh) =>
      eachServer(mesh, ({ tls }, gateway) => {
        const namespace = podsOf(mesh, gateway)?.[0]?.namespace;
        const secret = mesh
          .all("Secret")
          .find((one) => one.name === tls?.credentialName && one.namespace === namespace);
        if (!secret) return undefined;
        const keys = Object.keys({
          ...(secret.object.data as object | null),
          ...(secret.object.stringData as object | null),
        });
        const isCertificate = [
          ["tls.crt", "tls.key"],
          ["cert", "key"],
        ].some((pair) => pair.every((key) => keys.includes(key)));
        if (isCertificate) return undefined;
        return { at: "tls.credentialName", message: `${secret.key} has ${keys.join(", ") || "nothing"}.` };
      }),
  },
  {
    code: "SL306",
    level: "medium",
    title: "a port that the gateway's Service does not have",
    why: "Clients that come by the Service do not reach it.",
    fix: "Add the port to the Service, or name the targetPort of one that it has.",
    like: ["IST0162"],
    check: (mesh) =>
      eachServer(mesh, ({ port }, gateway) => {
        const pods = podsOf(mesh, gateway);
        const services = mesh
          .all("Service")
          .filter(
            ({ spec, namespace }) =>
              Object.keys(spec.selector ?? {}).length > 0 &&
              pods?.some((pod) => pod.namespace === namespace && hasLabels(pod.labels, spec.selector ?? {})),
          );
        const taken = services.some(({ spec }) =>
          (spec.ports ?? []).some((one) => [one.port, one.targetPort].includes(port.number)),
        );
        if (services.length === 0 || taken) return undefined;
        return {
          at: "port.number",
          message: `${services.map(({ key }) => key).join(", ")} has no port ${port.number}.`,
        };
      }),
  },
  {
    code: "SL307",
    level: "high",
    title: "HTTPS without a certificate",
    why: "Istio refuses a server for HTTPS or TLS that does not say how it ends TLS.",
    fix: "Add tls with a mode and a credentialName, or use the protocol HTTP.",
    like: ["IST0106"],
    check: (mesh) =>
      eachServer(mesh, (server) => {
        const { tls, port } = server;
        const certified = Boolean(tls?.credentialName ?? tls?.serverCertificate);
        if (!isTls(server) || (tls && (certified || !MODES_WITH_CERTIFICATE.test(tls.mode ?? "PASSTHROUGH"))))
          return undefined;
        return { at: "tls", message: `Port ${port.number} is ${port.protocol} without a certificate.` };
      }),
  },
  {
    code: "SL308",
    level: "low",
    title: "a gateway for every host",
    why: "Each user who may write VirtualServices can take any host that points to the gateway.",
    fix: "Name the hosts, with the namespace whose VirtualServices may have them: namespace/host.",
    like: ["page: avoid overly broad hosts configurations"],
    check: (mesh) =>
      eachServer(mesh, ({ hosts, port, tls }) => {
        const at = hosts.findIndex((host) => host === "*" || host === "*/*");
        if (at < 0 || tls?.httpsRedirect) return undefined;
        return { at: `hosts[${at}]`, message: `Port ${port.number} takes every host.` };
      }),
  },
  {
    code: "SL309",
    level: "medium",
    title: "TLS before 1.2",
    why: "TLS 1.0 and 1.1 are broken (RFC 8996). Istio's default is 1.2.",
    fix: "Delete minProtocolVersion, or set TLSV1_2.",
    like: ["IST0133"],
    check: (mesh) =>
      eachServer(mesh, ({ tls, port }) =>
        /^TLSV1_[01]$/.test(tls?.minProtocolVersion ?? "")
          ? {
              at: "tls.minProtocolVersion",
              message: `Port ${port.number} accepts ${tls?.minProtocolVersion ?? ""}.`,
            }
          : undefined,
      ),
  },
];

/** `app=x, version=v1`. */
export const labelWords = (labels: Readonly<Record<string, string>> = {}): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(", ");
