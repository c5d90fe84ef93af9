import { Provider } from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

/**
 * The cluster that a component asks. Default: that of its Kubernetes provider, as {@link clusterOf} reads it.
 */
export interface ClusterAccess {
  /** Contents of a kubeconfig, or a path to one. */
  readonly kubeconfig?: pulumi.Input<string>;
  /** Context within the kubeconfig; default: its current context. */
  readonly context?: pulumi.Input<string>;
  /** Cluster within the kubeconfig; default: that of the context. */
  readonly cluster?: pulumi.Input<string>;
}

const KEYS = ["kubeconfig", "context", "cluster"] as const;

/** One object for each provider, since what is asked of a cluster is shared by that object. */
const clusters = new WeakMap<pulumi.ProviderResource, ClusterAccess | undefined>();
const configured = new Map<string, ClusterAccess>();

/**
 * The cluster of a component's Kubernetes objects: `given`, else that of the provider among its options, else that of the
 * default provider.
 *
 * @returns undefined if the provider does not tell, as in a component that another process makes.
 */
export function clusterOf(
  given: ClusterAccess | undefined,
  opts: pulumi.ComponentResourceOptions = {},
): ClusterAccess | undefined {
  if (given) return given;
  const provider = providerOf(opts);
  if (!provider) return ofDefaultProvider();
  if (!clusters.has(provider)) clusters.set(provider, ofProvider(provider));
  return clusters.get(provider);
}

/** Arguments of a component, with the cluster of its objects ({@link clusterOf}). */
export function located<Args extends { readonly cluster?: ClusterAccess }>(
  args: Args,
  opts: pulumi.ComponentResourceOptions | undefined,
): Args {
  return { ...args, cluster: clusterOf(args.cluster, opts) };
}

/** The arguments of a component without its kubeconfig, which may not be stored in the state. */
export function withoutCluster<Args extends { readonly cluster?: ClusterAccess }>({
  cluster: _,
  ...inputs
}: Args): Omit<Args, "cluster"> {
  return inputs;
}

/** The provider that Pulumi gives to the component's Kubernetes objects. */
function providerOf(opts: pulumi.ComponentResourceOptions): pulumi.ProviderResource | undefined {
  const { provider, providers = [], parent } = opts;
  const own = [
    ...(provider ? [provider] : []),
    ...(Array.isArray(providers) ? providers : Object.values(providers)),
  ];
  return (
    own.find((one) => Provider.isInstance(one)) ??
    (parent ?? pulumi.runtime.getStackResource())?.getProvider("kubernetes:core/v1:Namespace")
  );
}

function ofProvider(provider: pulumi.ProviderResource): ClusterAccess | undefined {
  // Pulumi makes each argument of a resource a property of it, although the type of a provider does not say so.
  const args = provider as unknown as Readonly<Record<string, pulumi.Output<string | undefined> | undefined>>;
  if (!pulumi.Output.isInstance(args.kubeconfig)) return undefined;
  return {
    // The provider's default is the variable, which may name several files.
    kubeconfig: args.kubeconfig.apply((text) => (text === process.env.KUBECONFIG ? undefined : text)),
    context: args.context,
    cluster: args.cluster,
  } as ClusterAccess;
}

/** The default provider has its arguments from the configuration of the stack. */
function ofDefaultProvider(): ClusterAccess {
  const config = new pulumi.Config("kubernetes");
  const values = KEYS.map((key) => config.get(key));
  const id = JSON.stringify(values);
  const known = configured.get(id);
  if (known) return known;
  const [kubeconfig, context, cluster] = values;
  const made = {
    ...(kubeconfig !== undefined && { kubeconfig }),
    ...(context !== undefined && { context }),
    ...(cluster !== undefined && { cluster }),
  };
  configured.set(id, made);
  return made;
}
