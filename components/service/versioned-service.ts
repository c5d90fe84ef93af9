import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { namespaceFor, namespaceName } from "../kubernetes/namespace";
import { guarded, withoutCluster } from "../kubernetes/ownership";
import { PORT_NAME } from "./pod";
import { ServiceVersion, type SharedVersionArgs, type VersionArgs } from "./service-version";

export interface VersionedServiceArgs extends SharedVersionArgs {
  /** Name of the Kubernetes Service and prefix of everything else; the component's name by default. */
  readonly serviceName?: string;
  /** Version name (a DNS label) → what runs. Versions that get no requests: {@link VersionedService.addVersion}. */
  readonly versions: Readonly<Record<string, VersionArgs>>;
}

/**
 * A service that runs in several versions: a namespace with sidecar injection, one Service over all versions, and a
 * {@link ServiceVersion} for each. Names are fixed, since Istio matches them.
 */
export class VersionedService extends pulumi.ComponentResource {
  readonly serviceName: pulumi.Output<string>;
  readonly namespace: pulumi.Output<string>;
  /** The Service and every version of `versions`, once its pods run what was written. Routes depend on it. */
  readonly rolledOut: pulumi.Output<pulumi.Resource[]>;
  private readonly namespaceReady: pulumi.Input<pulumi.Resource[]>;

  constructor(
    private readonly name: string,
    private readonly args: VersionedServiceArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super(
      "shopzier-mesh:index:VersionedService",
      name,
      { ...withoutCluster(args), versions: Object.keys(args.versions) },
      guarded(args.cluster, opts),
    );
    const service = args.serviceName ?? name;
    const { name: namespace, ready } = namespaceFor(name, args.namespace, {
      parent: this,
      labels: args.injectionLabels,
      injectionLabels: args.injectionLabels,
      cluster: args.cluster,
    });
    this.namespaceReady = ready;
    const endpoints = new k8s.core.v1.Service(
      `${name}-service`,
      {
        metadata: {
          name: service,
          namespace: namespaceName(args.namespace),
          labels: { app: service },
          // Whether it has endpoints is what the Deployments wait for; waiting here again takes ten seconds.
          annotations: { "pulumi.com/skipAwait": "true" },
        },
        spec: {
          selector: { app: service },
          ports: [{ name: PORT_NAME, port: args.port, targetPort: PORT_NAME, appProtocol: "http" }],
        },
      },
      { parent: this, dependsOn: ready },
    );
    const versions = Object.entries(args.versions).map(([version, own]) => this.addVersion(version, own));
    this.serviceName = pulumi.output(service);
    this.namespace = namespace;
    this.rolledOut = pulumi.all([endpoints, ...versions.map(({ rolledOut }) => rolledOut)]);
    this.registerOutputs({ serviceName: this.serviceName, namespace: this.namespace });
  }

  /**
   * Adds a version that gets no requests. Give it `routed` of the routes as `after`: a shift away from it then comes before its
   * pods change or go, and pods that fail do not hold up the shift.
   */
  addVersion(version: string, own: VersionArgs, after?: pulumi.Input<pulumi.Resource>): ServiceVersion {
    const { name, args, namespaceReady } = this;
    const dependsOn = after
      ? pulumi.all([namespaceReady, after]).apply(([ready, routes]) => [...ready, routes])
      : namespaceReady;
    return new ServiceVersion(
      `${name}-${version}`,
      { ...args, ...own, probes: own.probes ?? args.probes, serviceName: args.serviceName ?? name, version },
      { parent: this, dependsOn },
    );
  }
}
