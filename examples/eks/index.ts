import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { CanaryService, IngressGateway, IstioControlPlane } from "shopzier-mesh";

const config = new pulumi.Config();
const host = config.require("host");
const version = "1.31.4";

// That stack has `export const kubeconfig = cluster.kubeconfigJson` of an eks.Cluster.
const cluster = new pulumi.StackReference(config.require("clusterStack"));
const provider = new k8s.Provider("eks", {
  kubeconfig: cluster.requireOutput("kubeconfig") as pulumi.Output<string>,
  enableConfigMapMutable: true,
});

const istio = new IstioControlPlane("istio", { version }, { provider });
const gateway = new IngressGateway(
  "shop",
  {
    version,
    hosts: [host],
    routeNamespaces: ["orders"],
    // A network load balancer, which keeps the address of the client.
    externalTrafficPolicy: "Local",
    values: { service: { annotations: { "service.beta.kubernetes.io/aws-load-balancer-type": "nlb" } } },
  },
  { provider, dependsOn: [istio, istio.ready] },
);
const orders = new CanaryService(
  "orders",
  {
    controlPlane: istio,
    gateway,
    host,
    versions: {
      v1: { image: "registry.example.com/orders:1.0.0", scale: { replicas: 2 } },
      v2: { image: "registry.example.com/orders:2.0.0", scale: { replicas: 2 } },
    },
    weights: { v1: "rest", v2: 10 },
  },
  { provider },
);

export const url = gateway.url;
export const shares = orders.shares;
