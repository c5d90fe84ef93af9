/** Kubernetes objects by kind, with the specs that the diff reads. Fields that are null count as absent, as in Kubernetes. */
import type { WrittenVirtualServiceSpec } from "../../components/simulator/written-objects";
import { keyOf, type KubernetesObject } from "../side";

/** An object whose `spec` has fields that the reader expects, each of which may be missing. */
export type WithSpec<T> = KubernetesObject & { readonly spec: T };

/** Istio: DestinationRule, the part that is compared. */
export interface WrittenDestinationRule {
  readonly host?: string;
  readonly subsets?: readonly { readonly name: string; readonly labels?: Readonly<Record<string, string>> }[];
}

export interface WrittenWorkload {
  /** Default 1. */
  readonly replicas?: number;
  readonly template?: {
    readonly metadata?: { readonly labels?: Readonly<Record<string, string>> };
    readonly spec?: { readonly containers?: readonly { readonly name: string; readonly image?: string }[] };
  };
}

export interface WrittenService {
  readonly selector?: Readonly<Record<string, string>>;
}

export interface WrittenAutoscaler {
  readonly scaleTargetRef?: { readonly kind?: string; readonly name?: string };
  /** Default 1. */
  readonly minReplicas?: number;
  readonly maxReplicas?: number;
}

interface Specs {
  readonly VirtualService: WrittenVirtualServiceSpec;
  readonly DestinationRule: WrittenDestinationRule;
  readonly Deployment: WrittenWorkload;
  readonly StatefulSet: WrittenWorkload;
  readonly Service: WrittenService;
  readonly HorizontalPodAutoscaler: WrittenAutoscaler;
}

/** The group of each kind, since other products use the same names (Knative: Service; Gateway API: Gateway). */
const GROUPS: Record<keyof Specs, RegExp> = {
  VirtualService: /^networking\.istio\.io\//,
  DestinationRule: /^networking\.istio\.io\//,
  Deployment: /^apps\//,
  StatefulSet: /^apps\//,
  Service: /^v1$/,
  HorizontalPodAutoscaler: /^autoscaling\//,
};

/** The objects of a kind. One without a `spec` has an empty one. */
export function ofKind<K extends keyof Specs>(
  objects: readonly KubernetesObject[],
  kind: K,
): WithSpec<Specs[K]>[] {
  return objects
    .filter((object) => object.kind === kind && GROUPS[kind].test(object.apiVersion))
    .map((object) => ({ ...object, spec: object.spec ?? {} }));
}

/** A record is matched by labels if it has each of them. */
export function hasLabels(
  labels: Readonly<Record<string, string>> | undefined,
  wanted: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(wanted).every(([key, value]) => labels?.[key] === value);
}

/** By key, the last of several. */
export const byKey = <T extends KubernetesObject>(objects: readonly T[]): Map<string, T> =>
  new Map(objects.map((object) => [keyOf(object), object]));
