/** Recording and alert rules about the versions of a service. */
import type { Mirror } from "../traffic/mirror";
import type { TrafficRule } from "../traffic/traffic-rules";
import type { Shares } from "../traffic/weights";
import {
  LATENCY_BUCKETS_MS,
  promDuration,
  VersionQueries,
  type MetricsSource,
  type ObservedService,
  type Viewpoint,
} from "./queries";
import type { Rule, RuleGroup } from "./prometheus-rules";

/** The objectives of a service. */
export interface ServiceLevel {
  /** Percent of the requests with a status below 500. Default 99.9. */
  readonly availability?: number;
  /** Percent of the requests within a time, which is one of {@link LATENCY_BUCKETS_MS}. Default: 99 percent within 500 ms. */
  readonly latency?: { readonly withinMs: number; readonly percent: number };
}

/** `objective` with its defaults. */
export const objectivesOf = ({
  availability = 99.9,
  latency = { withinMs: 500, percent: 99 },
}: ServiceLevel = {}): Required<ServiceLevel> => ({ availability, latency });

/** Two windows in seconds. The alert fires if the burn rate is too high in both. */
export interface BurnRateWindows {
  readonly long: number;
  readonly short: number;
}

export interface VersionRulesArgs {
  readonly service: ObservedService;
  readonly source: MetricsSource;
  readonly objective?: ServiceLevel;
  /** Windows for a burn rate of 14.4, whose alert has severity `page`. Default: 1 h and 5 min. */
  readonly fast?: BurnRateWindows;
  /** Windows for a burn rate of 6, whose alert has severity `ticket`. Default: 6 h and 30 min. */
  readonly slow?: BurnRateWindows;
  /** Version → percent by its weight. Default: there are no rules about shares. */
  readonly shares?: Shares;
  /** Traffic rules and mirror. They change the measured shares, so alerts about shares are left out where they apply. */
  readonly rules?: readonly TrafficRule[];
  readonly mirror?: Mirror;
}

/** Burn rates of Google's SRE workbook ("Alerting on SLOs"): 2 percent of a month's budget in 1 h, and 5 percent in 6 h. */
const BURN_RATES = { fast: 14.4, slow: 6 } as const;
/** Bound of the deviation of a correct split in standard deviations: about one false alarm in 10,000 evaluations. */
const SHARE_SIGMAS = 3.9;
/** Lowest number of requests in a window for an alert. */
const MINIMUM_REQUESTS = { ratio: 10, share: 100, besideRules: 100 };

/**
 * Recording and alert rules of a service.
 *
 * @throws RangeError if the histogram has no bound at the time of the objective, or if an objective allows so many failures
 * that its alert could not fire even if all requests failed.
 */
export function versionRules(args: VersionRulesArgs): RuleGroup[] {
  const { service, fast = { long: 3600, short: 300 }, slow = { long: 21_600, short: 1800 } } = args;
  const { availability, latency } = objectivesOf(args.objective);
  if (!LATENCY_BUCKETS_MS.includes(latency.withinMs)) {
    throw new RangeError(`no bucket of the latency histogram ends at ${latency.withinMs} ms`);
  }
  const queries = new VersionQueries(service, args.source);
  const target = { service: service.name, namespace: service.namespace };
  const record = (seenBy: Viewpoint, name: string, expr: string): Rule => ({
    record: `version:${name}`,
    expr,
    labels: { ...target, seen_by: seenBy },
  });
  const at = promDuration;

  const windows = [...new Set([fast.short, fast.long, slow.short, slow.long])].sort((a, b) => a - b);
  const ratios = windows.flatMap((seconds): Rule[] => [
    record("caller", `requests:rate${at(seconds)}`, queries.requests("caller", at(seconds))),
    record("caller", `request_errors:ratio_rate${at(seconds)}`, queries.errorRatio("caller", at(seconds))),
    record(
      "caller",
      `slow_requests:ratio_rate${at(seconds)}`,
      queries.slowRatio("caller", at(seconds), latency.withinMs),
    ),
  ]);
  const current = at(fast.short);
  const callee = [
    record("callee", `requests:rate${current}`, queries.requests("callee", current)),
    record("callee", `request_errors:ratio_rate${current}`, queries.errorRatio("callee", current)),
  ];
  const quantiles = (["caller", "callee"] as const).flatMap((seenBy) =>
    [0.5, 0.95, 0.99].map((q) =>
      record(
        seenBy,
        `request_duration_milliseconds:p${q * 100}_rate${current}`,
        queries.latency(seenBy, current, q),
      ),
    ),
  );

  const matcher = `{service="${service.name}",namespace="${service.namespace}",seen_by="caller"}`;
  const burning = (
    alert: string,
    ratio: string,
    percent: number,
    speed: "fast" | "slow",
    what: string,
  ): Rule => {
    const { long, short } = speed === "fast" ? fast : slow;
    // Rounded, since 1 - 0.999 is not exactly 0.001.
    const limit = Number((BURN_RATES[speed] * (1 - percent / 100)).toPrecision(6));
    if (limit >= 1) throw new RangeError(`${alert} could never fire with an objective of ${percent} percent`);
    return {
      alert,
      expr: [
        `version:${ratio}:ratio_rate${at(long)}${matcher} > ${limit}`,
        `and version:${ratio}:ratio_rate${at(short)}${matcher} > ${limit}`,
        `and version:requests:rate${at(short)}${matcher} * ${short} >= ${MINIMUM_REQUESTS.ratio}`,
      ].join("\n"),
      // There is no `for`, since the two windows already are a wait.
      labels: { severity: speed === "fast" ? "page" : "ticket", speed },
      annotations: {
        summary: `${service.name} {{ $labels.version }}: ${what}`,
        description: `{{ $value | humanizePercentage }} over ${at(long)}; more than ${BURN_RATES[speed]} times what an objective of ${percent} % allows. Shift traffic away from {{ $labels.version }} by its weight.`,
      },
    };
  };
  const objectives = (["fast", "slow"] as const).flatMap((speed) => [
    burning("VersionErrorBudgetBurn", "request_errors", availability, speed, "too many requests fail"),
    burning(
      "VersionLatencyBudgetBurn",
      "slow_requests",
      latency.percent,
      speed,
      "too many requests are slow",
    ),
  ]);

  const name = (part: string): string => `${service.namespace}/${service.name}: ${part}`;
  return [
    { name: name("requests"), rules: [...ratios, ...callee, ...quantiles] },
    { name: name("objectives"), rules: objectives },
    ...(args.shares
      ? [
          // A group of its own, so that a shift changes no other group.
          { name: name("configured shares"), rules: [configuredShares(args.shares, target)] },
          { name: name("shares"), rules: shareRules(args, fast.short, matcher) },
        ]
      : []),
  ];
}

