/** Prometheus rules about the versions of a service and about the mesh. */
import type { Mirror } from "../traffic/mirror";
import type { TrafficRule } from "../traffic/traffic-rules";
import type { Shares } from "../traffic/weights";
import { labelSelector } from "../kubernetes/pods";
import {
  gatewayUp,
  LATENCY_BUCKETS_MS,
  promDuration,
  VersionQueries,
  type MetricsSource,
  type ObservedService,
  type Viewpoint,
} from "./queries";

/** A rule as Prometheus takes it (Prometheus docs, "Recording rules" and "Alerting rules"). */
export type Rule =
  | { readonly record: string; readonly expr: string; readonly labels?: Readonly<Record<string, string>> }
  | {
      readonly alert: string;
      readonly expr: string;
      readonly for?: string;
      readonly labels: Readonly<Record<string, string>>;
      readonly annotations: Readonly<Record<string, string>>;
    };

export interface RuleGroup {
  readonly name: string;
  readonly rules: readonly Rule[];
}

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

export interface MeshRulesArgs {
  /** Pods of istiod that there are at any time. Default 1. */
  readonly istiodPods?: number;
  /** Pods of the ingress gateway that there are at any time. Default 1. */
  readonly gatewayPods?: number;
  /** Default `istio-ingress`. */
  readonly gatewayNamespace?: string;
  /** Labels of its pods. Default `istio: ingressgateway`. */
  readonly gatewayLabels?: Readonly<Record<string, string>>;
}

/**
 * Events of the last five minutes. A counter of istiod and of the API server has no series before its first event, which
 * is no increase then: a series that is new counts too, as long as something was watched before. It also looks new five
 * minutes after a scrape that failed, which the target's own `up` of then tells. A process that has started since has no
 * such `up`, and all its events are new; half a minute is for its first scrape.
 */
function events(by: string, series: string): string {
  return [
    `sum by (${by}) (increase(${series}[5m])) > 0`,
    `or sum by (${by}) (`,
    `  (${series} unless ${series} offset 5m)`,
    "  and on (job, instance) (up offset 5m == 1 or process_start_time_seconds > time() - 330)",
    "  and on () up offset 5m",
    ") > 0",
  ].join("\n");
}

/** Some answer, but fewer than there are, or than there have to be. */
function tooFew(up: string, pods: number): string {
  return `sum(${up}) > 0 < clamp_min(count(${up}), ${pods})`;
}

/** Alert rules of the mesh itself, whatever runs in it. */
export function meshRules({
  istiodPods = 1,
  gatewayPods = 1,
  gatewayNamespace = "istio-ingress",
  gatewayLabels = { istio: "ingressgateway" },
}: MeshRulesArgs = {}): RuleGroup {
  const gateway = gatewayUp(gatewayNamespace, gatewayLabels);
  const alert = (
    name: string,
    severity: "page" | "ticket",
    hold: string,
    expr: string,
    summary: string,
    description: string,
  ): Rule => ({
    alert: name,
    expr,
    for: hold,
    labels: { severity },
    annotations: { summary, description },
  });
  return {
    name: "mesh",
    rules: [
      alert(
        "IstiodDown",
        "page",
        "2m",
        'absent(up{app="istiod"} == 1)',
        "No istiod answers Prometheus",
        "Traffic goes on as configured last; nothing new reaches the proxies and no pod gets a sidecar.",
      ),
      alert(
        "IngressGatewayDown",
        "page",
        "2m",
        `absent(${gateway} == 1)`,
        "No ingress gateway answers Prometheus",
        "Nobody outside the cluster reaches the service.",
      ),
      alert(
        "IstiodDegraded",
        "ticket",
        "5m",
        tooFew('up{app="istiod"}', istiodPods),
        "Only {{ $value }} of istiod's pods answer Prometheus",
        "The others are missing or hang: `kubectl get pods -n istio-system -l app=istiod`.",
      ),
      alert(
        "IngressGatewayDegraded",
        "ticket",
        "5m",
        tooFew(gateway, gatewayPods),
        "Only {{ $value }} of the ingress gateway's pods answer Prometheus",
        `The others are missing or hang: \`kubectl get pods -n ${gatewayNamespace} -l ${labelSelector({ labels: gatewayLabels })}\`.`,
      ),
      alert(
        "ProxyConfigRejected",
        "ticket",
        "0m",
        events("type", "pilot_total_xds_rejects"),
        "Proxies refuse configuration of type {{ $labels.type }}",
        "They go on with what they had: `istioctl proxy-status`, and the log of istiod for the reason. The alert ends five minutes after the last refusal, whether or not the configuration was repaired.",
      ),
      alert(
        "ProxyConfigSlow",
        "ticket",
        "5m",
        "histogram_quantile(0.99, sum by (le) (rate(pilot_proxy_convergence_time_bucket[5m]))) > 10",
        "Configuration takes {{ $value | humanizeDuration }} to reach the proxies",
        "A shift of traffic takes effect late: look at istiod's CPU and the number of proxies.",
      ),
      alert(
        "IstioWebhookFailing",
        "page",
        "0m",
        events(
          "name",
          'apiserver_admission_webhook_rejection_count{name=~".*istio.io",error_type=~"calling_webhook_error|apiserver_internal_error"}',
        ),
        "The API server cannot call Istio's webhook {{ $labels.name }}",
        "Istio objects and pods with a sidecar are refused: is istiod up, and do its webhooks have its certificate?",
      ),
      alert(
        "SidecarInjectionFailing",
        "ticket",
        "0m",
        events("", "sidecar_injection_failure_total"),
        "istiod failed to inject a sidecar",
        "Pods start without a proxy or not at all: the log of istiod says why.",
      ),
      alert(
        "MeshRootCertificateExpires",
        "ticket",
        "1h",
        "min(citadel_server_root_cert_expiry_timestamp) - time() < 30 * 86400",
        "The root certificate of the mesh ends in {{ $value | humanizeDuration }}",
        "When it ends, no proxy trusts another one: renew it and let both be trusted for a while.",
      ),
      alert(
        "WorkloadCertificateExpires",
        "page",
        "5m",
        "min by (namespace, pod) (istio_agent_cert_expiry_seconds) < 3600",
        "The certificate of {{ $labels.namespace }}/{{ $labels.pod }} ends in {{ $value | humanizeDuration }}",
        "The agent renews it at half its time: it cannot reach istiod.",
      ),
      alert(
        "GatewayCertificateExpires",
        "ticket",
        "1h",
        // Envoy has the name of the Secret in that of the series.
        'min by (certificate) (label_replace({__name__=~"envoy_listener_ssl_certificate_kubernetes_.+_expiration_unix_time_seconds"}, "certificate", "$1", "__name__", "envoy_listener_ssl_certificate_kubernetes_+(.+)_expiration_unix_time_seconds")) - time() < 14 * 86400',
        "The gateway's certificate {{ $labels.certificate }} ends in {{ $value | humanizeDuration }}",
        "Clients refuse it then: renew it in its Secret, which the gateway takes up by itself.",
      ),
    ],
  };
}
