import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { ExtensionProvider, SecretVariable } from "../observability/tracing";
import { chart, mergeValues, type ChartSource, type HelmValues } from "../kubernetes/helm-chart";
import { webhooksAnswer } from "../readiness/webhooks";
import { RESTRICTED } from "../kubernetes/pod-security";
import { scaleValues, type Scale } from "../kubernetes/scale";
import { located, type ClusterAccess } from "../kubernetes/cluster";
import { guarded } from "../kubernetes/ownership";
import { injectionLabels, namespaceFor, namespaceName, type NamespaceArgs } from "../kubernetes/namespace";

export { REVISION_LABEL } from "../kubernetes/namespace";

export interface IstioControlPlaneArgs {
  /** Istio release of the charts base and istiod, such as `1.31.4` (chart versions are Istio versions). */
  readonly version: string;
  /** Source of the charts. Default: Istio's release chart repository. */
  readonly charts?: ChartSource;
  /** Registry and tag of Istio's images. Default: those of the chart. */
  readonly hub?: string;
  readonly tag?: string;
  /** Revision name, which namespaces select by the label `istio.io/rev`. Default: none. */
  readonly revision?: string;
  /** Default: one replica without an autoscaler. */
  readonly scale?: Scale;
  readonly resources?: k8s.types.input.core.v1.ResourceRequirements;
  /** Providers that Telemetry and AuthorizationPolicy objects name. A provider of the same name in `values` replaces one here. */
  readonly extensionProviders?: readonly ExtensionProvider[];
  /** Envoy statistics in addition to Istio's, as regular expressions. A change applies to pods that are created after it. */
  readonly proxyStats?: readonly string[];
  /** Environment variables of istiod that come from Secrets. */
  readonly secretVariables?: readonly SecretVariable[];
  /** Whether to write a NetworkPolicy that opens only the ports of istiod. Default true. */
  readonly networkPolicy?: boolean;
  /** Helm values by chart, which replace those of this component. */
  readonly values?: { readonly base?: HelmValues; readonly istiod?: HelmValues };
  /** Default `istio-system`. */
  readonly namespace?: NamespaceArgs;
  /** Time limit for each release to get ready, in seconds. Default 180. */
  readonly timeoutSeconds?: number;
  /** The cluster of the webhooks. Default: that of the provider. */
  readonly cluster?: ClusterAccess;
}

/**
 * Normalisation of a path in proxies, before routes and policies are applied and for the service: no dot segments, `//` as
 * `/`, and `%2F` and `%5C` as slashes. With less, a client can send a path that a policy and the service read differently
 * (Istio: "Security best practices, path normalization").
 */
const PATH_NORMALIZATION = "DECODE_AND_MERGE_SLASHES";

/** Addresses from which istiod fetches no keys: its own, and the metadata services of clouds. Users write the URLs of keys. */
const BLOCKED_KEY_ADDRESSES = ["127.0.0.0/8", "169.254.0.0/16", "::1/128", "fe80::/10"];

/**
 * Istio's control plane: the charts `base` (CRDs, default validator) and `istiod`.
 *
 * Releases have fixed names, `istio-base` and `istiod`. Helm records the release name in the CRDs, and `destroy` keeps the
 * CRDs, so a later installation under another name would fail. Components with Istio objects or pods with sidecars depend on
 * {@link ready}.
 */
export class IstioControlPlane extends pulumi.ComponentResource {
  readonly namespace: pulumi.Output<string>;
  readonly version: pulumi.Output<string>;
  /** This component, once istiod's webhooks answer. Before that, an object may fail with "failed calling webhook". */
  readonly ready: pulumi.Output<pulumi.Resource>;
  /** Labels with which a namespace asks for sidecars. */
  readonly injectionLabels: pulumi.Output<Record<string, string>>;

  constructor(name: string, args: IstioControlPlaneArgs, opts?: pulumi.ComponentResourceOptions) {
    args = located(args, opts);
    const { cluster, version, revision } = args;
    super("shopzier-mesh:index:IstioControlPlane", name, { version, revision }, guarded(cluster, opts));
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
      // Removes the objects that a failed upgrade created.
      cleanupOnFail: true,
    };
    // Objects are refused while istiod cannot check them. The charts' default, Ignore, would accept them at first.
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
            // Sends the requests of the default validator to the istiod of this revision.
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
      // A namespace that exists is read through the provider, since its uid proves which cluster is asked.
      namespace:
        namespace.created ?? k8s.core.v1.Namespace.get(`${name}-namespace`, namespace.name, { parent: this }),
      cluster,
    }).apply(() => this);
    // Plain labels are known in every preview. The order after the injector comes from dependsOn.
    this.injectionLabels = pulumi.output(injectionLabels(args.revision));
    this.registerOutputs({
      namespace: this.namespace,
      version: this.version,
      injectionLabels: this.injectionLabels,
    });
  }
}

type Named = { readonly name: string };

/** Merged values, with the lists of both sides joined. Helm would take the last list as a whole. */
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

/** Both lists. Of two entries with one name, the second list's is kept. */
function joinByName(ours: readonly Named[] = [], theirs: readonly Named[] = []): readonly Named[] {
  return [...ours.filter(({ name }) => !theirs.some((their) => their.name === name)), ...theirs];
}

/**
 * Merged values, with `prometheus` as default provider of metrics unless the values name one.
 *
 * istiod's chart sets it only if `meshConfig.defaultProviders` is empty (istio/istio #51384). With a default provider for
 * tracing or access logs, all `istio_*` metrics would be missing without an error. An empty list switches metrics off.
 */
export function withMetricsProvider(...layers: readonly (HelmValues | undefined)[]): HelmValues {
  const values = mergeValues(...layers);
  const { meshConfig } = values as { meshConfig?: { defaultProviders?: HelmValues } };
  if (!meshConfig?.defaultProviders || "metrics" in meshConfig.defaultProviders) return values;
  return mergeValues(values, { meshConfig: { defaultProviders: { metrics: ["prometheus"] } } });
}
