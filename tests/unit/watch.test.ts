import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import {
  beginWatch,
  exitCodeOf,
  rateOf,
  reportOf,
  withReading,
  type WatchReport,
  type WatchState,
} from "../../cli/watch/model";
import { inForce, type Observed } from "../../cli/watch/observed";
import { testShares, versionsOff, SHARE_ALPHA, type ShareTest } from "../../cli/watch/share-test";
import { chosenRoute } from "../../cli/watch/split";
import { splitOf, type Split } from "../../components/observability/route-split";
import { plainLines, watchLines } from "../../cli/watch/text";
import type { KubernetesObject } from "../../cli/side";
import { criteriaOf } from "../../components/observability/prometheus-counters";
import { shiftReports } from "../support/watch-reports";
import { proxyShares } from "../../components/readiness/propagation";

const to = (subset: string, weight: number): object => ({
  destination: { host: "shop.web.svc.cluster.local", port: { number: 8080 }, subset },
  weight,
});
const route = (http: readonly object[], name = "shop"): KubernetesObject => ({
  apiVersion: "networking.istio.io/v1",
  kind: "VirtualService",
  metadata: { name, namespace: "web" },
  spec: { hosts: ["shop.example.com"], gateways: ["shop", "istio-ingress/all"], http },
});
const all = { name: "all", route: [to("v1", 80), to("v2", 20)] };
const SPLIT = splitOf(route([all]) as never) as Split;

describe("the split of a VirtualService", () => {
  it("is that of the last rule with versions", () => {
    const beta = { name: "beta", match: [{ headers: { beta: { exact: "1" } } }], route: [to("v2", 100)] };
    const split = splitOf(route([beta, all, { name: "none", directResponse: { status: 404 } }]) as never);
    assert.deepEqual(split, {
      namespace: "web",
      name: "shop",
      rule: "all",
      shares: { v1: 80, v2: 20 },
      service: { name: "shop", namespace: "web", port: 8080, versions: ["v1", "v2"] },
      gateways: ["web/shop", "istio-ingress/all"],
      otherRequests: "other rules send requests to versions, too",
    });
  });

  it("has to be named where there are several", () => {
    const two = [route([all]), route([all], "cart"), route([{ redirect: {} }], "old")];
    assert.throws(
      () => chosenRoute(two, undefined),
      /more than one .*\n {2}allowed: one of web\/shop, web\/cart$/,
    );
    assert.throws(() => chosenRoute(two, "old"), /found old/);
    assert.throws(() => chosenRoute([], undefined), /found none with versions/);
    assert.equal(chosenRoute(two, "cart").split.name, "cart");
    assert.equal(chosenRoute(two, "web/shop").split.name, "shop");
  });
});

describe("the split in Envoy", () => {
  const dump = (...weights: readonly (readonly [number, number])[]): Parameters<typeof proxyShares>[0] => ({
    configs: weights.map(([v1, v2]) => ({
      route_config: {
        virtual_hosts: [
          {
            routes: [
              {
                name: "all",
                metadata: {
                  filter_metadata: {
                    istio: { config: "/apis/networking.istio.io/v1/namespaces/web/virtual-service/shop" },
                  },
                },
                route: {
                  weighted_clusters: {
                    clusters: [
                      { name: "outbound|8080|v1|shop.web.svc.cluster.local", weight: v1 },
                      { name: "outbound|8080|v2|shop.web.svc.cluster.local", weight: v2 },
                    ],
                  },
                },
              },
            ],
          },
        ],
      },
    })),
  });

  it("is read by version, and once where all hosts have it", () => {
    assert.deepEqual(proxyShares(dump([80, 20], [80, 20]), SPLIT, "all"), [{ v1: 80, v2: 20 }]);
    assert.deepEqual(proxyShares(dump([80, 20], [1, 1]), SPLIT, "all").length, 2);
    assert.deepEqual(proxyShares(dump([80, 20]), SPLIT, "other"), []);
    assert.deepEqual(proxyShares(dump([80, 20]), { ...SPLIT, name: "cart" }, "all"), []);
  });

  it("is in force where every pod has it", () => {
    const [a, b] = [
      { pod: "a", shares: { v1: 80, v2: 20 } },
      { pod: "b", shares: { v1: 80, v2: 20, v3: 0 } },
    ];
    assert.equal(inForce([a, b]), a.shares);
    assert.equal(inForce([a, { pod: "b", shares: { v1: 70, v2: 30 } }]), undefined);
    assert.equal(inForce([a, { pod: "b", shares: undefined }]), undefined);
    assert.equal(inForce([]), undefined);
  });
});

