import type * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { located, type ClusterAccess } from "../kubernetes/cluster";
import { injectionLabels, namespaceName, type NamespaceArgs } from "../kubernetes/namespace";
import { guarded } from "../kubernetes/ownership";
import type { Scale } from "../kubernetes/scale";
import { trafficProblemText } from "../traffic/traffic-messages";
import { weightProblems, type Shares, type Weights } from "../traffic/weights";
import type { ServiceProbes } from "./pod";
import type { VersionArgs } from "./service-version";
import { orderedVersions } from "./serving-versions";
import { VersionRoutes, type RoutedGateway } from "./version-routes";
import { VersionedService } from "./versioned-service";

/** The control plane of the sidecars: an IstioControlPlane or an ExistingControlPlane. */
export interface SidecarControlPlane {
  readonly injectionLabels: pulumi.Input<Record<string, string>>;
  /** Resolves once sidecars are injected. */
  readonly ready: pulumi.Input<pulumi.Resource>;
}

/** One version of a {@link CanaryService}, whose pods have one container. */
export interface CanaryVersion {
  readonly image: pulumi.Input<string>;
  /** Environment variables. Default: none. */
  readonly env?: Readonly<Record<string, pulumi.Input<string>>>;
  readonly resources?: k8s.types.input.core.v1.ResourceRequirements;
  /** Default: one replica. */
  readonly scale?: Scale;
}

export interface CanaryServiceArgs {
  /** Version name (a DNS label) → what it runs. */
  readonly versions: Readonly<Record<string, CanaryVersion>>;
  /** Version → its share of the requests in percent, or `rest`. Each version has a weight; the sum is 100. */
  readonly weights: Weights;
  /** Host of the service at the gateway. */
  readonly host: string;
  /** The gateway that serves the host. */
  readonly gateway: RoutedGateway;
  /** Default: an Istio that is in the cluster, with its default revision. */
  readonly controlPlane?: SidecarControlPlane;
  /** Default: the name of the component, which `up` creates. */
  readonly namespace?: NamespaceArgs;
  /** Port on which the containers serve HTTP. Default 8080. */
  readonly port?: number;
  /** Default: `/` answers 200 when the container is ready. */
  readonly probes?: ServiceProbes;
  /** Whether the container runs as a user other than root with a read-only root file system. Default true. */
  readonly restricted?: boolean;
  /** The cluster that is asked. Default: that of the provider. */
  readonly cluster?: ClusterAccess;
}

/**
 * A service in several versions, the requests to whose host are split by weights: a {@link VersionedService} and its
 * {@link VersionRoutes}. A version gets requests once its pods are ready, and its pods are deleted once no gateway pod sends to
 * them any more. For rules, access or other pods use these two components themselves.
 */
export class CanaryService extends pulumi.ComponentResource {
  /** Version → share of the requests in percent. */
  readonly shares: pulumi.Output<Shares>;

  constructor(name: string, args: CanaryServiceArgs, opts?: pulumi.ComponentResourceOptions) {
    args = located(args, opts);
    const { weights, host, gateway, controlPlane, namespace = name, port = 8080, cluster } = args;
    const inputs = { versions: Object.keys(args.versions), host };
    super("shopzier-mesh:index:CanaryService", name, inputs, guarded(cluster, opts));
    const problems = weightProblems(weights, Object.keys(args.versions));
    if (problems.length > 0) {
      const texts = problems.map((problem) => trafficProblemText(problem, ["weights"]));
      throw new pulumi.ResourceError(`CanaryService "${name}": ${texts.join("; ")}`, this);
    }
    const versions = Object.entries(args.versions).map(([version, own]): [string, VersionArgs] => [
      version,
      { pod: podOf(name, own), scale: own.scale },
    ]);
    const { serving, idle, pods } = orderedVersions(Object.fromEntries(versions), { weights });
    const service = new VersionedService(
      `${name}-versions`,
      {
        serviceName: name,
        namespace,
        injectionLabels: controlPlane?.injectionLabels ?? injectionLabels(undefined),
        port,
        probes: args.probes ?? { readinessPath: "/" },
        restricted: args.restricted,
        versions: serving,
        cluster,
      },
      { parent: this, dependsOn: controlPlane ? [controlPlane.ready] : [] },
    );
    const routes = new VersionRoutes(
      `${name}-routes`,
      {
        service: { name, namespace: namespaceName(namespace), port },
        hosts: [host],
        gateway,
        traffic: { weights },
        pods,
        cluster,
      },
      { parent: this, dependsOn: service.rolledOut },
    );
    for (const [version, own] of idle) service.addVersion(version, own, routes.routed);
    this.shares = routes.shares;
    this.registerOutputs({ shares: this.shares });
  }
}

function podOf(name: string, { image, env = {}, resources }: CanaryVersion): VersionArgs["pod"] {
  const variables = Object.entries(env).map(([variable, value]) => ({ name: variable, value }));
  return {
    containers: [
      { name, image, ...(variables.length > 0 && { env: variables }), ...(resources && { resources }) },
    ],
  };
}
