import type { V1Deployment } from "@kubernetes/client-node";
import * as pulumi from "@pulumi/pulumi";
import { isOurs, lookAt, OURS } from "../kubernetes/existing-object";
import { istiodOf, meshProblems, type FoundMesh } from "./found-mesh";
import type { MeshNeeds } from "./mesh-needs";
import { injectionLabels, REVISION_LABEL } from "../kubernetes/namespace";
import { located, withoutCluster, type ClusterAccess } from "../kubernetes/cluster";
import { guarded } from "../kubernetes/ownership";

export interface ExistingControlPlaneArgs {
  /** Namespace of istiod. Default `istio-system`. */
  readonly namespace?: string;
  /** Revision, or revision tag, that injects the sidecars. Default: the default revision. */
  readonly revision?: string;
  /** Settings that the mesh must have, and that only its owner may change. Default: none. */
  readonly needs?: MeshNeeds;
  /** The cluster that is asked. Default: that of the provider. */
  readonly cluster?: ClusterAccess;
}

/**
 * An Istio with another owner. This component writes nothing. Each preview and update reads the version and the needed
 * settings of the mesh, and fails if they do not fit.
 */
export class ExistingControlPlane extends pulumi.ComponentResource {
  readonly namespace: pulumi.Output<string>;
  /** Version of istiod; empty where it could not be read. */
  readonly version: pulumi.Output<string>;
  /** This component, once the control plane was checked. */
  readonly ready: pulumi.Output<pulumi.Resource>;
  /** Labels with which a namespace asks for sidecars. */
  readonly injectionLabels: pulumi.Output<Record<string, string>>;

  constructor(name: string, args: ExistingControlPlaneArgs = {}, opts?: pulumi.ComponentResourceOptions) {
    args = located(args, opts);
    super(
      "shopzier-mesh:index:ExistingControlPlane",
      name,
      withoutCluster(args),
      guarded(args.cluster, opts),
    );
    const namespace = args.namespace ?? "istio-system";
    const found = find(namespace, args);
    this.namespace = pulumi.output(namespace);
    this.version = pulumi.output(found.then((mesh) => mesh?.version ?? ""));
    this.ready = this.version.apply((): pulumi.Resource => this);
    this.injectionLabels = pulumi.output(injectionLabels(args.revision));
    this.registerOutputs({ namespace, version: this.version, injectionLabels: this.injectionLabels });
  }
}

function find(namespace: string, args: ExistingControlPlaneArgs): Promise<FoundMesh | undefined> {
  const { revision = "default", needs = {}, cluster } = args;
  return lookAt(
    {
      what: `Istio in namespace ${namespace}, revision ${revision}`,
      rights: `list deployments and get configmaps in namespace ${namespace}, and list mutatingwebhookconfigurations`,
      cluster,
    },
    async (access) => {
      const { client, config } = access;
      if (await isOurs(access, namespace)) return { found: undefined, problems: [OURS] };
      const apps = config.makeApiClient(client.AppsV1Api);
      const { items } = await apps.listNamespacedDeployment({ namespace, labelSelector: "app=istiod" });
      const named = (name: string): V1Deployment | undefined => istiodOf(items, name);
      let istiod = named(revision);
      if (!istiod) {
        const hooks = config.makeApiClient(client.AdmissionregistrationV1Api);
        const tags = await hooks.listMutatingWebhookConfiguration({
          labelSelector: `istio.io/tag=${revision}`,
        });
        istiod = named(tags.items[0]?.metadata?.labels?.[REVISION_LABEL] ?? "");
      }
      const own = istiod?.metadata?.labels?.[REVISION_LABEL] ?? "default";
      const configMap = own === "default" ? "istio" : `istio-${own}`;
      const core = config.makeApiClient(client.CoreV1Api);
      const mesh =
        istiod && needs.pathNormalization
          ? (await core.readNamespacedConfigMap({ name: configMap, namespace })).data?.mesh
          : undefined;
      const settings = mesh === undefined ? {} : client.loadYaml<FoundMesh["settings"]>(mesh);
      return meshProblems({ istiod, others: items, settings }, needs);
    },
  );
}
