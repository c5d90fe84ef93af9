import type { CounterPair } from "./queries";

/**
 * A criterion of your own: an objective, and two counters as PromQL selectors without a function, such as `checkout_failed_total{app="shop"}`.
 * Each series has the labels `version` and `pod`.
 */
export type OwnCriterion = CounterPair & {
  /** The ratio of bad requests that is still acceptable: above 0, below 1. */
  readonly objective: number;
  /** What a bad request did, as it stands in a verdict: "ended without an order". */
  readonly words?: string;
};
