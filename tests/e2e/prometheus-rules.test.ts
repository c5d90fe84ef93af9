import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  meshRules,
  versionRules,
  type MetricsSource,
  type ObservedService,
  type RequestMatch,
  type RuleGroup,
  type VersionRulesArgs,
} from "../../components/index";
import { must } from "../../lab/harness";

const SERVICE: ObservedService = {
  name: "category",
  namespace: "category",
  port: 8080,
  versions: ["v1", "v2"],
};

interface Series {
  readonly series: string;
  readonly values: string;
}

/** Requests per minute of a version: `values` as promtool writes series, a sample each minute. */
type Traffic = (version: string, kind: "ok" | "failed" | "within500ms" | "all") => string;

/**
 * The series that a gateway's proxy gives Prometheus, in each of the two variants. Of what it fails itself, since no pod
 * answered, Istio's do not say for which version: they have that from the proxy that answers.
 */
function series(source: MetricsSource, traffic: Traffic): Series[] {
  return SERVICE.versions.flatMap((version) => {
    const cluster = `outbound|8080|${version}|category.category.svc.cluster.local`;
    const labels = (answeredBy: string): string =>
      source === "istio"
        ? `reporter="source",destination_service_name="category",destination_service_namespace="category",destination_version="${answeredBy}",upstream_cluster="${cluster}"`
        : `cluster_name="${cluster}",version="not-the-callee"`;
    const [counter, histogram] =
      source === "istio"
        ? ["istio_requests_total", "istio_request_duration_milliseconds"]
        : ["envoy_cluster_upstream_rq", "envoy_cluster_upstream_rq_time"];
    return [
      { series: `${counter}{${labels(version)},response_code="200"}`, values: traffic(version, "ok") },
      { series: `${counter}{${labels("unknown")},response_code="504"}`, values: traffic(version, "failed") },
      {
        series: `${histogram}_bucket{${labels("unknown")},le="500.0"}`,
        values: traffic(version, "within500ms"),
      },
      { series: `${histogram}_bucket{${labels("unknown")},le="+Inf"}`, values: traffic(version, "all") },
    ];
  });
}

interface Case {
  readonly title: string;
  readonly traffic: Traffic;
  /** What the rules are made of beside the weights. */
  readonly beside?: Pick<VersionRulesArgs, "rules" | "mirror" | "objective">;
  /** Minute → alerts of all that then fire, as `name version`. */
  readonly firing: Readonly<Record<string, readonly string[]>>;
}

/** When a gateway's certificate ends, in seconds of promtool's clock, which starts at the epoch. */
const certificate = (secret: string, values: string) => ({
  series: `envoy_listener_ssl_certificate_kubernetes___${secret}_expiration_unix_time_seconds{listener_address="0.0.0.0_8443"}`,
  values,
});
const DAY = 86_400;

const OK = "0+4800x60";
const OK_V2 = "0+1200x60";
const healthy: Traffic = (version, kind) => (kind === "failed" ? "0x60" : version === "v1" ? OK : OK_V2);

/** A rule that sends some requests, or all, to v1. */
const rule = (match: RequestMatch): NonNullable<Case["beside"]> => ({
  rules: [{ name: "some", match: [match], action: { to: "v1" } }],
});

