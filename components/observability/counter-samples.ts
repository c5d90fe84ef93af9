/** From samples of Prometheus to counters of each pod. Pure. */
import type { Count, Counts } from "../evidence";
import { subsetOf } from "../istio/cluster-name";
import type { Series } from "./prometheus-api";

/** The samples of a criterion's two counters. */
export interface CriterionSamples {
  readonly name: string;
  /** Label with the version, or with Istio's name of its cluster. */
  readonly versionLabel: string;
  readonly all: readonly Series[];
  readonly part: readonly Series[];
  /** What `part` counts. */
  readonly counts: "bad" | "good";
}

export interface PodCounters {
  readonly pods: Readonly<Record<string, Counts>>;
  /** Pod → when it was scraped, in Unix seconds. */
  readonly scraped: Readonly<Record<string, number>>;
  /** A sentence for each pod that is left out. */
  readonly unclear: readonly string[];
}

interface Entry {
  readonly criterion: CriterionSamples;
  readonly side: "all" | "part";
  readonly version: string;
  readonly values: Series["values"];
}

/** Labels that tell apart who scraped what: one pod may be scraped twice, or by two Prometheus. */
const TARGET = ["job", "instance", "prometheus", "prometheus_replica", "replica", "cluster"];

/**
 * The counters of each pod at its last scrape, or at its last until `at`. All counters of a pod are of the same scrape; a series that this scrape lacks does not
 * count. A pod that was scraped twice counts once.
 *
 * @param notBefore pods whose last scrape is older are left out.
 */
export function podCounters(
  criteria: readonly CriterionSamples[],
  { at = Infinity, notBefore }: { readonly at?: number; readonly notBefore: number },
): PodCounters {
  const reported = new Set(criteria.filter(({ all }) => all.length > 0).map(({ name }) => name));
  const pods: Record<string, Counts> = {};
  const scraped: Record<string, number> = {};
  const unclear: string[] = [];
  for (const [pod, targets] of targetsOf(criteria)) {
    const scrapes = [...targets.values()].map((entries) => ({ entries, time: lastScrape(entries, at) }));
    const [newest] = scrapes.sort((a, b) => b.time - a.time);
    if (newest === undefined || newest.time === -Infinity) continue;
    if (newest.time < notBefore) {
      unclear.push(
        `Pod ${pod} is not counted: its last scrape was at ${clock(newest.time)}, before ${clock(notBefore)}.`,
      );
      continue;
    }
    const counts = countsAt(newest.entries, newest.time, reported);
    if (typeof counts === "string") {
      unclear.push(`Pod ${pod} is not counted: ${counts}.`);
      continue;
    }
    pods[pod] = counts;
    scraped[pod] = newest.time;
  }
  return { pods, scraped, unclear };
}

/** Pod → target → what was scraped there. */
function targetsOf(criteria: readonly CriterionSamples[]): Map<string, Map<string, Entry[]>> {
  const found = new Map<string, Map<string, Entry[]>>();
  for (const criterion of criteria) {
    for (const side of ["all", "part"] as const) {
      for (const { metric, values } of criterion[side]) {
        const name = metric[criterion.versionLabel];
        if (name === undefined || name === "") continue;
        const pod = metric.pod ?? metric.instance ?? "";
        const target = TARGET.map((label) => metric[label] ?? "").join(" ");
        const targets = found.get(pod) ?? new Map<string, Entry[]>();
        const entries = targets.get(target) ?? [];
        entries.push({ criterion, side, version: subsetOf(name), values });
        found.set(pod, targets.set(target, entries));
      }
    }
  }
  return found;
}

/**
 * The last scrape that every query knows: a scrape between two queries is in the later alone.
 */
function lastScrape(entries: readonly Entry[], at: number): number {
  const newest = new Map<string, number>();
  for (const { criterion, side, values } of entries) {
    const key = `${criterion.name} ${side}`;
    const time = values.filter(([seconds]) => seconds <= at).at(-1)?.[0] ?? -Infinity;
    newest.set(key, Math.max(newest.get(key) ?? -Infinity, time));
  }
  return Math.min(...newest.values());
}

/** Counts by version and criterion, or why there are none. */
function countsAt(entries: readonly Entry[], time: number, reported: ReadonlySet<string>): Counts | string {
  const sums = new Map<string, { all: number; part: number; counts: "bad" | "good" }>();
  const versions = new Set<string>();
  for (const { criterion, side, version, values } of entries) {
    const value = values.find(([seconds]) => seconds === time)?.[1];
    if (value === undefined) continue;
    versions.add(version);
    const key = JSON.stringify([version, criterion.name]);
    const sum = sums.get(key) ?? { all: 0, part: 0, counts: criterion.counts };
    sum[side] += Number(value);
    sums.set(key, sum);
  }
  const counts: Record<string, Record<string, Count>> = {};
  for (const version of versions) {
    for (const criterion of reported) {
      // A counter is not there before its first request.
      const { all, part, counts: counted } = sums.get(JSON.stringify([version, criterion])) ?? NOTHING;
      if (part > all) return `it has more ${counted} than all requests of ${version} for ${criterion}`;
      (counts[version] ??= {})[criterion] = { bad: counted === "bad" ? part : all - part, of: all };
    }
  }
  return counts;
}

const NOTHING = { all: 0, part: 0, counts: "bad" } as const;

const clock = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(11, 19);
