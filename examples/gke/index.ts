import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { CanaryService, IngressGateway, IstioControlPlane } from "shopzier-mesh";

const config = new pulumi.Config();
const host = config.require("host");
const version = "1.31.4";

// That stack exports `name`, `endpoint` and `certificateAuthority` of a gcp.container.Cluster.
const cluster = new pulumi.StackReference(config.require("clusterStack"));
const kubeconfig = pulumi
  .all(
    ["name", "endpoint", "certificateAuthority"].map(
      (output) => cluster.requireOutput(output) as pulumi.Output<string>,
    ),
  )
  .apply(([name, endpoint, certificateAuthority]) =>
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [
        {
          name,
          cluster: {
            server: `https://${endpoint ?? ""}`,
            "certificate-authority-data": certificateAuthority,
          },
        },
      ],
      users: [
        {
          name,
          user: {
            exec: {
              apiVersion: "client.authentication.k8s.io/v1",
              command: "gke-gcloud-auth-plugin",
              interactiveMode: "Never",
              provideClusterInfo: true,
            },
          },
        },
      ],
      contexts: [{ name, context: { cluster: name, user: name } }],
      "current-context": name,
    }),
  );
const provider = new k8s.Provider("gke", { kubeconfig, enableConfigMapMutable: true });

const istio = new IstioControlPlane("istio", { version }, { provider });
const gateway = new IngressGateway(
  "shop",
  { version, hosts: [host], routeNamespaces: ["orders"] },
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