const CASES: readonly Case[] = [
  { title: "nothing fires while all is well", traffic: healthy, firing: { "20m": [], "59m": [] } },
  {
    title: "failures of v2 burn its budget, and end with the shift back",
    traffic: (version, kind) =>
      version === "v2" && kind === "failed"
        ? "0x20 0+120x10 1200x30"
        : version === "v2" && kind === "ok"
          ? "0+1200x20 24000+1080x10 34800+1200x30"
          : healthy(version, kind),
    firing: {
      "19m": [],
      "30m": ["VersionErrorBudgetBurn v2", "VersionErrorBudgetBurn v2"],
      "45m": ["VersionErrorBudgetBurn v2"],
    },
  },
  {
    title: "slow answers of v2 burn its budget of latency",
    traffic: (version, kind) =>
      version === "v2" && kind === "within500ms" ? "0+600x60" : healthy(version, kind),
    firing: { "30m": ["VersionLatencyBudgetBurn v2", "VersionLatencyBudgetBurn v2"] },
  },
  {
    title: "a version that fails all requests, slowly, under the least objective that a stack may have",
    traffic: (version, kind) =>
      version === "v2" ? (kind === "failed" || kind === "all" ? OK_V2 : "0x60") : healthy(version, kind),
    beside: { objective: { availability: 95, latency: { withinMs: 500, percent: 95 } } },
    firing: {
      "30m": ["VersionErrorBudgetBurn v2", "VersionLatencyBudgetBurn v2"].flatMap((alert) => [alert, alert]),
    },
  },
  {
    title: "a share that is not the configured one",
    traffic: (version, kind) => (kind === "failed" ? "0x60" : version === "v1" ? "0+4500x60" : "0+1500x60"),
    firing: { "30m": ["VersionShareOff v1", "VersionShareOff v2"] },
  },
  {
    title: "a version without traffic",
    traffic: (version, kind) => (kind === "failed" ? "0x60" : version === "v1" ? "0+6000x60" : "0x60"),
    firing: { "30m": ["VersionShareOff v1", "VersionShareOff v2", "VersionWithoutTraffic v2"] },
  },
  {
    title: "few failed requests say nothing",
    traffic: (version, kind) =>
      version === "v2" ? (kind === "failed" ? "0x29 0 1x30" : "0x60") : healthy(version, kind),
    firing: {
      "30m": ["VersionShareOff v1", "VersionShareOff v2", "VersionWithoutTraffic v2"],
      "31m": ["VersionShareOff v1", "VersionShareOff v2"],
    },
  },
  {
    title: "a version without traffic beside a rule for some clients",
    traffic: (version, kind) => (kind === "failed" ? "0x60" : version === "v1" ? "0+6000x60" : "0x60"),
    beside: rule({ headers: { "x-beta": { exact: "1" } } }),
    firing: { "30m": ["VersionWithoutTraffic v2"] },
  },
  {
    title: "so few requests that a rule for some clients may have them all",
    traffic: (version, kind) => (kind === "failed" ? "0x60" : version === "v1" ? "0+30x60" : "0x60"),
    beside: rule({ headers: { "x-beta": { exact: "1" } } }),
    firing: { "30m": [] },
  },
  {
    title: "a version without traffic beside a rule that may have it all",
    traffic: (version, kind) => (kind === "failed" ? "0x60" : version === "v1" ? "0+6000x60" : "0x60"),
    beside: rule({ path: { prefix: "/" } }),
    firing: { "30m": [] },
  },
  {
    title: "a version without traffic beside a mirror",
    traffic: (version, kind) => (kind === "failed" ? "0x60" : version === "v1" ? "0+6000x60" : "0x60"),
    beside: { mirror: { to: "v1" } },
    firing: { "30m": ["VersionWithoutTraffic v2"] },
  },
  {
    title: "a share that is not the configured one, beside a rule that the gateway answers itself",
    traffic: (version, kind) => (kind === "failed" ? "0x60" : version === "v1" ? "0+4500x60" : "0+1500x60"),
    beside: {
      rules: [{ name: "gone", match: [{ path: { prefix: "/old" } }], action: { respond: { status: 410 } } }],
    },
    firing: { "30m": ["VersionShareOff v1", "VersionShareOff v2"] },
  },
];

/** What Prometheus adds to all that it reads of a pod, or of the API server. */
const from = (instance: string): string => `job="kubernetes-pods",instance="${instance}",pod="${instance}"`;
const API_SERVER = 'job="kubernetes-apiservers",instance="api"';

const ISTIOD = `up{app="istiod",${from("istiod")}}`;
const gateway = (pod: string, namespace = "istio-ingress"): string =>
  `up{istio="ingressgateway",namespace="${namespace}",${from(pod)}}`;
const ANSWERING: readonly Series[] = [ISTIOD, gateway("a"), gateway("b"), `up{${API_SERVER}}`].map(
  (series) => ({ series, values: "1x99" }),
);
const rejects = (istiod = "istiod"): string => `pilot_total_xds_rejects{type="lds",${from(istiod)}}`;
const WEBHOOK = `apiserver_admission_webhook_rejection_count{name="validation.istio.io",type="validating",operation="UPDATE",error_type="calling_webhook_error",rejection_code="0",${API_SERVER}}`;

