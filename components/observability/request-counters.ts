/** Where the counters of requests come from. */
import type { Reading, Shares } from "../evidence";

export interface CounterReading {
  /** Counters of each pod that reports, since it started. Undefined where there is no usable data; `unclear` then says why. */
  readonly reading: Reading | undefined;
  /** What is left out, and why: a sentence each. */
  readonly unclear: readonly string[];
}

export interface CounterSource {
  /**
   * The counters now. Missing data is no error.
   *
   * @param shares the split in force, as every gateway has it.
   */
  read(shares: Shares, signal?: AbortSignal): Promise<CounterReading>;
}
