/** Checks between the settings of the gateway, and between them and the hosts that it serves. */
import { NODE_PORTS } from "../../../components/security/gateway-servers";
import { problem } from "../report/catalogue";
import { check, type Check } from "./check";

const PROTOCOLS = [
  ["http", "https"],
  ["https", "http"],
] as const;
const at = (...path: PropertyKey[]): PropertyKey[] => ["gateway", ...path];

const addresses = [
  check({ keys: "keys of gateway", serviceType: "gateway.serviceType" }, function* ({ keys, serviceType }) {
    if (serviceType !== "NodePort" || keys.includes("existing") || keys.includes("address")) return;
    yield problem("addressMissing", at("address"), {}, { set: "node.example.com", example: true });
  }),
  check(
    { keys: "keys of gateway", serviceType: "gateway.serviceType", address: "gateway.address" },
    function* ({ keys, serviceType, address }) {
      if (serviceType === "NodePort" || keys.includes("existing") || address === undefined) return;
      yield problem(
        "addressUnused",
        at("address"),
        { address, serviceType },
        { remove: at("address") },
        { at: at("serviceType"), set: "NodePort" },
      );
    },
  ),
];

const nodePorts = [
  check(
    { keys: "keys of gateway", ports: "keys of gateway.nodePorts", serviceType: "gateway.serviceType" },
    function* ({ keys, serviceType }) {
      if (serviceType !== "ClusterIP" || !keys.includes("nodePorts")) return;
      yield problem("nodePortsUnused", at("nodePorts"), {}, { remove: at("nodePorts") });
    },
  ),
  check(
    {
      serviceType: "gateway.serviceType",
      http: "gateway.nodePorts.http",
      https: "gateway.nodePorts.https",
    },
    function* ({ serviceType, http, https }) {
      if (serviceType === "ClusterIP" || http === undefined || http !== https) return;
      const other = http === NODE_PORTS.https ? ("http" as const) : ("https" as const);
      const repair = { at: at("nodePorts", other), set: NODE_PORTS[other] };
      yield problem("nodePortTwice", at("nodePorts"), { port: http }, repair);
    },
  ),
  ...PROTOCOLS.map(([one, other]) =>
    check(
      {
        keys: "keys of gateway",
        ports: "keys of gateway.nodePorts",
        serviceType: "gateway.serviceType",
        http: "gateway.http",
        port: `gateway.nodePorts.${one}`,
      },
      function* ({ keys, ports, serviceType, http, port }) {
        // Both ports are open, and the number of one is the default of the other.
        if (serviceType !== "NodePort" || !http || !keys.includes("tls")) return;
        if (port !== NODE_PORTS[other] || ports.includes(other)) return;
        const swapped = { at: at("nodePorts", other), set: NODE_PORTS[one] };
        yield problem(
          "nodePortOfOther",
          at("nodePorts", one),
          { port, other },
          { set: NODE_PORTS[one] },
          swapped,
        );
      },
    ),
  ),
  ...PROTOCOLS.map(([other]) =>
    check(
      {
        keys: "keys of gateway",
        serviceType: "gateway.serviceType",
        http: "gateway.http",
        status: "gateway.nodePorts.status",
        port: `gateway.nodePorts.${other}`,
      },
      function* ({ keys, serviceType, http, status, port }) {
        const open = other === "http" ? http : keys.includes("tls");
        const taken = port ?? (open && serviceType === "NodePort" ? NODE_PORTS[other] : undefined);
        if (serviceType === "ClusterIP" || status === undefined || status !== taken) return;
        yield problem("statusPortTaken", at("nodePorts", "status"), { port: status, other }, { set: 30021 });
      },
    ),
  ),
];

const listeners = [
  check({ keys: "keys of gateway", http: "gateway.http" }, function* ({ keys, http }) {
    if (!http && !keys.includes("tls"))
      yield problem("listenerNone", at(), {}, { at: at("http"), set: true });
  }),
  check({ http: "gateway.http", redirect: "gateway.tls.redirect" }, function* ({ http, redirect }) {
    if (http || redirect !== true) return;
    const opened = { at: at("http"), set: true };
    yield problem("redirectUnheard", at("tls", "redirect"), {}, { set: false }, opened);
  }),
];

function covers(host: string, other: string): boolean {
  if (host === "*" || host === other) return true;
  return host.startsWith("*.") && other.endsWith(host.slice(1));
}

const hosts = [
  check(
    { host: "category.host", all: "keys of category.aliases", aliases: "category.aliases.*?" },
    function* ({ host, all, aliases }) {
      for (const [i, alias] of aliases) {
        if (!covers(host, alias) && !covers(alias, host)) continue;
        const path = ["category", "aliases", i];
        const remove = all.length > 1 ? path : path.slice(0, -1);
        yield problem("hostCovered", path, { host: alias, by: host }, { remove });
      }
    },
  ),
  check({ aliases: "category.aliases.*?" }, function* ({ aliases }) {
    for (const [i, alias] of aliases) {
      const [, other] = aliases.find(([j, another]) => i !== j && covers(another, alias)) ?? [];
      if (other === undefined) continue;
      const path = ["category", "aliases", i];
      yield problem("hostCovered", path, { host: alias, by: other }, { remove: path });
    }
  }),
  check(
    { host: "category.host", aliases: "category.aliases", certified: "keys of gateway.tls.hosts" },
    function* ({ host, aliases, certified }) {
      const served = [host, ...aliases];
      for (const other of certified) {
        const path = at("tls", "hosts", other);
        if (!served.includes(other))
          yield problem("tlsHostUnserved", path, { hosts: served }, { remove: path });
      }
    },
  ),
];

const termination = [
  check(
    { keys: "keys of gateway", termination: "gateway.tlsTermination" },
    function* ({ keys, termination }) {
      if (termination !== "load-balancer" || keys.includes("existing") || !keys.includes("tls")) return;
      const path = at("tlsTermination");
      yield problem("tlsEndsTwice", path, {}, { remove: at("tls") }, { remove: path });
    },
  ),
  check(
    {
      keys: "keys of gateway",
      termination: "gateway.tlsTermination",
      proxies: "security.trustedProxies",
    },
    function* ({ keys, termination, proxies }) {
      if (termination !== "load-balancer" || keys.includes("existing") || proxies > 0) return;
      const path = at("tlsTermination");
      const trust = { at: ["security", "trustedProxies"], set: 1 };
      yield problem("tlsEndsUntrusted", path, {}, trust, { remove: path });
    },
  ),
];

export const GATEWAY_CHECKS: readonly Check[] = [
  ...addresses,
  ...nodePorts,
  ...listeners,
  ...hosts,
  ...termination,
];
