/** From counters that pods expose to counts that evidence may rest on. */

/** How many of a version's requests were bad by one criterion. */
export interface Count {
  readonly bad: number;
  readonly of: number;
}

/** Version → criterion → count. */
export type Counts = Readonly<Record<string, Readonly<Record<string, Count>>>>;

/** Version → its share of the traffic in percent, as configured. */
export type Shares = Readonly<Record<string, number>>;

/** What happened between two readings. */
export interface Batch {
  readonly seconds: number;
  /** The split that was in force throughout. */
  readonly shares: Shares;
  readonly counts: Counts;
}

/**
 * The counters at one time.
 *
 * The pods are those that report: gateways, or the callers' sidecars. What dies at the gateway counts then, and a pod of a version that is
 * gone takes no counts with it.
 */
export interface Reading {
  /** Unix time in seconds. */
  readonly at: number;
  readonly shares: Shares;
  /** Pod → its counters since it started. A version without requests yet may be missing. */
  readonly pods: Readonly<Record<string, Counts>>;
}

export interface Increase {
  /** Undefined where the two readings cannot be compared at all. */
  readonly batch: Batch | undefined;
  /** What was not counted, and why: a sentence each. */
  readonly unclear: readonly string[];
}

/**
 * What was counted between two readings.
 *
 * A pod counts as a whole or not at all, so that what is left out is left out for all versions alike. Nothing is guessed: a pod that is new,
 * gone or restarted, or whose counters contradict themselves, is not counted, and neither is a time in which the shares changed.
 */
export function increase(before: Reading, after: Reading): Increase {
  const seconds = after.at - before.at;
  if (!(seconds > 0)) return { batch: undefined, unclear: ["There is no new reading of the counters."] };
  if (!sameShares(before.shares, after.shares)) {
    return {
      batch: undefined,
      unclear: ["The shares changed between two readings, which are not compared."],
    };
  }
  const unclear: string[] = [];
  const counts: Record<string, Record<string, Count>> = {};
  for (const pod of new Set([...Object.keys(before.pods), ...Object.keys(after.pods)])) {
    const found = podIncrease(before.pods[pod], after.pods[pod]);
    if (typeof found === "string") {
      unclear.push(`Pod ${pod} is not counted from ${time(before.at)} to ${time(after.at)}: ${found}.`);
      continue;
    }
    for (const { version, criterion, bad, of } of found) {
      const sum = ((counts[version] ??= {})[criterion] ??= { bad: 0, of: 0 });
      (counts[version] ??= {})[criterion] = { bad: sum.bad + bad, of: sum.of + of };
    }
  }
  return { batch: { seconds, shares: after.shares, counts }, unclear };
}

interface Row extends Count {
  readonly version: string;
  readonly criterion: string;
}

/** The increases of a pod's counters, or why there are none. */
function podIncrease(before: Counts | undefined, after: Counts | undefined): Row[] | string {
  if (before === undefined) return "it is new, or its last reading is missing";
  if (after === undefined) return "it is gone, or its reading is missing";
  const found: Row[] = [];
  for (const [version, criteria] of Object.entries(after)) {
    for (const [criterion, now] of Object.entries(criteria)) {
      const then = before[version]?.[criterion] ?? { bad: 0, of: 0 };
      if (before[version] !== undefined && before[version][criterion] === undefined) {
        return `the counters of ${version} for ${criterion} are missing in its last reading`;
      }
      const [bad, of] = [now.bad - then.bad, now.of - then.of];
      if (bad < 0 || of < 0) return `its counters of ${version} went back, so it restarted`;
      if (![now.bad, now.of, then.bad, then.of].every(Number.isSafeInteger) || bad > of) {
        return `its counters of ${version} for ${criterion} contradict themselves`;
      }
      found.push({ version, criterion, bad, of });
    }
  }
  for (const [version, criteria] of Object.entries(before)) {
    const missing = Object.keys(criteria).find((criterion) => after[version]?.[criterion] === undefined);
    if (missing !== undefined) return `its counters of ${version} for ${missing} are missing`;
  }
  return found;
}

export const sameShares = (a: Shares, b: Shares): boolean =>
  a === b ||
  [...new Set([...Object.keys(a), ...Object.keys(b)])].every(
    (version) => (a[version] ?? 0) === (b[version] ?? 0),
  );

/** Whether `version` gets requests that are compared with those of others. */
export const serves = (version: string | undefined, shares: Shares | undefined): version is string =>
  version !== undefined && (shares?.[version] ?? 0) > 0;

const time = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(11, 19);
