/** A service on the lab, whose cluster only its provider knows: by an output of another resource, as examples/eks and examples/gke. */
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { readFileSync } from "node:fs";
import {
  CanaryService,
  ExistingControlPlane,
  ExistingGateway,
  type Weights,
} from "../../../components/index";

const config = new pulumi.Config();
const kubeconfig = pulumi.secret(readFileSync(config.require("kubeconfigFile"), "utf8"));
const provider = new k8s.Provider("lab", { kubeconfig });
const host = "provider.lab.internal";

const controlPlane = new ExistingControlPlane("istio", {}, { provider });
const labels = { istio: "ingressgateway", "shopzier-mesh/gateway": "istio-ingress" };
const gateway = new ExistingGateway(
  "provided",
  { namespace: "istio-ingress", labels, hosts: [host] },
  { provider },
);
const version = (name: string) => ({
  image: "lab.internal/category-api:1.0.0",
  env: { CATEGORY_VERSION: name },
  resources: { requests: { cpu: "20m", memory: "96Mi" } },
});
const service = new CanaryService(
  "provided",
  {
    controlPlane,
    gateway,
    host,
    versions: { v1: version("v1"), v2: version("v2") },
    weights: config.requireObject<Weights>("weights"),
    probes: { readinessPath: "/actuator/health/readiness" },
  },
  { provider },
);
export const shares = service.shares;
