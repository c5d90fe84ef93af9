import { defined } from "../istio/without-undefined";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { EnvoyFilter } from "../istio/envoy-filter";
import { NODE_PORTS, TlsTermination, type GatewayTls, type NodePorts } from "../security/gateway-servers";
import type { ServiceIdentity } from "../security/identity";
import { clientPatches } from "./gateway-clients";
import { everyPodLabelled, GATEWAY_LABEL } from "../readiness/gateway-label";
import { gatewayListeners } from "./gateway-objects";
import type { GatewayPods } from "../kubernetes/pods";
import { chart, mergeValues, type ChartSource, type HelmValues } from "../kubernetes/helm-chart";
import { RESTRICTED } from "../kubernetes/pod-security";
import { minimumReplicas, scaleValues, type Scale } from "../kubernetes/scale";
import { injectionLabels, namespaceFor, namespaceName, type NamespaceArgs } from "../kubernetes/namespace";
import { located, type ClusterAccess } from "../kubernetes/cluster";
import { guarded } from "../kubernetes/ownership";
import { addressesPreview } from "./addresses-preview";
import { urlHost } from "./url-host";

/** Type of the gateway's Service (Kubernetes: Service type). */
export const ServiceType = {
  /** Clients use an address that the cloud assigns. */
  LoadBalancer: "LoadBalancer",
  /** Clients use a port of any node. */
  NodePort: "NodePort",
  /** Clients are within the cluster only. */
  ClusterIP: "ClusterIP",
} as const;
export type ServiceType = (typeof ServiceType)[keyof typeof ServiceType];

export interface IngressGatewayArgs {
  /** Istio release of the chart, which must be that of the control plane. */
  readonly version: string;
  /** Source of the chart. Default: Istio's release chart repository. */
  readonly charts?: ChartSource;
  /** Revision of the control plane that injects the proxy. Default: none. */
  readonly revision?: string;
  /** Hosts that the gateway serves; `*` for any. */
  readonly hosts: readonly string[];
  /**
   * Namespaces whose VirtualServices may bind to the hosts. Default: any. Then a user who may write a VirtualService in any
   * namespace can serve these hosts with their certificates.
   */
  readonly routeNamespaces?: readonly string[];
  /** Listen for plain HTTP on port 80. Default true. */
  readonly http?: boolean;
  /** Listen for HTTPS on port 443. Default: no HTTPS. */
  readonly tls?: GatewayTls;
  /**
   * Where the TLS of clients ends. Default `gateway`. With `load-balancer` the gateway serves only HTTP, and redirects requests
   * to HTTPS unless `X-Forwarded-Proto` is `https`. This needs `trustedProxies`. A client that reaches the gateway without
   * the load balancer can set the header itself.
   */
  readonly tlsTermination?: TlsTermination;
  /** Default `LoadBalancer`. */
  readonly serviceType?: ServiceType;
  /**
   * Node ports. Default for type NodePort: {@link NODE_PORTS}; for LoadBalancer Kubernetes chooses them. Not with ClusterIP.
   * `status` is for health checks (`/healthz/ready`). With NodePort its default is none.
   */
  readonly nodePorts?: NodePorts & { readonly status?: number };
  /** Host name or IP address of a node that clients connect to, for type NodePort. */
  readonly address?: string;
  /**
   * Number of proxies in front of the gateway, each of which appends its client's address to `X-Forwarded-For`. Earlier entries
   * of the header do not count. Default 0: the client is the peer of the connection.
   */
  readonly trustedProxies?: number;
  /**
   * Whether nodes without a gateway pod forward connections (Kubernetes: externalTrafficPolicy). `Local` keeps the address of
   * the client. `Cluster` replaces it by that of a node. Default `Cluster`.
   */
  readonly externalTrafficPolicy?: "Cluster" | "Local";
  /** Whether to write a NetworkPolicy that opens only the ports of the gateway. Default true. */
  readonly networkPolicy?: boolean;
  /** Default: one replica without an autoscaler. With two or more, a disruption budget keeps at least one. */
  readonly scale?: Scale;
  readonly resources?: k8s.types.input.core.v1.ResourceRequirements;
  /** Time for which a terminating pod serves open connections, in seconds, at least 5. Default 30. */
  readonly drainSeconds?: number;
  readonly imagePullPolicy?: "Always" | "IfNotPresent" | "Never";
  /** Helm values of the chart, which replace those of this component. */
  readonly values?: HelmValues;
  /** Default `istio-ingress`. Istio advises a namespace other than that of the control plane ("Installing Gateways"). */
  readonly namespace?: NamespaceArgs;
  /** Time limit for the release to get ready, in seconds. Default 180. */
  readonly timeoutSeconds?: number;
  /**
   * Time limit in seconds until every pod has the certificates of `tls`. After it `pulumi up` fails, before plain HTTP is
   * redirected. 0 does not wait. Default 60.
   */
  readonly certificateTimeoutSeconds?: number;
  /** The cluster that is asked whether an object exists. Default: that of the provider. */
  readonly cluster?: ClusterAccess;
}

