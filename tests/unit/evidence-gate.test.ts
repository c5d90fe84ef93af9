import assert from "node:assert/strict";
import { PrometheusApi } from "../../components/observability/prometheus-api";
import { PrometheusCounters } from "../../components/observability/prometheus-counters";
import { splitOf, type Split } from "../../components/observability/route-split";
import {
  fledVersions,
  gateAnswer,
  judgedRises,
  verdictsOf,
  type EvidenceGateArgs,
  type GateAnswer,
  type SplitRise,
} from "../../components/service/evidence-gate";
import { lastChange } from "../../components/observability/settled-route";
import { sharesBeforeShift } from "../../components/traffic/shift-mark";
import { StandInPrometheus } from "../support/stand-in-prometheus";

const METRICS = { prometheus: "monitoring/prometheus:9090", source: "envoy" } as const;

const split = (shares: Readonly<Record<string, number>>): Split =>
  splitOf({
    metadata: { name: "shop", namespace: "web" },
    spec: {
      http: [
        {
          name: "all",
          route: Object.entries(shares).map(([subset, weight]) => ({
            destination: { host: "shop.web.svc.cluster.local", port: { number: 8080 }, subset },
            weight,
          })),
        },
      ],
    },
  }) as Split;

describe("a gate before an update", () => {
  let prometheus: StandInPrometheus;

  before(async () => {
    prometheus = await StandInPrometheus.open();
  });
  after(() => {
    prometheus.close();
  });
  beforeEach(() => {
    prometheus.forget();
    prometheus.instead = undefined;
  });

  /** The answer to an edit, after ten minutes in which of 20 requests of v2 a quarter of a minute so many failed. */
  async function answer(
    [before, after]: readonly [number, number],
    { failed, requests = 20 }: { readonly failed: number; readonly requests?: number },
    gate: EvidenceGateArgs = {},
  ): Promise<{ readonly rises: readonly SplitRise[]; readonly answer: GateAnswer }> {
    const old = split({ v1: 100 - before, v2: before });
    for (let i = 1; i <= 40; i++) {
      prometheus.now += 15;
      if (requests > 0)
        prometheus.scrape("gateway", {
          v1: { requests: 80 * i },
          v2: { requests: requests * i, failed: failed * i },
        });
    }
    const rises = judgedRises(old, split({ v1: 100 - after, v2: after }));
    const counters = new PrometheusCounters(PrometheusApi.connect({ address: prometheus.url }), {
      service: old.service,
      source: "envoy",
    });
    const { readings, unclear } = await counters.history(old.shares, { seconds: 600, step: 15 });
    const verdicts = readings.length > 1 ? verdictsOf(readings, old, METRICS) : {};
    return { rises, answer: gateAnswer(rises, verdicts, unclear, gate) };
  }

  it("refuses more requests for a version that is worse, with the numbers", async () => {
    const found = await answer([20, 50], { failed: 1 });
    assert.equal(found.answer.allowed, false);
    assert.match(
      found.answer.words.join(),
      /^v2 rises from 20 to 50 %: v2 is worse than v1: 39 of 780 requests of v2 failed \(5 %\), 0 of 3,120 of v1/,
    );
  });

  it("lets rise what is good, and what is not decided", async () => {
    const good = await answer([20, 50], { failed: 0, requests: 400 });
    assert.ok(good.answer.allowed);
    assert.match(good.answer.words.join(), /v2 is good enough in this step/);
    prometheus.forget();
    const open = await answer([20, 50], { failed: 0 }, { onMissing: "refuse" });
    assert.ok(open.answer.allowed);
    assert.match(open.answer.words.join(), /v2 is not decided/);
  });

  it("does what the user chose where nothing was counted", async () => {
    const without = await answer([20, 50], { failed: 0, requests: 0 });
    assert.ok(without.answer.allowed);
    assert.match(without.answer.words.join(), /nothing was counted of it \(Prometheus has no counter/);
    assert.equal(
      (await answer([20, 50], { failed: 0, requests: 0 }, { onMissing: "refuse" })).answer.allowed,
      false,
    );
    prometheus.instead = { status: 503, body: "" };
    const away = await answer([20, 50], { failed: 1 }, { onMissing: "refuse" });
    assert.equal(away.answer.allowed, false);
    assert.match(away.answer.words.join(), /answers 503/);
  });

  it("lets an override rise as far as it says, and no further", async () => {
    const override = { version: "v2", to: 50, reason: "a load test" };
    const allowed = await answer([20, 50], { failed: 1 }, { override });
    assert.ok(allowed.answer.allowed);
    assert.match(
      allowed.answer.words.join(),
      /^v2 rises from 20 to 50 % by override \(a load test\): v2 is worse/,
    );
    prometheus.forget();
    assert.equal((await answer([20, 60], { failed: 1 }, { override })).answer.allowed, false);
  });

  it("asks nothing about a fall, a first share, the way back and a removed version", () => {
    for (const [before, after] of [
      [
        { v1: 80, v2: 20 },
        { v1: 90, v2: 10 },
      ],
      [
        { v1: 100, v2: 0 },
        { v1: 90, v2: 10 },
      ],
      [
        { v1: 50, v2: 50 },
        { v1: 100, v2: 0 },
      ],
      [{ v1: 80, v2: 20 }, { v1: 100 }],
    ] as const)
      assert.deepEqual(judgedRises(split(before), split(after)), []);
    assert.deepEqual(judgedRises(split({ v1: 80, v2: 20 }), split({ v1: 75, v2: 25 })), [
      { version: "v2", before: 20, after: 25 },
    ]);
  });

  it("never holds up a way back from a version that is worse, whatever the other one does", async () => {
    // Most requests go to v2, which fails fast; v1 is slow at times.
    const [before, after] = [split({ v1: 20, v2: 80 }), split({ v1: 90, v2: 10 })];
    for (let i = 1; i <= 40; i++) {
      prometheus.now += 15;
      prometheus.scrape("gateway", {
        v1: { requests: 100 * i, slow: 4 * i },
        v2: { requests: 400 * i, failed: 80 * i },
      });
    }
    const counters = new PrometheusCounters(PrometheusApi.connect({ address: prometheus.url }), {
      service: before.service,
      source: "envoy",
    });
    const { readings } = await counters.history(before.shares, { seconds: 600, step: 15 });
    const verdicts = verdictsOf(readings, before, METRICS);
    assert.equal(verdicts.v1?.verdict, "worse");
    const fled = fledVersions(readings, [before, after], METRICS);
    const found = gateAnswer(judgedRises(before, after), verdicts, [], {}, fled);
    assert.ok(found.allowed);
    assert.match(found.words.join(), /^v1 rises from 20 to 90 %: v2 is worse than v1: /);
  });
});

describe("the route that the gate looks at", () => {
  const [made, shifted, marked] = ["2027-01-15T08:00:00Z", "2027-01-15T09:00:00Z", "2027-01-15T10:00:00Z"];
  const mark = (before: unknown): Record<string, string> => ({
    "shopzier-mesh/shift": JSON.stringify({ version: "v2", to: 100, before, at: marked }),
  });

  it("has its shares since its spec was written, not since its mark", () => {
    const managedFields = [
      { manager: "pulumi", time: shifted, fieldsV1: { "f:spec": {} } },
      { manager: "shopzier", time: marked, fieldsV1: { "f:metadata": {} } },
    ];
    assert.equal(lastChange({ creationTimestamp: made, managedFields }), Date.parse(shifted) / 1000);
    assert.equal(lastChange({ creationTimestamp: made }), Date.parse(made) / 1000);
    assert.equal(lastChange({}), undefined);
  });

  it("says the shares from before a shift, if its mark can be read", () => {
    assert.deepEqual(sharesBeforeShift(mark({ v1: "rest", v2: 10 })), { v1: 90, v2: 10 });
    for (const broken of [mark({ v1: 50 }), mark(undefined), { "shopzier-mesh/shift": "{" }, undefined])
      assert.equal(sharesBeforeShift(broken), undefined);
  });
});
