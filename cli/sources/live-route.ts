/** A VirtualService in the cluster, as a shift reads and writes it. */
import type { CustomObjectsApi, KubernetesObjectApi, PatchStrategy } from "@kubernetes/client-node";
import { apiMessage, endingWith } from "../../components/kubernetes/api-server";
import type { KubernetesAccess } from "../../components/kubernetes/api-server";
import {
  hasLabels,
  type WrittenDestinationRule,
  type WrittenService,
  type WrittenWorkload,
} from "../diff/istio-objects";
import { serviceOf } from "../diff/pods";
import { isOwn } from "../shift/route-owner";
import {
  MARK_MANAGER,
  markText,
  readMark,
  SHIFT_MARK,
  type ShiftMark,
} from "../../components/traffic/shift-mark";
import { identity, splitOf, subsetOf, type VirtualServiceObject } from "../shift/written-route";
import type { ClusterNames } from "../../components/kubernetes/api-server";
import { accessTo } from "./live";
import { SourceError } from "./source-error";

const LIMIT_MS = 10_000;
const ISTIO = { group: "networking.istio.io", version: "v1" } as const;

/** Questions and writes of a shift. Each throws a SourceError where the cluster does not answer, or refuses. */
export class LiveRoutes {
  private constructor(
    private readonly access: KubernetesAccess,
    private readonly custom: CustomObjectsApi,
    private readonly objects: KubernetesObjectApi,
  ) {}

  static connect(cluster: ClusterNames): LiveRoutes {
    const access = accessTo(cluster);
    const { client, config } = access;
    return new LiveRoutes(
      access,
      config.makeApiClient(client.CustomObjectsApi),
      client.KubernetesObjectApi.makeApiClient(config),
    );
  }

  /** @param name `namespace/name` */
  async read(name: string): Promise<VirtualServiceObject> {
    const [namespace = "", own = ""] = name.split("/");
    const place = { ...ISTIO, plural: "virtualservices", namespace, name: own };
    return this.asked(`VirtualService ${name}`, (options) =>
      this.custom.getNamespacedCustomObject(place, options),
    );
  }

  /** Those with a mark, whose owner is a stack. */
  async marked(stack: string, project: string): Promise<readonly VirtualServiceObject[]> {
    const { items } = await this.asked<{ readonly items: readonly VirtualServiceObject[] }>(
      "the VirtualServices",
      (options) => this.custom.listClusterCustomObject({ ...ISTIO, plural: "virtualservices" }, options),
    );
    return items.filter(
      (object) => isOwn(object, stack, project) && readMark(object.metadata.annotations) !== undefined,
    );
  }

  /** Puts the mark on it, with a field manager of its own: neither Pulumi nor a refresh sees a difference. */
  async mark(object: VirtualServiceObject, mark: ShiftMark): Promise<void> {
    const { metadata, ...type } = identity(object);
    await this.apply(
      { ...type, metadata: { ...metadata, annotations: { [SHIFT_MARK]: markText(mark) } } },
      MARK_MANAGER,
    );
  }

  /** @throws SourceError where another field manager owns a field: nothing is forced. */
  async apply(object: object, manager: string): Promise<void> {
    await this.asked("the VirtualService", () =>
      this.objects.patch(object as never, undefined, undefined, manager, undefined, APPLY),
    );
  }

  /** Of the Deployments behind a subset of the route; undefined where the cluster does not say, or there are none. */
  async pods(
    object: VirtualServiceObject,
    version: string,
  ): Promise<{ readonly ready: number; readonly wanted: number } | undefined> {
    const to = splitOf(object, version)?.find((one) => subsetOf(one) === version)?.destination;
    const service = to && serviceOf(to.host, object.metadata.namespace);
    if (!service) return undefined;
    const { namespace } = service;
    const { client, config } = this.access;
    const [{ spec: { selector = {} } = {} }, rules, deployments] = await Promise.all([
      this.asked<{ readonly spec?: WrittenService }>(`Service ${service.name}`, (options) =>
        config.makeApiClient(client.CoreV1Api).readNamespacedService(service, options),
      ),
      this.asked<{ readonly items: readonly { readonly spec: WrittenDestinationRule }[] }>(
        "the DestinationRules",
        (options) =>
          this.custom.listNamespacedCustomObject(
            { ...ISTIO, plural: "destinationrules", namespace },
            options,
          ),
      ),
      this.asked<{ readonly items: readonly Deployment[] }>("the Deployments", (options) =>
        config.makeApiClient(client.AppsV1Api).listNamespacedDeployment({ namespace }, options),
      ),
    ]);
    const labels = rules.items
      .filter(({ spec }) => spec.host !== undefined && serviceOf(spec.host, namespace)?.name === service.name)
      .flatMap(({ spec }) => spec.subsets ?? [])
      .find(({ name }) => name === version)?.labels;
    if (!labels) return undefined;
    const wanted = { ...selector, ...labels };
    const own = deployments.items.filter(({ spec }) => hasLabels(spec.template?.metadata?.labels, wanted));
    // The pods may be those of a StatefulSet, a DaemonSet or a Rollout.
    if (own.length === 0) return undefined;
    const sum = (of: (one: Deployment) => number): number => own.reduce((all, one) => all + of(one), 0);
    return {
      ready: sum(({ status }) => status?.readyReplicas ?? 0),
      wanted: sum(({ spec }) => spec.replicas ?? 1),
    };
  }

  private async asked<T>(
    what: string,
    ask: (options: ReturnType<typeof endingWith>) => Promise<unknown>,
  ): Promise<T> {
    try {
      return (await ask(endingWith(this.access.client, AbortSignal.timeout(LIMIT_MS)))) as T;
    } catch (error) {
      const server = this.access.config.getCurrentCluster()?.server ?? "the cluster";
      throw new SourceError(`${server}: ${what}: ${apiMessage(error).split("\n")[0] ?? ""}`);
    }
  }
}

const APPLY: PatchStrategy = "application/apply-patch+yaml";

interface Deployment {
  readonly spec: WrittenWorkload;
  readonly status?: { readonly readyReplicas?: number };
}
