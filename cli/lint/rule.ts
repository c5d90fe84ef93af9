/** A rule of `shopzier lint`, as data, and what it finds. */
import type { Level } from "../diff/report";
import type { KubernetesObject } from "../side";
import type { Mesh } from "./mesh";

/** A place in an object that a rule objects to. */
export interface Found {
  readonly object: KubernetesObject;
  /** `spec.http[0].route[1].destination.host`. */
  readonly field: string;
  /** What was found, in one sentence. */
  readonly message: string;
}

export interface Rule {
  /** `SL` and three digits, of which the first is the subject. Codes are never given again. */
  readonly code: string;
  /** high: requests fail or a protection does not act. medium: it does not do what it says. low: advice. */
  readonly level: Level;
  /** A few words. */
  readonly title: string;
  readonly why: string;
  readonly fix: string;
  /** What finds the same: codes of `istioctl analyze` (IST) and of Kiali (KIA), items of Istio's security page (`page: ...`). */
  readonly like: readonly string[];
  check(mesh: Mesh): Iterable<Found>;
}

/** What is said of an object. */
export interface Finding {
  /** Of the rule. */
  readonly code: string;
  readonly level: Level;
  /** As keyOf has it: `VirtualService shop/reviews`. */
  readonly object: string;
  readonly field: string;
  readonly message: string;
  readonly fix: string;
}