/** Names that the chart sets, so that a namespace has at most one gateway. */
const RELEASE = "istio-ingressgateway";
const LABELS = { istio: "ingressgateway" };

/**
 * Fields that the level "restricted" requires and the chart does not set. They replace the chart's default, and with it the
 * sysctl for ports below 1024.
 */
const POD_SECURITY = {
  seccompProfile: { type: "RuntimeDefault" },
  sysctls: [{ name: "net.ipv4.ip_unprivileged_port_start", value: "0" }],
};

/**
 * An Istio ingress gateway: the chart `gateway` under the fixed name `istio-ingressgateway`, and the Gateway object
 * for its hosts. Make it depend on the control plane, since the injector sets the pod's image: a pod that is created before
 * the injector answers never works.
 */
export class IngressGateway extends pulumi.ComponentResource {
  /**
   * URL of the gateway for clients. For a named host, send that host (`curl -H "Host: ..."` or DNS). If a load balancer has no
   * address yet, a text with the command that reads it.
   */
  readonly url: pulumi.Output<string>;
  /** The Gateway object as `namespace/name`, for a VirtualService. */
  readonly gateway: pulumi.Output<string>;
  /** The gateway's pods. The value is plain, since hooks need it. */
  readonly pods: GatewayPods;
  /** The gateway's identity. The value is plain, since the plan of policies needs it. */
  readonly identity: ServiceIdentity;

