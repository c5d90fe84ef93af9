/**
 * One side of a comparison: the objects that are in a cluster, or would be. Sources make it; the diff, the risks and the rules of
 * `lint` read it. Plain data, so that each of them works on Istio objects of any author.
 */

/** As Kubernetes has it. What a field holds is checked where it is read. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    /** Absent for objects of the whole cluster. Sources fill in `default`. */
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    /** RFC 3339; only what the cluster says. */
    readonly creationTimestamp?: string;
  };
  readonly [field: string]: unknown;
}

export { UNKNOWN } from "../components/traffic/route-change";

/** Stands for a secret in objects, whatever the source says. */
export const SECRET = "[secret]";

export interface Side {
  /** As its reader knows it: `origin/main`, `before.yaml`, `cluster staging`. */
  readonly title: string;
  /**
   * A Helm release of Pulumi is an object `helm.sh/v3` `Release` with `chart`, `version`, `repository` and `values` in `spec`.
   * Values of Secrets are SECRET; a Secret that changes still differs by `spec.digest`.
   */
  readonly objects: readonly KubernetesObject[];
  /** What the source cannot show, in words: `the objects of Release istiod`. */
  readonly notShown: readonly string[];
}

/** What an engine says that it will do to an object. */
export interface Step {
  readonly operation: "create" | "update" | "replace" | "delete";
  /** `kind namespace/name`, as keyOf has it; for what is no Kubernetes object, type and name. */
  readonly object: string;
  /** Pulumi's name of the resource. */
  readonly urn?: string;
}

/** What is compared. */
export interface Comparison {
  /** Of the stack or of what else is compared: `prod`. */
  readonly title: string;
  readonly before: Side;
  readonly after: Side;
  /** In the order of the engine. Absent: nobody was asked, and the objects alone say what changes. */
  readonly steps?: readonly Step[];
  /** Why the report is not whole: a preview that failed, in its own words. */
  readonly error?: string;
}

/** A map with any fields: neither a list nor null. */
export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** `category/category`; an object of the whole cluster has its name alone. */
export const qualifiedName = ({ metadata: { name, namespace } }: KubernetesObject): string =>
  namespace === undefined ? name : `${namespace}/${name}`;

/** `VirtualService category/category`; an object of the whole cluster has no namespace before its name. */
export const keyOf = (object: KubernetesObject): string => `${object.kind} ${qualifiedName(object)}`;
