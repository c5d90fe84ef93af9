import * as pulumi from "@pulumi/pulumi";
import { CanaryService, IngressGateway, IstioControlPlane } from "shopzier-mesh";

const config = new pulumi.Config();
const host = config.require("host");
const version = "1.31.4";

const istio = new IstioControlPlane("istio", { version });
const gateway = new IngressGateway(
  "shop",
  { version, hosts: [host], routeNamespaces: ["orders"] },
  { dependsOn: [istio, istio.ready] },
);
const orders = new CanaryService("orders", {
  controlPlane: istio,
  gateway,
  host,
  versions: {
    v1: { image: "registry.example.com/orders:1.0.0" },
    v2: { image: "registry.example.com/orders:2.0.0" },
  },
  weights: { v1: "rest", v2: config.requireNumber("canary") },
});

export const url = gateway.url;
export const shares = orders.shares;