function configuredShares(shares: Shares, target: Readonly<Record<string, string>>): Rule {
  const ofVersions = Object.entries(shares).map(([version, percent]) => {
    const share = Number((percent / 100).toPrecision(6));
    return `label_replace(vector(${share}), "version", "${version}", "", "")`;
  });
  return { record: "version:configured_share:ratio", expr: ofVersions.join(" or "), labels: target };
}

function shareRules(
  { service, rules = [], mirror }: VersionRulesArgs,
  seconds: number,
  matcher: string,
): Rule[] {
  const window = promDuration(seconds);
  const configured = `version:configured_share:ratio{service="${service.name}",namespace="${service.namespace}"}`;
  const measured = `version:measured_share:ratio_rate${window}${matcher}`;
  const requests = `version:requests:rate${window}${matcher}`;
  const total = `scalar(sum(${requests}) * ${seconds})`;
  // After a shift, the window contains requests of both splits at first.
  const settled = `(${configured} == ${configured} offset ${window})`;
  // Requests that the gateway answers itself do not count for a version.
  const routing = rules.filter(({ action }) => "to" in action || "weights" in action);
  // All requests may have the same path, method, host or namespace. Headers, cookies, queries and claims differ by client.
  const forSome = routing.every(({ match }) =>
    match.every((m) => [m.headers, m.cookies, m.query, m.claims].some((fields) => fields !== undefined)),
  );
  // With rules, the alert is correct as long as they match less than 90 percent of the requests.
  const expected = routing.length === 0 ? MINIMUM_REQUESTS.ratio : MINIMUM_REQUESTS.besideRules;
  const shareOff: Rule = {
    alert: "VersionShareOff",
    expr: [
      `abs(${measured} - on (version) group_left () ${settled})`,
      `  > on (version) group_left () (${SHARE_SIGMAS} * sqrt(${configured} * (1 - ${configured}) / ${total}) + 1 / ${total})`,
      `and on () (vector(${total}) >= ${MINIMUM_REQUESTS.share})`,
    ].join("\n"),
    for: window,
    labels: { severity: "ticket" },
    annotations: {
      summary: `${service.name} {{ $labels.version }}: its share of the requests is not the configured one`,
      description:
        "Off by {{ $value | humanizePercentage }}, more than chance allows. Is a version without healthy pods, or does another route catch requests?",
    },
  };
  const withoutTraffic: Rule = {
    alert: "VersionWithoutTraffic",
    expr: [`${settled} * ${total} >= ${expected}`, `unless on (version) ${requests} > 0`].join("\n"),
    for: window,
    labels: { severity: "ticket" },
    annotations: {
      summary: `${service.name} {{ $labels.version }}: no request, though its weight says there must be some`,
      description: "{{ $value }} requests were to be expected. Look at its pods and at the route.",
    },
  };
  return [
    {
      record: `version:measured_share:ratio_rate${window}`,
      expr: `${requests} / scalar(sum(${requests}) > 0)`,
    },
    ...(routing.length === 0 && mirror === undefined ? [shareOff] : []),
    ...(forSome ? [withoutTraffic] : []),
  ];
}
