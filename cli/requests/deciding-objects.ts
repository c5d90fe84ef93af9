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

  constructor(readonly side: Side) {
    this.virtualServices = this.of("networking.istio.io", "VirtualService") as never;
    this.gateways = this.of("networking.istio.io", "Gateway") as never;
    this.policies = this.of("security.istio.io", "AuthorizationPolicy") as never;
    this.authentications = this.of("security.istio.io", "RequestAuthentication");
    this.envoyFilters = this.of("networking.istio.io", "EnvoyFilter");
  }

  /** Without a spec Istio reads an empty one. */
  private of(group: string, kind: string): KubernetesObject[] {
    return this.side.objects
      .filter((one) => one.kind === kind && one.apiVersion.startsWith(`${group}/`))
      .map((one) => (valueAt(one, "spec") ? one : { ...one, spec: {} }));
  }

  ofGatewayApi(): string[] {
    return this.side.objects
      .filter(
        ({ apiVersion, kind }) => /^gateway\.networking\.k8s\.io\//.test(apiVersion) && /Route$/.test(kind),
      )
      .map(keyOf);
  }
}
