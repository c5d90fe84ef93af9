/**
 * What docs/decisions/0002 decided against: all subsets in one DestinationRule. Everything else is as in VersionRoutes,
 * barrier included.
 */
import * as pulumi from "@pulumi/pulumi";
import { setTimeout } from "node:timers/promises";
import { planRoutes, VersionedService } from "../../../components/index";
import { DestinationRule } from "../../../components/istio/destination-rule";
import { Gateway } from "../../../components/istio/gateway";
import { VirtualService } from "../../../components/istio/virtual-service";
import { PropagationBarrier } from "../../../components/readiness/propagation-barrier";

const config = new pulumi.Config();
const versions = config.requireObject<string[]>("versions");
const weights = config.requireObject<Record<string, number>>("weights");
const image = config.require("image");

const GATEWAY = { namespace: "istio-ingress", labels: { istio: "ingressgateway" } };
const host = "single.lab.internal";
const namespace = "single-rule";
const metadata = { name: "single", namespace };

const service = new VersionedService("single", {
  namespace,
  injectionLabels: { "istio-injection": "enabled" },
  port: 8080,
  probes: { readinessPath: "/actuator/health/readiness" },
  versions: Object.fromEntries(
    versions.map((version) => [
      version,
      {
        pod: {
          containers: [{ name: "category", image, env: [{ name: "CATEGORY_VERSION", value: version }] }],
        },
      },
    ]),
  ),
});
const gateway = new Gateway(
  "gateway",
  {
    metadata,
    spec: {
      selector: GATEWAY.labels,
      servers: [{ port: { number: 80, name: "http", protocol: "HTTP" }, hosts: [host] }],
    },
  },
  { dependsOn: [service] },
);
const plan = planRoutes({
  service: { ...metadata, port: 8080 },
  hosts: [host],
  gateways: [`${namespace}/${metadata.name}`],
  weights,
  loadBalancer: "LEAST_REQUEST",
});
const rule = new DestinationRule(
  "rule",
  {
    metadata,
    spec: {
      ...plan.policy,
      subsets: Object.values(plan.subsets).flatMap((fragment) => fragment.subsets ?? []),
    },
  },
  { dependsOn: [service] },
);
const barrier = new PropagationBarrier("single-propagation", { gateway: GATEWAY });
// istiod pushes a tenth of a second after the last change: on a fast machine rule and route would come in one push.
const pushed = new pulumi.ResourceHook("pushed", () => setTimeout(1000));
const route = new VirtualService(
  "route",
  { metadata, spec: plan.virtualService },
  { dependsOn: [rule, gateway], hooks: { beforeUpdate: [pushed, barrier.beforeUpdate] } },
);
barrier.routed(route);