describe("measured shares against those in force", () => {
  /** A generator with a seed (Mulberry32). */
  const random = (seed: number) => (): number => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  /** After how many batches of 100 requests a share of v2 is called off; undefined where it never is. */
  const found = (share: number, inForce: number, batches: number, seed: number): number | undefined => {
    const draw = random(seed);
    let test: ShareTest = {};
    for (let batch = 1; batch <= batches; batch++) {
      let v2 = 0;
      for (let i = 0; i < 100; i++) if (draw() * 100 < share) v2++;
      const counts = { v1: { errors: { bad: 0, of: 100 - v2 } }, v2: { errors: { bad: 0, of: v2 } } };
      test = testShares(test, { v1: 100 - inForce, v2: inForce }, counts, "errors");
      if (versionsOff(test).length > 0) return batch;
    }
    return undefined;
  };

  it("are called off in at most 1 in 100 watches where they are right", () => {
    for (const share of [1, 20, 50]) {
      const wrong = Array.from({ length: 100 }, (_, seed) => found(share, share, 60, seed + 1));
      // One is allowed on average; six or more come by chance once in 1,800 times.
      assert.ok(wrong.filter((batch) => batch !== undefined).length <= 100 * SHARE_ALPHA + 4, String(share));
    }
  });

  it("are called off soon where they are not", () => {
    for (const [share, inForce, batches] of [
      [40, 20, 3],
      [0, 20, 2],
      [25, 20, 60],
      [3, 0, 10],
    ] as const)
      assert.ok((found(share, inForce, batches, 7) ?? Infinity) <= batches, `${share} for ${inForce}`);
  });

  it("are right again soon after they are", () => {
    const counts = (v2: number) => ({
      v1: { errors: { bad: 0, of: 1000 - v2 } },
      v2: { errors: { bad: 0, of: v2 } },
    });
    const shares = { v1: 80, v2: 20 };
    let test = testShares({}, shares, counts(600), "errors");
    assert.deepEqual(versionsOff(test), ["v1", "v2"]);
    for (let i = 0; i < 3; i++) test = testShares(test, shares, counts(200), "errors");
    assert.deepEqual(versionsOff(test), []);
  });
});

