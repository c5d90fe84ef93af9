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

/** What a service promises. */
export interface ServiceLevel {
  /** Percent of the requests that do not fail (no status of 500 and more). Default 99.9. */
  readonly availability?: number;
  /** Percent of the requests within a time; the time is one of {@link LATENCY_BUCKETS_MS}. Default 99 percent within 500 ms. */
  readonly latency?: { readonly withinMs: number; readonly percent: number };
}

/** Two windows in seconds that must both have burned their share of the error budget. */
export interface BurnRateWindows {
  readonly long: number;
  readonly short: number;
}

export interface VersionRulesArgs {
  readonly service: ObservedService;
  readonly source: MetricsSource;
  readonly objective?: ServiceLevel;
  /** Burns 14.4 times as fast as the budget lasts: wakes somebody. Default 1 h and 5 min. */
  readonly fast?: BurnRateWindows;
  /** Burns 6 times as fast: a ticket. Default 6 h and 30 min. */
  readonly slow?: BurnRateWindows;
  /** Version → percent that the weights give it. Default: shares are neither recorded nor watched. */
  readonly shares?: Shares;
  /** What changes the measured shares beside the weights, and so what of them is watched. */
  readonly rules?: readonly TrafficRule[];
  readonly mirror?: Mirror;
}

/** The two burn rates of the SRE workbook (Google, "Alerting on SLOs"): 2 percent of a month's budget in 1 h, 5 percent in 6 h. */
const BURN_RATES = { fast: 14.4, slow: 6 } as const;
/** Bound of a right split: beyond it in one of ten thousand looks, both sides together. */
const SHARE_SIGMAS = 3.9;
/** Fewer requests than this in a window say nothing. */
const MINIMUM_REQUESTS = { ratio: 10, share: 100, besideRules: 100 };

/**
 * Recording and alert rules of a service.
 *
 * @throws RangeError when the histogram has no bound at the time of the objective, or an objective allows so many failures
 * that not even all requests would burn its budget as fast as an alert asks for.
 */
export function versionRules(args: VersionRulesArgs): RuleGroup[] {
  const { service, fast = { long: 3600, short: 300 }, slow = { long: 21_600, short: 1800 } } = args;
  const { availability = 99.9, latency = { withinMs: 500, percent: 99 } } = args.objective ?? {};
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
    // Rounded: 1 - 0.999 is not quite a thousandth.
    const limit = Number((BURN_RATES[speed] * (1 - percent / 100)).toPrecision(6));
    if (limit >= 1) throw new RangeError(`${alert} could never fire with an objective of ${percent} percent`);
    return {
      alert,
      expr: [
        `version:${ratio}:ratio_rate${at(long)}${matcher} > ${limit}`,
        `and version:${ratio}:ratio_rate${at(short)}${matcher} > ${limit}`,
        `and version:requests:rate${at(short)}${matcher} * ${short} >= ${MINIMUM_REQUESTS.ratio}`,
      ].join("\n"),
      // What holds over two windows needs no further wait.
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
      ? [{ name: name("shares"), rules: shareRules(args, args.shares, fast.short, target, matcher) }]
      : []),
  ];
}

function shareRules(
  { service, rules = [], mirror }: VersionRulesArgs,
  shares: Shares,
  seconds: number,
  target: Readonly<Record<string, string>>,
  matcher: string,
): Rule[] {
  const window = promDuration(seconds);
  const configured = `version:configured_share:ratio{service="${service.name}",namespace="${service.namespace}"}`;
  const measured = `version:measured_share:ratio_rate${window}${matcher}`;
  const requests = `version:requests:rate${window}${matcher}`;
  const total = `scalar(sum(${requests}) * ${seconds})`;
  // Right after a shift the window has seen both splits.
  const settled = `(${configured} == ${configured} offset ${window})`;
  // What the gateway answers itself is no request to a version.
  const routing = rules.filter(({ action }) => "to" in action || "weights" in action);
  // A path, a method, a host or a namespace may be that of all requests; what only some clients send singles those out.
  const forSome = routing.every(({ match }) =>
    match.every((m) => [m.headers, m.cookies, m.query, m.claims].some((fields) => fields !== undefined)),
  );
  // So many that the alert is right as long as rules take less than nine tenths of the requests.
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
    ...Object.entries(shares).map(([version, percent]) => ({
      record: "version:configured_share:ratio",
      expr: `vector(${Number((percent / 100).toPrecision(6))})`,
      labels: { ...target, version },
    })),
    {
      record: `version:measured_share:ratio_rate${window}`,
      expr: `${requests} / scalar(sum(${requests}) > 0)`,
    },
    ...(routing.length === 0 && mirror === undefined ? [shareOff] : []),
    ...(forSome ? [withoutTraffic] : []),
  ];
}
