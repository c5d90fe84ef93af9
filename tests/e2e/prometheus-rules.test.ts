import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { meshRules, versionRules, type MetricsSource, type ObservedService } from "../../components/index";
import { tool } from "./lab";

const SERVICE: ObservedService = {
  name: "category",
  namespace: "category",
  port: 8080,
  versions: ["v1", "v2"],
};

/** Requests per minute of a version: `values` as promtool writes series, a sample each minute. */
type Traffic = (version: string, kind: "ok" | "failed" | "within500ms" | "all") => string;

/** The series that a gateway's proxy gives Prometheus, in each of the two variants. */
function series(source: MetricsSource, traffic: Traffic): { series: string; values: string }[] {
  return SERVICE.versions.flatMap((version) => {
    const labels =
      source === "istio"
        ? `reporter="source",destination_service_name="category",destination_service_namespace="category",destination_version="${version}"`
        : `cluster_name="outbound|8080|${version}|category.category.svc.cluster.local",version="not-the-callee"`;
    const [counter, histogram] =
      source === "istio"
        ? ["istio_requests_total", "istio_request_duration_milliseconds"]
        : ["envoy_cluster_upstream_rq", "envoy_cluster_upstream_rq_time"];
    return [
      { series: `${counter}{${labels},response_code="200"}`, values: traffic(version, "ok") },
      { series: `${counter}{${labels},response_code="503"}`, values: traffic(version, "failed") },
      { series: `${histogram}_bucket{${labels},le="500.0"}`, values: traffic(version, "within500ms") },
      { series: `${histogram}_bucket{${labels},le="+Inf"}`, values: traffic(version, "all") },
    ];
  });
}

interface Case {
  readonly title: string;
  readonly traffic: Traffic;
  readonly more?: readonly { readonly series: string; readonly values: string }[];
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
    title: "a gateway's certificate that ends, and ends the alert when it is renewed",
    traffic: healthy,
    more: [
      certificate("shop_tls", `${10 * DAY}x79 ${100 * DAY}x20`),
      certificate("shop_tls_cacert", `${100 * DAY}x99`),
    ],
    firing: { "59m": [], "61m": ["GatewayCertificateExpires"], "90m": [] },
  },
];

for (const source of ["istio", "envoy"] as const) {
  describe(`rules on ${source}'s metrics, by promtool`, function () {
    this.timeout("60s");
    const groups = [...versionRules({ service: SERVICE, source, shares: { v1: 80, v2: 20 } }), meshRules()];
    let folder: string;
    before(() => {
      folder = mkdtempSync(path.join(tmpdir(), "shopzier-rules-"));
      writeFileSync(path.join(folder, "rules.yml"), JSON.stringify({ groups }));
    });
    after(() => {
      rmSync(folder, { recursive: true });
    });

    it("are valid for Prometheus, without duplicates", async () => {
      const { exitCode, all } = await tool(
        "promtool",
        "check",
        "rules",
        "--lint=all",
        "--lint-fatal",
        path.join(folder, "rules.yml"),
      );
      assert.equal(exitCode, 0, all);
    });

    for (const { title, traffic, more = [], firing } of CASES) {
      it(title, async () => {
        const up = ["istiod", "gateway"].map((name) => ({
          series: name === "istiod" ? 'up{app="istiod"}' : 'up{istio="ingressgateway"}',
          values: "1x99",
        }));
        const test = {
          rule_files: ["rules.yml"],
          evaluation_interval: "1m",
          // Without it promtool takes them in any order, and what is recorded is a minute old now and then.
          group_eval_order: groups.map(({ name }) => name),
          tests: [
            {
              interval: "1m",
              input_series: [...series(source, traffic), ...up, ...more],
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
        const file = path.join(folder, "test.yml");
        writeFileSync(file, JSON.stringify(test));
        const { exitCode, all } = await tool("promtool", "test", "rules", file);
        assert.equal(exitCode, 0, all);
      });
    }
  });
}
