/** Counters of requests from Prometheus. */
import { sameShares } from "../evidence/counts";
import type { Criterion, Reading, Shares } from "../evidence";
import { podCounters, type CriterionSamples, type PodCounters } from "./counter-samples";
import { PrometheusError, type PrometheusApi } from "./prometheus-api";
import { VersionQueries, type CounterPair, type MetricsSource, type ObservedService } from "./queries";
import type { OwnCriterion } from "./own-criterion";
import type { CounterReading, CounterSource } from "./request-counters";
import { objectivesOf, type ServiceLevel } from "./version-rules";

export interface CountedRequests {
  readonly service: ObservedService;
  readonly source: MetricsSource;
  readonly objective?: ServiceLevel;
  /** Name → criterion, beside `errors` and `latency`. */
  readonly own?: Readonly<Record<string, OwnCriterion>>;
  /** Namespace of the gateway's pods. Default: the pods of all callers count. */
  readonly gatewayNamespace?: string;
}

/** The criteria by which a version is judged: for `begin` of `components/evidence`. */
export function criteriaOf({
  objective,
  own = {},
}: Pick<CountedRequests, "objective" | "own">): Record<string, Criterion> {
  const { availability, latency } = objectivesOf(objective);
  // Rounded, since 1 - 0.999 is not exactly 0.001.
  const ratio = (percent: number): number => Number((1 - percent / 100).toPrecision(6));
  return {
    errors: { objective: ratio(availability), bad: "failed" },
    latency: { objective: ratio(latency.percent), bad: `took longer than ${latency.withinMs} ms` },
    ...Object.fromEntries(
      Object.entries(own).map(([name, { objective, words }]) => [
        name,
        { objective, ...(words !== undefined && { bad: words }) },
      ]),
    ),
  };
}

/** A pod that was not scraped for so long does not count. */
const STALE_SECONDS = 120;

export class PrometheusCounters implements CounterSource {
  private inForce: { readonly shares: Shares; readonly since: number } | undefined;
  private readonly criteria: readonly {
    readonly name: string;
    readonly versionLabel: string;
    readonly pair: CounterPair;
  }[];

  constructor(
    private readonly api: PrometheusApi,
    { service, source, objective, own = {}, gatewayNamespace }: CountedRequests,
  ) {
    const queries = new VersionQueries(service, source);
    const { withinMs } = objectivesOf(objective).latency;
    const builtIn = Object.entries(queries.counters(withinMs, gatewayNamespace));
    this.criteria = [
      ...builtIn.map(([name, pair]) => ({ name, pair, versionLabel: queries.versionLabel })),
      ...Object.entries(own).map(([name, pair]) => ({ name, pair, versionLabel: "version" })),
    ];
  }

  /**
   * A pod counts from its first scrape after the first reading with these shares: what it counted before may have come by others. So the first
   * reading is undefined, in most cases. Times are of Prometheus' clock.
   */
  read(shares: Shares, signal?: AbortSignal): Promise<CounterReading> {
    return answered({ reading: undefined, unclear: [] }, async () => {
      if (this.inForce === undefined || !sameShares(this.inForce.shares, shares)) {
        // Before the samples are asked for, and known only once there is an answer.
        this.inForce = { shares, since: await this.api.now(signal) };
      }
      const samples = await this.samples(STALE_SECONDS, signal);
      const counters = podCounters(samples, { notBefore: this.inForce.since });
      return { reading: reading(counters, shares), unclear: [...missing(samples), ...counters.unclear] };
    });
  }

  /**
   * Readings of the last `seconds`, from the oldest, one each `step` seconds. `shares` were in force all the time, so that {@link read} goes on
   * from there.
   */
  history(
    shares: Shares,
    { seconds, step }: { readonly seconds: number; readonly step: number },
    signal?: AbortSignal,
  ): Promise<{ readonly readings: readonly Reading[]; readonly unclear: readonly string[] }> {
    return answered({ readings: [], unclear: [] }, async () => {
      const now = await this.api.now(signal);
      this.inForce = { shares, since: now - seconds };
      const samples = await this.samples(seconds, signal);
      const count = Math.floor(seconds / step);
      const readings = Array.from({ length: count }, (_, i) => {
        const at = now - (count - 1 - i) * step;
        return reading(podCounters(samples, { at, notBefore: at - STALE_SECONDS }), shares);
      });
      return { readings: readings.filter((one) => one !== undefined), unclear: missing(samples) };
    });
  }

  private samples(seconds: number, signal?: AbortSignal): Promise<readonly CriterionSamples[]> {
    return Promise.all(
      this.criteria.map(async ({ name, versionLabel, pair }) => {
        const counts = "bad" in pair ? "bad" : "good";
        const [all, part] = await Promise.all([
          this.api.samples(pair.all, seconds, signal),
          this.api.samples("bad" in pair ? pair.bad : pair.good, seconds, signal),
        ]);
        return { name, versionLabel, counts, all, part } as const;
      }),
    );
  }
}

const reading = ({ pods, scraped }: PodCounters, shares: Shares): Reading | undefined =>
  Object.keys(pods).length === 0 ? undefined : { at: Math.max(...Object.values(scraped)), shares, pods };

const missing = (criteria: readonly CriterionSamples[]): string[] =>
  criteria
    .filter(({ all }) => all.length === 0)
    .map(({ name }) => `Prometheus has no counter of requests for ${name} from the last minutes.`);

/** A Prometheus that gives no data is no error. */
async function answered<Result extends { readonly unclear: readonly string[] }>(
  nothing: Result,
  ask: () => Promise<Result>,
): Promise<Result> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof PrometheusError) return { ...nothing, unclear: [error.message] };
    throw error;
  }
}