describe("shopzier watch", () => {
  const shares = { v1: 80, v2: 20 };
  const gateways = [{ pod: "gateway", shares }];
  const reading = (at: number, v1: number, v2: number, failed = 0) => ({
    at,
    shares,
    pods: {
      gateway: {
        v1: { errors: { bad: 0, of: v1 }, latency: { bad: 0, of: v1 } },
        v2: { errors: { bad: failed, of: v2 }, latency: { bad: 0, of: v2 } },
      },
    },
  });
  const seen = (more: Partial<Observed> = {}): Observed => ({
    at: "2026-01-01T00:00:00.000Z",
    configured: shares,
    gateways,
    counters: { reading: reading(60, 1, 1), unclear: [] },
    ...more,
  });
  const begun = beginWatch({ split: SPLIT, criteria: criteriaOf({}) });
  const after = (...readings: readonly ReturnType<typeof reading>[]): WatchState =>
    readings.reduce(withReading, begun);

  it("shows each version's shares, rate, errors and evidence", () => {
    const report = reportOf(after(reading(0, 0, 0), reading(60, 4800, 1200, 1)), seen());
    const [v1, v2] = report.versions;
    assert.equal(report.baseline, "v1");
    assert.deepEqual(
      [v1?.configured, v1?.envoy, v1?.measured, v1?.rate, v1?.verdict],
      [80, 80, 80, 80, null],
    );
    assert.deepEqual([v2?.verdict, v2?.worse?.needed, v2?.good?.needed], ["inconclusive", 200, 100]);
    assert.ok((v2?.left ?? 0) > 0);
    assert.deepEqual(v2?.criteria, { errors: { bad: 1, of: 1200 }, latency: { bad: 0, of: 1200 } });
    assert.deepEqual([report.drift, report.unclear, exitCodeOf(report)], [[], [], 0]);
  });

  it("knows the rate of all versions", () => {
    assert.equal(rateOf(after(reading(0, 0, 0), reading(60, 4800, 1200))), 100);
    assert.equal(rateOf(begun), undefined);
  });

  it("says where declared, configured, in Envoy and measured differ", () => {
    const report = reportOf(
      after(reading(0, 0, 0), reading(60, 1000, 1000)),
      seen({ declared: { v1: 90, v2: 10 }, gateways: [...gateways, { pod: "late", shares: { v1: 100 } }] }),
    );
    assert.deepEqual(report.drift.slice(0, 2), [
      "Declared is v1 90 %, v2 10 %, and the VirtualService in the cluster has v1 80 %, v2 20 %.",
      "Gateway pod late has v1 100 % instead of v1 80 %, v2 20 %.",
    ]);
    assert.match(
      report.drift[3] ?? "",
      /^v2 got 50 % of the last 2,000 requests and should get 20 %, which chance/,
    );
    assert.deepEqual(report.unclear, [
      "Gateway pod late is not counted: Prometheus has no request counters of it.",
    ]);
    assert.equal(exitCodeOf(report), 2);
  });

  it("does not compare measured shares where other rules send requests to versions", () => {
    const settings = { ...begun.settings, split: { ...SPLIT, otherRequests: "for a reason" } };
    const state = [reading(0, 0, 0), reading(60, 1000, 1000)].reduce(withReading, beginWatch(settings));
    const report = reportOf(state, seen());
    assert.deepEqual(report.drift, []);
    assert.deepEqual(report.unclear, ["Measured shares are not compared with those in force: for a reason."]);
  });

  it("ends with 2 where a version is worse, and with 1 where nothing was counted", () => {
    const worse = reportOf(after(reading(0, 0, 0), reading(60, 800, 200, 40)), seen());
    assert.equal(worse.versions[1]?.verdict, "worse");
    assert.equal(exitCodeOf(worse), 2);
    const nothing = reportOf(begun, seen({ counters: { reading: undefined, unclear: ["Away."] } }));
    assert.deepEqual(nothing.unclear, ["Away."]);
    assert.equal(exitCodeOf(nothing), 1);
  });

  it("compares anew when a version without a share gets one", () => {
    const first = after(reading(0, 0, 0), reading(60, 80, 20));
    const other = { v1: 80, v3: 20 };
    const counts = (of: number) => ({ errors: { bad: 0, of }, latency: { bad: 0, of } });
    const later = [0, 1].map((i) => ({
      at: 120 + i,
      shares: other,
      pods: { gateway: { v1: counts(i), v3: counts(i) } },
    }));
    const state = later.reduce(withReading, first);
    assert.deepEqual(state.evidence?.settings.candidates, ["v3"]);
    const alone = [
      { ...reading(0, 0, 0), shares: { v2: 100 } },
      { ...reading(9, 0, 9), shares: { v2: 100 } },
    ];
    assert.deepEqual(alone.reduce(withReading, begun).evidence?.settings.candidates, ["v2"]);
  });

  it("forgets what it counted lately when the shares change", () => {
    const other = { ...reading(70, 4900, 1300), shares: { v1: 50, v2: 50 } };
    const state = withReading(after(reading(0, 0, 0), reading(60, 4800, 1200)), other);
    assert.deepEqual([state.recent, state.shareTest], [[], {}]);
    assert.match(state.unclear.join(), /shares changed/);
  });

  it("is a table for people, and lines for logs", () => {
    const report = reportOf(after(reading(0, 0, 0), reading(60, 800, 200, 40)), seen());
    const lines = watchLines(report);
    assert.equal(
      lines
        .map(({ text }) => text)
        .slice(0, 5)
        .join("\n"),
      [
        "web/shop, rule all, 00:00:00 UTC",
        "",
        "  version  configured  in Envoy  measured  rate   errors  latency  evidence worse  good enough     verdict",
        "  v1       80 %        80 %      80 %      13/s   0 %     0 %                                      baseline",
        "  v2       20 %        20 %      20 %      3.3/s  20 %    0 %      6.1e+26 of 200  0.00063 of 100  worse",
      ].join("\n"),
    );
    assert.deepEqual([lines[3]?.tone, lines[4]?.tone], ["plain", "bad"]);
    assert.equal(
      plainLines(report)[0],
      "00:00:00 v1 80 % (measured 80 %), 13/s, errors 0 %, latency 0 %; v2 20 % (measured 20 %), 3.3/s, errors 20 %, latency 0 %, worse",
    );
  });
});

describe("docs/watch.md", () => {
  const guide = readFileSync(path.join(__dirname, "../../docs/watch.md"), "utf8");

  it("shows a table as it is", () => {
    const report = shiftReports()[52] as WatchReport;
    const lines = watchLines(report).map(({ text }) => text);
    assert.ok(guide.includes(`\`\`\`text\n${lines.join("\n")}\n\`\`\`\n`));
  });

  it("has each field of a report", () => {
    const [report] = shiftReports() as [WatchReport];
    const fields = [...guide.matchAll(/^\| ((?:`\w+`(?:, )?)+) +\|/gm)].flatMap(([, names = ""]) =>
      [...names.matchAll(/\w+/g)].map(String),
    );
    const [row] = report.versions;
    assert.deepEqual(fields.sort(), [...Object.keys(report), ...Object.keys(row ?? {})].sort());
  });
});
