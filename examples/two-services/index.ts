import { CanaryService, IngressGateway, IstioControlPlane, MutualTls } from "shopzier-mesh";

const version = "1.31.4";
const hosts = { orders: "orders.example.com", payments: "payments.example.com" };

const istio = new IstioControlPlane("istio", { version });
const installed = { dependsOn: [istio, istio.ready] };
new MutualTls("mtls", {}, installed);
const gateway = new IngressGateway(
  "shop",
  { version, hosts: Object.values(hosts), routeNamespaces: Object.keys(hosts) },
  installed,
);

new CanaryService("orders", {
  controlPlane: istio,
  gateway,
  host: hosts.orders,
  versions: {
    v1: { image: "registry.example.com/orders:1.0.0" },
    v2: { image: "registry.example.com/orders:2.0.0" },
  },
  weights: { v1: "rest", v2: 10 },
});
// A version with weight 0 runs and gets no requests. It can be tried from within the cluster before its first share.
new CanaryService("payments", {
  controlPlane: istio,
  gateway,
  host: hosts.payments,
  versions: {
    blue: { image: "registry.example.com/payments:3.1.0" },
    green: { image: "registry.example.com/payments:3.2.0", env: { LEDGER: "v2" } },
  },
  weights: { blue: 100, green: 0 },
});

export const url = gateway.url;