  constructor(name: string, args: IngressGatewayArgs, opts?: pulumi.ComponentResourceOptions) {
    args = located(args, opts);
    super("shopzier-mesh:index:IngressGateway", name, { version: args.version }, guarded(args.cluster, opts));
    const serviceType = args.serviceType ?? ServiceType.LoadBalancer;
    if (serviceType === ServiceType.NodePort && args.address === undefined) {
      throw new pulumi.ResourceError(
        `IngressGateway "${name}": address is missing; with serviceType NodePort give the address of a node`,
        this,
      );
    }
    if (args.tlsTermination === TlsTermination.LoadBalancer && (args.tls || !args.trustedProxies)) {
      throw new pulumi.ResourceError(
        `IngressGateway "${name}": tlsTermination "load-balancer" needs trustedProxies, and no tls`,
        this,
      );
    }
    const { namespace = "istio-ingress" } = args;
    const gatewayNamespace = namespaceName(namespace);
    const scale = args.scale ?? { replicas: 1 };
    const drain = args.drainSeconds ?? 30;
    const nodePorts: NonNullable<IngressGatewayArgs["nodePorts"]> = {
      ...(serviceType === ServiceType.NodePort && NODE_PORTS),
      ...(args.nodePorts && defined(args.nodePorts)),
    };
    const plain = args.http ?? true;
    const { tls, routeNamespaces } = args;

    const labels = { ...LABELS, [GATEWAY_LABEL]: gatewayNamespace };
    this.pods = { namespace: gatewayNamespace, labels };
    const { ready } = namespaceFor(name, namespace, {
      parent: this,
      labels: RESTRICTED,
      injectionLabels: injectionLabels(args.revision),
      cluster: args.cluster,
    });
    const port = (portName: string, number: number, nodePort: number | undefined) => ({
      name: portName,
      port: number,
      protocol: "TCP",
      targetPort: number,
      nodePort,
    });
    const release = new k8s.helm.v3.Release(
      `${name}-release`,
      {
        name: RELEASE,
        namespace: gatewayNamespace,
        timeout: args.timeoutSeconds ?? 180,
        cleanupOnFail: true,
        ...chart("gateway", args.version, args.charts),
        values: mergeValues(
          {
            labels,
            revision: args.revision,
            ...scaleValues(scale, "gateway"),
            ...(minimumReplicas(scale) > 1 && { podDisruptionBudget: { minAvailable: 1 } }),
            resources: args.resources,
            ...(args.imagePullPolicy && { imagePullPolicy: args.imagePullPolicy }),
            global: { networkPolicy: { enabled: args.networkPolicy ?? true } },
            securityContext: POD_SECURITY,
            service: {
              type: serviceType,
              ...(args.externalTrafficPolicy && { externalTrafficPolicy: args.externalTrafficPolicy }),
              ports: [
                ...(plain ? [port("http2", 80, nodePorts.http)] : []),
                ...(tls ? [port("https", 443, nodePorts.https)] : []),
                // Load balancers use this port for the health checks of nodes.
                ...(serviceType === ServiceType.LoadBalancer || nodePorts.status !== undefined
                  ? [port("status-port", 15021, nodePorts.status)]
                  : []),
              ],
            },
            // The proxy ends once it has no open connection. After the grace period the kubelet ends it.
            podAnnotations: {
              "proxy.istio.io/config": JSON.stringify({
                proxyMetadata: { EXIT_ON_ZERO_ACTIVE_CONNECTIONS: "true" },
                ...(args.trustedProxies && { gatewayTopology: { numTrustedProxies: args.trustedProxies } }),
              }),
            },
            terminationGracePeriodSeconds: drain,
          },
          args.values,
        ),
      },
      { parent: this, dependsOn: ready, hooks: addressesPreview(`${name}-release`, this) },
    );

    const before = { namespace: gatewayNamespace, labels: { app: RELEASE, ...LABELS } };
    const labelled = new pulumi.ResourceHook(`${name}-labelled`, (change) =>
      everyPodLabelled(change, before, {
        cluster: args.cluster,
        timeoutSeconds: drain + (args.timeoutSeconds ?? 180),
      }),
    );
    const hooks = { beforeUpdate: [labelled] };
    new EnvoyFilter(
      `${name}-clients`,
      {
        metadata: {
          name: `${name}-clients`,
          namespace: gatewayNamespace,
          // `istioctl analyze` warns of each EnvoyFilter, but no other API has these settings.
          annotations: { "galley.istio.io/analyze-suppress": "IST0133" },
        },
        spec: {
          workloadSelector: { labels },
          configPatches: clientPatches(args.trustedProxies ?? 0, args.tlsTermination),
        },
      },
      { parent: this, dependsOn: [release], hooks },
    );
    const gateway = gatewayListeners(
      name,
      {
        pods: this.pods,
        hosts: args.hosts,
        routeNamespaces,
        http: plain,
        tls,
        ...(args.tlsTermination && { tlsTermination: args.tlsTermination }),
        nodePorts,
        certificateTimeoutSeconds: args.certificateTimeoutSeconds,
        cluster: args.cluster,
      },
      { parent: this, dependsOn: [release], hooks },
    );

    const scheme = tls ? "https" : "http";
    this.identity = { namespace: gatewayNamespace, serviceAccount: RELEASE };
    this.gateway = gateway.metadata.apply((m) => `${m.namespace}/${m.name}`);
    this.url = this.clientUrl(
      name,
      serviceType,
      scheme,
      `${urlHost(args.address ?? "")}:${tls ? nodePorts.https : nodePorts.http}`,
      release,
    );
    this.registerOutputs({ url: this.url, gateway: this.gateway, pods: this.pods, identity: this.identity });
  }

  private clientUrl(
    name: string,
    serviceType: ServiceType,
    scheme: "http" | "https",
    node: string,
    release: k8s.helm.v3.Release,
  ): pulumi.Output<string> {
    const id = pulumi.interpolate`${release.status.namespace}/${release.status.name}`;
    switch (serviceType) {
      case ServiceType.NodePort:
        return pulumi.output(`${scheme}://${node}`);
      case ServiceType.ClusterIP:
        return id.apply((i) => {
          const [namespace = "", service = ""] = i.split("/");
          return `${scheme}://${service}.${namespace}.svc.cluster.local`;
        });
      case ServiceType.LoadBalancer:
        return k8s.core.v1.Service.get(`${name}-service`, id, {
          parent: this,
        }).status.loadBalancer.ingress.apply((ingress: readonly Ingress[] | undefined) => {
          const address = ingress?.[0]?.hostname ?? ingress?.[0]?.ip;
          return address === undefined
            ? `no address yet: kubectl get service ${RELEASE} --namespace ${this.pods.namespace}`
            : `${scheme}://${urlHost(address)}`;
        });
    }
  }
}

type Ingress = k8s.types.output.core.v1.LoadBalancerIngress;
