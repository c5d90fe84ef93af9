import { istioObject } from "./custom-resource";

/** networking.istio.io/v1 ServiceEntrySpec, the part that we write. */
export interface ServiceEntrySpec {
  readonly hosts: readonly string[];
  readonly location: "MESH_EXTERNAL" | "MESH_INTERNAL";
  readonly resolution: "DNS" | "STATIC" | "NONE";
  /** Addresses, for resolution `STATIC`. */
  readonly endpoints?: readonly { readonly address: string }[];
  /** Namespaces that the entry applies to; `.` for its own. Default: all. */
  readonly exportTo?: readonly string[];
  readonly ports: readonly { readonly number: number; readonly name: string; readonly protocol: string }[];
}

/** A host outside the cluster, as part of the mesh's registry (Istio: ServiceEntry). */
export class ServiceEntry extends istioObject<ServiceEntrySpec>("networking.istio.io/v1", "ServiceEntry") {}
