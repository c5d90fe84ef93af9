import * as pulumi from "@pulumi/pulumi";
import {
  CanaryService,
  ExistingControlPlane,
  ExistingGateway,
  type CanaryVersion,
  type Weights,
} from "shopzier-mesh";

const config = new pulumi.Config();
const host = config.require("host");

const controlPlane = new ExistingControlPlane("istio");
const gateway = new ExistingGateway(
  "orders",
  {
    namespace: config.require("gatewayNamespace"),
    labels: config.requireObject<Record<string, string>>("gatewayLabels"),
    hosts: [host],
    routeNamespaces: ["orders"],
  },
  { dependsOn: controlPlane.ready },
);
const orders = new CanaryService("orders", {
  controlPlane,
  gateway,
  host,
  versions: config.requireObject<Record<string, CanaryVersion>>("versions"),
  weights: config.requireObject<Weights>("weights"),
  probes: { readinessPath: config.require("readinessPath") },
});

export const shares = orders.shares;
