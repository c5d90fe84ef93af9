import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { namespaceFor, namespaceName } from "../kubernetes/namespace";
import { located } from "../kubernetes/cluster";
import { guarded } from "../kubernetes/ownership";
import { PORT_NAME } from "./pod";
import { ServiceVersion, type SharedVersionArgs, type VersionArgs } from "./service-version";

export interface VersionedServiceArgs extends SharedVersionArgs {
  /** Name of the Kubernetes Service, and prefix of the other names. Default: the component's name. */
  readonly serviceName?: string;
  /** Version name (a DNS label) → its arguments. For versions without requests use {@link VersionedService.addVersion}. */
  readonly versions: Readonly<Record<string, VersionArgs>>;
}

/**
 * A service in several versions: a namespace with sidecar injection, one Service that selects all versions, and a
 * {@link ServiceVersion} for each. Names have no random suffix, since Istio's objects refer to them.
 */
export class VersionedService extends pulumi.ComponentResource {
  readonly serviceName: pulumi.Output<string>;
  readonly namespace: pulumi.Output<string>;
  /** The Service and each of `versions`, once its pods run the spec that was written. Routes depend on it. */
  readonly rolledOut: pulumi.Output<pulumi.Resource[]>;
  private readonly namespaceReady: pulumi.Input<pulumi.Resource[]>;

  constructor(
    private readonly name: string,
    private readonly args: VersionedServiceArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    args = located(args, opts);
    super(
      "shopzier-mesh:index:VersionedService",
      name,
      { versions: Object.keys(args.versions) },
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
          // The Deployments wait for ready pods. To wait for the Service's endpoints too takes ten seconds more.
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
   * Adds a version that gets no requests. With `routed` of the routes as `after`, a shift away from the version comes before the
   * change or deletion of its pods, and failing pods do not delay the shift.
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
