/** Istio's stock charts under a revision, a gateway that several teams use, and what one of them has on it. */
import * as k8s from "@pulumi/kubernetes";
import path from "node:path";
import { parse } from "yaml";
import { readFileSync } from "node:fs";

const ROOT = path.resolve(__dirname, "../../..");
const REVISION = "theirs";
const LABELS = { istio: "their-gateway" };

/** What the lab's plain Envoy needs of any Istio. */
const { values, hub, tag } = (
  parse(readFileSync(path.join(ROOT, "Pulumi.lab.yaml"), "utf8")) as {
    config: { "shopzier:istio": { values: { istiod: object }; hub: string; tag: string } };
  }
).config["shopzier:istio"];

const namespace = (name: string) => new k8s.core.v1.Namespace(name, { metadata: { name } });
const ingress = namespace("their-ingress");

const istiod = new k8s.helm.v3.Release("istiod", {
  chart: path.join(ROOT, ".lab/charts/istiod"),
  name: "istiod-theirs",
  // Beside the lab's own: two roots of trust in one cluster would write over each other.
  namespace: "istio-system",
  values: {
    ...values.istiod,
    revision: REVISION,
    global: { hub, tag },
    // Of the namespace: "restricted".
    seccompProfile: { type: "RuntimeDefault" },
    resources: { requests: { cpu: "20m", memory: "128Mi" } },
  },
});
const gateway = new k8s.helm.v3.Release(
  "gateway",
  {
    chart: path.join(ROOT, ".lab/charts/gateway"),
    name: "public",
    namespace: "their-ingress",
    values: {
      revision: REVISION,
      labels: LABELS,
      imagePullPolicy: "IfNotPresent",
      resources: { requests: { cpu: "20m", memory: "64Mi" } },
      service: {
        type: "NodePort",
        ports: [{ name: "http2", port: 80, targetPort: 80, protocol: "TCP", nodePort: 30090 }],
      },
    },
  },
  { dependsOn: [istiod, ingress] },
);
const object = (kind: string, apiVersion: string, name: string, spec: object) =>
  new k8s.apiextensions.CustomResource(
    name,
    { apiVersion, kind, metadata: { name, namespace: "their-ingress" }, spec },
    { dependsOn: [gateway] },
  );
const networking = "networking.istio.io/v1";
object("Gateway", networking, "public", {
  selector: LABELS,
  servers: [
    {
      port: { number: 80, name: "http", protocol: "HTTP" },
      hosts: ["*/their.lab.internal", "guest/shared.lab.internal"],
    },
  ],
});
object("VirtualService", networking, "theirs", {
  hosts: ["their.lab.internal"],
  gateways: ["public"],
  http: [{ directResponse: { status: 200, body: { string: "theirs" } } }],
});
object("AuthorizationPolicy", "security.istio.io/v1", "theirs", {
  selector: { matchLabels: LABELS },
  action: "DENY",
  rules: [{ to: [{ operation: { hosts: ["their.lab.internal"], paths: ["/secret"] } }] }],
});
