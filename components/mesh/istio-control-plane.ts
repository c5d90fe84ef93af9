import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { ExtensionProvider, SecretVariable } from "../observability/tracing";
import type { ClusterAccess } from "../kubernetes/cluster-access";
import { chart, mergeValues, type ChartSource, type HelmValues } from "../kubernetes/helm-chart";
import { webhooksAnswer } from "../readiness/webhooks";
import { RESTRICTED } from "../kubernetes/pod-security";
import { scaleValues, type Scale } from "../kubernetes/scale";
import { guarded } from "../kubernetes/ownership";
import { injectionLabels, namespaceFor, namespaceName, type NamespaceArgs } from "../kubernetes/namespace";

export { REVISION_LABEL } from "../kubernetes/namespace";

export interface IstioControlPlaneArgs {
  /** Istio release of base and istiod alike, such as `1.31.4` (chart versions are Istio versions). */
  readonly version: string;
  /** Where the charts come from; default: Istio's release chart repository. */
  readonly charts?: ChartSource;
  /** Registry and tag of Istio's images, where they differ from the chart's. */
  readonly hub?: string;
  readonly tag?: string;
  /** Revision name; namespaces then opt in by `istio.io/rev`. Default: none. */
  readonly revision?: string;
  /** Default: one replica, without autoscaling. */
  readonly scale?: Scale;
  readonly resources?: k8s.types.input.core.v1.ResourceRequirements;
  /** Providers that Telemetry and AuthorizationPolicy objects name. One of the same name in `values` replaces its like. */
  readonly extensionProviders?: readonly ExtensionProvider[];
  /** Envoy statistics beyond Istio's own choice, as regular expressions. Pods take up a change when they are made anew. */
  readonly proxyStats?: readonly string[];
  /** Environment variables of istiod that come from Secrets. */
  readonly secretVariables?: readonly SecretVariable[];
  /** Write a NetworkPolicy that opens the ports of istiod alone. Default true. */
  readonly networkPolicy?: boolean;
  /** Helm values merged last over ours, by chart. */
  readonly values?: { readonly base?: HelmValues; readonly istiod?: HelmValues };
  /** Default `istio-system`. */
  readonly namespace?: NamespaceArgs;
  /** How long each release may take to get ready, in seconds. Default 180. */
  readonly timeoutSeconds?: number;
  /** The cluster whose webhooks are asked; default: that of the ambient kubeconfig. */
  readonly cluster?: ClusterAccess;
}

/**
 * How proxies read a path before routes and policies judge it, and what the service gets: without dot segments, `//` as `/`,
 * and `%2F` and `%5C` as slashes. Anything less lets a client write a path that a policy and the service read differently
 * (Istio: "Security best practices, path normalization").
 */
const PATH_NORMALIZATION = "DECODE_AND_MERGE_SLASHES";

/** istiod fetches keys from URLs that users write: never from itself or from a cloud's metadata service. */
const BLOCKED_KEY_ADDRESSES = ["127.0.0.0/8", "169.254.0.0/16", "::1/128", "fe80::/10"];

/**
 * Istio's control plane: the charts `base` (CRDs, default validator) and `istiod`.
 *
 * Releases have fixed names, `istio-base` and `istiod`: Helm owns the CRDs by release name and leaves them behind on
 * destroy, so another name could never be installed again. What writes Istio objects or pods with sidecars depends on
 * {@link ready}.
 */
export class IstioControlPlane extends pulumi.ComponentResource {
  readonly namespace: pulumi.Output<string>;
  readonly version: pulumi.Output<string>;
  /** This component, once istiod's webhooks answer: what comes before may fail with "failed calling webhook". */
  readonly ready: pulumi.Output<pulumi.Resource>;
  /** Labels by which a namespace opts in to sidecar injection. */
  readonly injectionLabels: pulumi.Output<Record<string, string>>;

