/** Faults made on purpose, to see what clients do with them. Source: Istio VirtualService, HTTPFaultInjection. */
import { duration } from "../istio/duration";
import type { HttpFault } from "../istio/virtual-service";

/** At least one of the two. A request may get both. The timeout and the retries of a rule do not apply to them. */
export interface Fault {
  /** Holds requests back before they are sent to a version. */
  readonly delay?: {
    /** Milliseconds, at least 1. */
    readonly fixedDelayMs: number;
    /** Share of the requests: 0 to 100, at most two decimals. */
    readonly percent: number;
  };
  /** Answers requests instead of a version. */
  readonly abort?: {
    /** 200 to 599. */
    readonly httpStatus: number;
    /** Share of the requests: 0 to 100, at most two decimals. */
    readonly percent: number;
  };
}

/** A fault in Istio's words. */
export function httpFault({ delay, abort }: Fault): HttpFault {
  return {
    ...(delay && {
      delay: { fixedDelay: duration(delay.fixedDelayMs), percentage: { value: delay.percent } },
    }),
    ...(abort && { abort: { httpStatus: abort.httpStatus, percentage: { value: abort.percent } } }),
  };
}