/** What the mesh itself reports, beside what answers; a series of the same name replaces that. */
const MESH_CASES: readonly {
  readonly title: string;
  readonly series: readonly Series[];
  readonly firing: Case["firing"];
}[] = [
  {
    title: "no istiod that answers",
    series: [{ series: ISTIOD, values: "1x19 0x9 1x20" }],
    firing: { "21m": [], "22m": ["IstiodDown"], "30m": [] },
  },
  {
    title: "an istiod whose pod is gone, with a new one",
    series: [{ series: ISTIOD, values: "1x19 stale _x9 1x20" }],
    firing: { "22m": ["IstiodDown"], "31m": [] },
  },
  {
    title: "no gateway that answers",
    series: ["a", "b"].map((pod) => ({ series: gateway(pod), values: "1x19 0x9 1x20" })),
    firing: { "21m": [], "22m": ["IngressGatewayDown"], "30m": [] },
  },
  {
    title: "no gateway that answers, but one of somebody else",
    series: [
      ...["a", "b"].map((pod) => ({ series: gateway(pod), values: "1x19 stale _x9 1x20" })),
      { series: gateway("c", "other"), values: "1x99" },
    ],
    firing: { "21m": [], "22m": ["IngressGatewayDown"], "31m": [] },
  },
  {
    title: "one of two gateways that does not answer",
    series: [{ series: gateway("b"), values: "1x19 0x9 1x20" }],
    firing: { "24m": [], "25m": ["IngressGatewayDegraded"], "30m": [] },
  },
  {
    title: "one of two gateways that is gone",
    series: [{ series: gateway("b"), values: "1x19 stale _x9 1x20" }],
    firing: { "24m": [], "25m": ["IngressGatewayDegraded"], "31m": [] },
  },
  {
    title: "one of two istiods, of which one may do, that does not answer",
    series: [{ series: `up{app="istiod",${from("b")}}`, values: "_x9 1x9 0x10 stale" }],
    firing: { "23m": [], "25m": ["IstiodDegraded"], "31m": [] },
  },
  {
    title: "configuration that is refused for the first time",
    series: [{ series: rejects(), values: "_x20 1x40" }],
    firing: { "19m": [], "20m": ["ProxyConfigRejected"], "24m": ["ProxyConfigRejected"], "26m": [] },
  },
  {
    title: "configuration that is refused again",
    series: [{ series: rejects(), values: "7x20 8x40" }],
    firing: { "20m": [], "21m": ["ProxyConfigRejected"], "26m": [] },
  },
  {
    title: "configuration that a new istiod is told is refused",
    series: [
      { series: ISTIOD, values: "1x19 stale" },
      { series: rejects(), values: "7x19 stale" },
      { series: `up{app="istiod",${from("b")}}`, values: "_x20 1x40" },
      { series: rejects("b"), values: "_x20 1x40" },
      { series: `process_start_time_seconds{${from("b")}}`, values: `_x20 ${20 * 60 - 10}x40` },
    ],
    firing: { "19m": [], "20m": ["ProxyConfigRejected"], "26m": [] },
  },
  {
    title: "a scrape that failed, of an istiod that once had something refused",
    series: [
      { series: ISTIOD, values: "1x20 0 1x40" },
      { series: rejects(), values: "7x20 stale 7x40" },
    ],
    firing: { "21m": [], "25m": [], "26m": [], "27m": [] },
  },
  {
    title: "what was refused before anything was watched",
    series: [
      ...ANSWERING.map(({ series }) => ({ series, values: "_x9 1x50" })),
      { series: rejects(), values: "_x9 7x50" },
    ],
    firing: { "11m": [], "14m": [], "16m": [] },
  },
  {
    title: "what was refused before istiod was watched, a minute after the others",
    series: [
      ...ANSWERING.map(({ series }) => ({ series, values: "_x9 1x50" })),
      { series: ISTIOD, values: "_x10 1x50" },
      { series: rejects(), values: "_x10 7x50" },
    ],
    firing: { "11m": [], "14m": [], "15m": [], "16m": [] },
  },
  {
    title: "configuration that takes long to reach the proxies",
    series: [
      { series: 'pilot_proxy_convergence_time_bucket{le="10"}', values: "0+10x10 100x20 100+10x30" },
      { series: 'pilot_proxy_convergence_time_bucket{le="20"}', values: "0+10x10 100+10x20 300+10x30" },
      { series: 'pilot_proxy_convergence_time_bucket{le="+Inf"}', values: "0+10x10 100+10x20 300+10x30" },
    ],
    firing: { "10m": [], "20m": ["ProxyConfigSlow"], "40m": [] },
  },
  {
    title: "a webhook that fails for the first time",
    series: [{ series: WEBHOOK, values: "_x20 1x40" }],
    firing: { "19m": [], "20m": ["IstioWebhookFailing"], "26m": [] },
  },
  {
    title: "a webhook that refuses what is wrong",
    series: [{ series: WEBHOOK.replace("calling_webhook_error", "no_error"), values: "_x20 1+1x40" }],
    firing: { "21m": [], "30m": [] },
  },
  {
    title: "a sidecar that is not injected, for the first time",
    series: [{ series: `sidecar_injection_failure_total{${from("istiod")}}`, values: "_x20 1x40" }],
    firing: { "19m": [], "20m": ["SidecarInjectionFailing"], "26m": [] },
  },
  {
    title: "a root certificate that ends, until it is renewed",
    series: [
      { series: "citadel_server_root_cert_expiry_timestamp", values: `${10 * DAY}x79 ${3650 * DAY}x20` },
    ],
    firing: { "59m": [], "61m": ["MeshRootCertificateExpires"], "90m": [] },
  },
  {
    title: "a workload's certificate that ends, until it is renewed",
    series: [
      {
        series: 'istio_agent_cert_expiry_seconds{namespace="category",pod="v1",resource_name="default"}',
        values: "3900-60x20 86400-60x20",
      },
    ],
    firing: { "6m": [], "12m": ["WorkloadCertificateExpires"], "22m": [] },
  },
  {
    title: "a gateway's certificate that ends, until it is renewed",
    series: [
      certificate("shop_tls", `${10 * DAY}x79 ${100 * DAY}x20`),
      certificate("shop_tls_cacert", `${100 * DAY}x99`),
    ],
    firing: { "59m": [], "61m": ["GatewayCertificateExpires"], "90m": [] },
  },
];

