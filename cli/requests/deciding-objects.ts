/** The objects of a side that decide about requests. */
import type { WrittenGateway, WrittenPolicy, WrittenVirtualService } from "../../components/simulator";
import { keyOf, type KubernetesObject, type Side } from "../side";
import { valueAt } from "./mesh-settings";

export class DecidingObjects {
  readonly virtualServices: readonly WrittenVirtualService[];
  readonly gateways: readonly WrittenGateway[];
  readonly policies: readonly WrittenPolicy[];
  readonly authentications: readonly KubernetesObject[];
  readonly envoyFilters: readonly KubernetesObject[];

  /** `other`: the side that is compared. What exists there and has no age here is as old as there. */
  constructor(
    readonly side: Side,
    private readonly other: Side = side,
  ) {
    this.virtualServices = this.of("networking.istio.io", "VirtualService") as never;
    this.gateways = this.of("networking.istio.io", "Gateway") as never;
    this.policies = this.of("security.istio.io", "AuthorizationPolicy") as never;
    this.authentications = this.of("security.istio.io", "RequestAuthentication");
    this.envoyFilters = this.of("networking.istio.io", "EnvoyFilter");
  }

  /** Only what decides, so that two sides are equal where they decide alike. Without a spec Istio reads an empty one. */
  private of(group: string, kind: string): KubernetesObject[] {
    const among = ({ objects }: Side): KubernetesObject[] =>
      objects.filter((one) => one.kind === kind && one.apiVersion.startsWith(`${group}/`));
    const ages = new Map(among(this.other).map((one) => [keyOf(one), one.metadata.creationTimestamp]));
    return among(this.side).map((one): KubernetesObject => {
      const { name, namespace, annotations, creationTimestamp = ages.get(keyOf(one)) } = one.metadata;
      const dryRun = annotations?.["istio.io/dry-run"];
      const metadata: Record<string, unknown> = { name };
      if (namespace !== undefined) metadata.namespace = namespace;
      if (creationTimestamp !== undefined) metadata.creationTimestamp = creationTimestamp;
      if (dryRun !== undefined) metadata.annotations = { "istio.io/dry-run": dryRun };
      return {
        apiVersion: one.apiVersion,
        kind,
        metadata: metadata as unknown as KubernetesObject["metadata"],
        spec: valueAt(one, "spec") ?? {},
      };
    });
  }

  ofGatewayApi(): string[] {
    return this.side.objects
      .filter(
        ({ apiVersion, kind }) => /^gateway\.networking\.k8s\.io\//.test(apiVersion) && /Route$/.test(kind),
      )
      .map(keyOf);
  }
}
