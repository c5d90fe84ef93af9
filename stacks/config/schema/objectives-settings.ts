import { LATENCY_BUCKETS_MS } from "../../../components/observability/queries";
import { LABEL, LABEL_RULE } from "./dns-names";
import { exactlyOne, field, map, object, refuse, refuseAs, text, WHEN_OBJECT, withDefault } from "./fields";
import { duration, numeric } from "./number-fields";

/** Percent of the requests that meet an objective. */
const objective = (description: string, example: number) =>
  withDefault(
    field(
      (value) => {
        const n = numeric(value);
        if (n !== undefined && n >= 95 && n < 100) return n;
        return n !== undefined && n < 95 ? refuseAs("objectiveTooLow", {}) : refuse();
      },
      {
        title: "a number from 95 to below 100",
        type: ["number", "string"],
        minimum: 95,
        exclusiveMaximum: 100,
        description,
        example,
      },
    ),
    example,
  );

const WITHIN = ["10ms", "25ms", "50ms", "100ms", "250ms", "500ms", "1s", "2.5s", "5s", "10s"] as const;

const within = field(
  (value) => {
    const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(typeof value === "string" ? value : "") ?? [];
    const ms = Number(amount) * (unit === "s" ? 1000 : 1);
    if (LATENCY_BUCKETS_MS.includes(ms)) return ms;
    const above = WITHIN.find((bound) => parseFloat(bound) * (bound.endsWith("ms") ? 1 : 1000) >= ms);
    return refuseAs("latencyBoundUnknown", {}, ...(above === undefined ? [] : [{ set: above }]));
  },
  {
    title: WITHIN.join(", "),
    enum: WITHIN,
    description: "A bound of the latency histogram.",
    example: "500ms",
  },
);

const windows = (long: string, short: string, [longDefault, shortDefault]: readonly [number, number]) =>
  object(
    {
      long: withDefault(
        duration("seconds", 10_000, 30 * 86_400_000, {
          description: "The long window.",
          range: 'from "10s" to "720h"',
          example: long,
        }),
        longDefault,
        long,
      ),
      short: withDefault(
        duration("seconds", 5000, 86_400_000, {
          description: "The short window: how soon an alert ends.",
          range: 'from "5s" to "24h"',
          example: short,
        }),
        shortDefault,
        short,
      ),
    },
    "Windows of a burn rate.",
  ).prefault({});

/** The names of the criteria that every service has. */
const BUILT_IN = ["errors", "latency"];
const OWN_NAME = new RegExp(`^(?!(?:${BUILT_IN.join("|")})$)${LABEL.source.replace(/^\^/, "")}`);

const counter = (what: string, example: string) =>
  text(
    /^[a-zA-Z_:][a-zA-Z0-9_:]*(\{[^{}]*\})?$/,
    "a PromQL selector of a counter, without a function",
    { description: `Counter of the requests ${what}; its series have the labels version and pod.`, example },
    (written) => written.trim(),
  );

const ownCriterion = object(
  {
    percent: field(
      (value) => {
        const n = numeric(value);
        return n !== undefined && n > 0 && n < 100 ? n : refuse();
      },
      {
        title: "a number above 0 and below 100",
        type: ["number", "string"],
        exclusiveMinimum: 0,
        exclusiveMaximum: 100,
        description: "Percent of the requests that are good.",
        example: 98,
      },
    ),
    all: counter("that count", 'orders_total{app="shop"}'),
    good: counter("that were good", 'orders_total{app="shop",state="placed"}').exactOptional(),
    bad: counter("that were bad", 'orders_total{app="shop",state="lost"}').exactOptional(),
    words: text(
      /\S/,
      "words",
      { description: "What a bad request did, for verdicts.", example: "ended without an order" },
      (written) => written,
    ).exactOptional(),
  },
  "An objective of your own, by counters in Prometheus.",
).superRefine(exactlyOne(["good", "bad"]), WHEN_OBJECT);

export const objectives = object(
  {
    availability: objective(
      "Percent of the requests to each version that do not fail (status below 500).",
      99.9,
    ),
    latency: object(
      {
        within: withDefault(within, 500, "500ms"),
        percent: objective("Percent of the requests to each version that are answered within it.", 99),
      },
      "The objective of the latency.",
    ).prefault({}),
    own: map(
      { pattern: OWN_NAME, allowed: `${LABEL_RULE}, and none of ${BUILT_IN.join(", ")}`, kind: "objective" },
      ownCriterion,
      "Objectives of your own. `shopzier shift`, `shopzier watch` and the gate judge by them too; they have no alerts.",
    ).exactOptional(),
    fast: windows("1h", "5m", [3600, 300]),
    slow: windows("6h", "30m", [21_600, 1800]),
  },
  "What each version promises; alerts fire when both windows burn the error budget 14.4 times (fast) or 6 times (slow) too fast.",
);
