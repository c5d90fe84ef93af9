/**
 * The component for other languages. Pulumi makes its schema of the types here, and takes neither literal unions nor readonly
 * arrays; so the arguments are fewer and simpler than those of the package.
 */
import * as pulumi from "@pulumi/pulumi";
import * as mesh from "shopzier-mesh";

/** The pods of a gateway that is in the cluster. */
export interface Gateway {
  namespace: string;
  labels: Record<string, string>;
}

/** One version of a service. */
export interface Version {
  image: pulumi.Input<string>;
  /** Environment variables. */
  env?: Record<string, pulumi.Input<string>>;
  /** Default 1. */
  replicas?: number;
}

export interface CanaryServiceArgs {
  /** Version name (a DNS label) to what it runs. */
  versions: Record<string, Version>;
  /** Version to its share of the requests in percent. Each version has a weight; the sum is 100. */
  weights: Record<string, number>;
  /** Host of the service at the gateway. Nothing else may serve it there. */
  host: string;
  gateway: Gateway;
  /** Revision of Istio that injects the sidecars. Default: the default revision. */
  revision?: string;
  /** Default: the name of the component. */
  namespace?: string;
  /** Port on which the containers serve HTTP. Default 8080. */
  port?: number;
  /** Path that answers 200 when a container is ready. Default `/`. */
  readinessPath?: string;
  /** Contents of the kubeconfig, or a path to one, that the waits use. Default: that of the machine. Needed with an own provider. */
  kubeconfig?: pulumi.Input<string>;
}

/** A service in several versions behind an Istio gateway that is in the cluster, with the requests split by weights. */
export class CanaryService extends pulumi.ComponentResource {
  /** Version to its share of the requests in percent. */
  readonly shares: pulumi.Output<Record<string, number>>;

  constructor(name: string, args: CanaryServiceArgs, opts?: pulumi.ComponentResourceOptions) {
    super("shopzier:index:CanaryService", name, {}, opts);
    const { host, weights, namespace = name, port, readinessPath = "/", revision, kubeconfig } = args;
    const cluster = kubeconfig === undefined ? undefined : { kubeconfig };
    const controlPlane = new mesh.ExistingControlPlane(
      `${name}-istio`,
      { revision, cluster },
      { parent: this },
    );
    const gateway = new mesh.ExistingGateway(
      `${name}-gateway`,
      { ...args.gateway, hosts: [host], routeNamespaces: [namespace], cluster },
      { parent: this, dependsOn: controlPlane.ready },
    );
    const versions = Object.entries(args.versions).map(([version, { image, env, replicas }]) => [
      version,
      { image, env, scale: replicas === undefined ? undefined : { replicas } },
    ]);
    const service = new mesh.CanaryService(
      name,
      {
        versions: Object.fromEntries(versions) as Record<string, mesh.CanaryVersion>,
        weights,
        host,
        gateway,
        controlPlane,
        namespace,
        port,
        probes: { readinessPath },
        cluster,
      },
      { parent: this },
    );
    this.shares = service.shares;
    this.registerOutputs({ shares: this.shares });
  }
}