  constructor(name: string, args: IstioControlPlaneArgs, opts?: pulumi.ComponentResourceOptions) {
    // Component inputs are kept in the state: a kubeconfig may not be among them.
    const { cluster, ...inputs } = args;
    super("shopzier-mesh:index:IstioControlPlane", name, inputs, guarded(cluster, opts));
    const rootNamespace = namespaceName(args.namespace ?? "istio-system");
    const timeout = args.timeoutSeconds ?? 180;
    const namespace = namespaceFor(name, args.namespace ?? "istio-system", {
      parent: this,
      labels: RESTRICTED,
      cluster,
    });
    const release = {
      namespace: rootNamespace,
      timeout,
      // What a failed upgrade made is removed.
      cleanupOnFail: true,
    };
    // Refuse what istiod has not checked, from the first object on; without this the charts start with Ignore.
    const validation = { base: { validationFailurePolicy: "Fail" } };

    const base = new k8s.helm.v3.Release(
      `${name}-base`,
      {
        ...release,
        name: "istio-base",
        ...chart("base", args.version, args.charts),
        values: mergeValues(
          validation,
          {
            global: { istioNamespace: rootNamespace },
            // The default validator calls the istiod of this revision.
            defaultRevision: args.revision ?? "default",
          },
          args.values?.base,
        ),
      },
      { parent: this, dependsOn: namespace.ready },
    );

    const istiod = new k8s.helm.v3.Release(
      `${name}-istiod`,
      {
        ...release,
        name: "istiod",
        ...chart("istiod", args.version, args.charts),
        values: istiodValues(
          args,
          validation,
          {
            global: {
              istioNamespace: rootNamespace,
              hub: args.hub,
              tag: args.tag,
              networkPolicy: { enabled: args.networkPolicy ?? true },
            },
            env: { BLOCKED_CIDRS_IN_JWKS_URIS: BLOCKED_KEY_ADDRESSES.join(",") },
            seccompProfile: { type: "RuntimeDefault" },
            revision: args.revision,
            ...scaleValues(args.scale ?? { replicas: 1 }, "istiod"),
            resources: args.resources,
            meshConfig: {
              pathNormalization: { normalization: PATH_NORMALIZATION },
              ...(args.proxyStats?.length && {
                defaultConfig: { proxyStatsMatcher: { inclusionRegexps: args.proxyStats } },
              }),
            },
          },
          args.values?.istiod,
        ),
      },
      {
        parent: this,
        dependsOn: [base],
      },
    );

    this.namespace = istiod.status.namespace;
    this.version = istiod.status.version;
    this.ready = webhooksAnswer(istiod, {
      // One that exists is read through the provider: its uid proves which cluster is asked.
      namespace:
        namespace.created ?? k8s.core.v1.Namespace.get(`${name}-namespace`, namespace.name, { parent: this }),
      cluster,
    }).apply(() => this);
    // Known in every preview; that what takes them comes after the injector is a matter of dependsOn.
    this.injectionLabels = pulumi.output(injectionLabels(args.revision));
    this.registerOutputs({
      namespace: this.namespace,
      version: this.version,
      injectionLabels: this.injectionLabels,
    });
  }
}

type Named = { readonly name: string };

/** Merged values with the lists that we and the user both may add to: Helm would take the last one as a whole. */
function istiodValues(
  args: Pick<IstioControlPlaneArgs, "extensionProviders" | "secretVariables">,
  ...layers: readonly (HelmValues | undefined)[]
): HelmValues {
  const values = withMetricsProvider(...layers);
  const { meshConfig, envVarFrom } = values as {
    meshConfig?: { extensionProviders?: readonly Named[] };
    envVarFrom?: readonly Named[];
  };
  const providers = joinByName(args.extensionProviders, meshConfig?.extensionProviders);
  const variables = joinByName(args.secretVariables, envVarFrom);
  return mergeValues(values, {
    ...(providers.length > 0 && { meshConfig: { extensionProviders: providers } }),
    ...(variables.length > 0 && { envVarFrom: variables }),
  });
}

/** Both lists; of two entries with one name the latter's. */
function joinByName(ours: readonly Named[] = [], theirs: readonly Named[] = []): readonly Named[] {
  return [...ours.filter(({ name }) => !theirs.some((their) => their.name === name)), ...theirs];
}

/**
 * Merged values in which naming a default provider for tracing or access logs does not take away the metrics.
 *
 * istiod's chart names `prometheus` as provider of metrics only where `meshConfig.defaultProviders` is empty (istio/istio
 * #51384): any other entry makes all `istio_*` metrics vanish without an error. An empty list still switches them off.
 */
export function withMetricsProvider(...layers: readonly (HelmValues | undefined)[]): HelmValues {
  const values = mergeValues(...layers);
  const { meshConfig } = values as { meshConfig?: { defaultProviders?: HelmValues } };
  if (!meshConfig?.defaultProviders || "metrics" in meshConfig.defaultProviders) return values;
  return mergeValues(values, { meshConfig: { defaultProviders: { metrics: ["prometheus"] } } });
}