/** Rules as promtool sees them, in a folder of their own. */
class Rules {
  private readonly folder = mkdtempSync(path.join(tmpdir(), "shopzier-rules-"));

  constructor(private readonly groups: readonly RuleGroup[]) {
    writeFileSync(this.file("rules.yml"), JSON.stringify({ groups }));
  }

  async lint(): Promise<void> {
    await must("promtool", "check", "rules", "--lint=all", "--lint-fatal", this.file("rules.yml"));
  }

  /** Throws unless exactly these alerts fire, by minute, when the series are as given. */
  async fire(firing: Case["firing"], series: readonly Series[]): Promise<void> {
    const test = {
      rule_files: ["rules.yml"],
      evaluation_interval: "1m",
      // Without it promtool takes them in any order, and what is recorded is a minute old now and then.
      group_eval_order: this.groups.map(({ name }) => name),
      tests: [
        {
          interval: "1m",
          input_series: series,
          promql_expr_test: Object.entries(firing).map(([eval_time, alerts]) => ({
            expr: 'count by (alertname, version) (ALERTS{alertstate="firing"})',
            eval_time,
            exp_samples: [...new Set(alerts)].map((alert) => {
              const [name = "", version] = alert.split(" ");
              return {
                labels: `{alertname="${name}"${version === undefined ? "" : `,version="${version}"`}}`,
                value: alerts.filter((a) => a === alert).length,
              };
            }),
          })),
        },
      ],
    };
    writeFileSync(this.file("test.yml"), JSON.stringify(test));
    await must("promtool", "test", "rules", this.file("test.yml"));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  private file(name: string): string {
    return path.join(this.folder, name);
  }
}

async function withRules(groups: readonly RuleGroup[], use: (rules: Rules) => Promise<void>): Promise<void> {
  const rules = new Rules(groups);
  try {
    await use(rules);
  } finally {
    rules.remove();
  }
}

for (const source of ["istio", "envoy"] as const) {
  describe(`rules on ${source}'s metrics, by promtool`, function () {
    this.timeout("60s");
    const groups = (beside: Case["beside"] = {}): RuleGroup[] =>
      versionRules({ service: SERVICE, source, shares: { v1: 80, v2: 20 }, ...beside });

    it("are valid for Prometheus, without duplicates", () =>
      withRules([...groups(), meshRules()], (rules) => rules.lint()));

    for (const { title, traffic, beside, firing } of CASES)
      it(title, () => withRules(groups(beside), (rules) => rules.fire(firing, series(source, traffic))));
  });
}

describe("rules on the mesh itself, by promtool", function () {
  this.timeout("60s");

  for (const { title, series, firing } of MESH_CASES) {
    const more = new Map([...ANSWERING, ...series].map((s) => [s.series, s]));
    it(title, () =>
      withRules([meshRules({ gatewayPods: 2 })], (rules) => rules.fire(firing, [...more.values()])),
    );
  }

  it("have each an alert that is seen to fire and to end", () => {
    const fired = new Set(MESH_CASES.flatMap(({ firing }) => Object.values(firing).flat()));
    const alerts = meshRules().rules.map((rule) => ("alert" in rule ? rule.alert : ""));
    assert.deepEqual([...fired].sort(), alerts.sort());
  });
});
