/** Since when a route has its shares. */
import { specWriters, type LiveObject } from "../kubernetes/drift";

/** After a change of the VirtualService, gateways may have the old split for so long, or clocks may differ. */
const SETTLING_SECONDS = 20;

/** Between two readings of a time past. */
export const STEP_SECONDS = 15;

/**
 * When the spec of an object was last written, in Unix seconds of the cluster's clock. Undefined: it does not say. An annotation, such as the
 * mark of a shift, changes no share.
 */
export function lastChange(metadata: LiveObject["metadata"]): number | undefined {
  const made = new Date(metadata?.creationTimestamp ?? NaN).getTime();
  const times = [made, ...specWriters(metadata).map(({ at }) => at ?? NaN)].filter((at) => !Number.isNaN(at));
  return times.length > 0 ? Math.max(...times) / 1000 : undefined;
}

/** For how many seconds all gateways have had the shares of a route, if it was last changed then; at most `most`. 0: for too short a time to count. */
export function countedSeconds(changedAt: number, most: number): number {
  const seconds = Math.min(most, Date.now() / 1000 - changedAt - SETTLING_SECONDS);
  return seconds < 2 * STEP_SECONDS ? 0 : seconds;
}
