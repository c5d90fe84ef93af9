/** Injected faults, to test the clients. Source: Istio VirtualService, HTTPFaultInjection. */
import { duration } from "../istio/duration";
import type { HttpFault } from "../istio/virtual-service";

/** At least one of the two. A request may get both. The rule's timeout and retries do not apply to injected faults. */
export interface Fault {
  /** Delays requests before they are sent to a version. */
  readonly delay?: {
    /** Milliseconds, at least 1. */
    readonly fixedDelayMs: number;
    /** Share of the requests: 0 to 100, at most two decimals. */
    readonly percent: number;
  };
  /** Answers requests without sending them to a version. */
  readonly abort?: {
    /** 200 to 599. */
    readonly httpStatus: number;
    /** Share of the requests: 0 to 100, at most two decimals. */
    readonly percent: number;
  };
}

/** A fault as Istio's HTTPFaultInjection. */
export function httpFault({ delay, abort }: Fault): HttpFault {
  return {
    ...(delay && {
      delay: { fixedDelay: duration(delay.fixedDelayMs), percentage: { value: delay.percent } },
    }),
    ...(abort && { abort: { httpStatus: abort.httpStatus, percentage: { value: abort.percent } } }),
  };
}
