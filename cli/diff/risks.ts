/** Why a reviewer should look twice at an edit. Each risk has a code, an anchor of docs/risks.md. */
import { LEVELS, type Level, type Risk } from "./report";

interface Kind {
  readonly level: Level;
  /** A few words, for the list in docs/risks.md. */
  readonly title: string;
  readonly fix: string;
}

/** All there are. Codes are never given again. */
export const RISKS = {
  W001: {
    level: "high",
    title: "requests go to a version without pods",
    fix: "Give the version pods before it gets requests, in an edit of its own.",
  },
  W002: {
    level: "high",
    title: "requests go to a subset that no DestinationRule has",
    fix: "Add the subset to a DestinationRule of the host, or name one that is there.",
  },
  W003: {
    level: "medium",
    title: "image and share of a version change in one edit",
    fix: "Roll out the image first, and raise the share when its pods have shown that they work.",
  },
  W004: {
    level: "high",
    title: "an object that carries requests is deleted or replaced",
    fix: "Check that nothing uses it any more; keep its name, so that it is updated in place.",
  },
  W005: {
    level: "medium",
    title: "control plane and data plane change in one edit",
    fix: "Upgrade the control plane in an edit of its own.",
  },
  W006: {
    level: "high",
    title: "less is asked of callers than before",
    fix: "Ask the owners of security whether this is meant.",
  },
  W007: {
    level: "medium",
    title: "a gateway takes more hosts",
    fix: "Name the hosts that are meant.",
  },
  W008: {
    level: "medium",
    title: "each pod of a version gets more requests than any pod got before",
    fix: "Raise the replicas of the version first, or raise its share in smaller steps.",
  },
  W009: {
    level: "low",
    title: "a value is known only after `pulumi up`",
    fix: "Look at it after `pulumi up`, or write it down.",
  },
  W010: {
    level: "medium",
    title: "a rule is never reached",
    fix: "Move the rule before the one that takes its requests, or delete it.",
  },
  W011: {
    level: "high",
    title: "a host is no longer routed",
    fix: "Check that no client uses the host any more.",
  },
  W012: {
    level: "medium",
    title: "a step is larger than the stack allows",
    fix: "Raise the share in several steps, or set maxStep.",
  },
  W013: {
    level: "medium",
    title: "faults are injected",
    fix: "Check that the rule matches test requests only.",
  },
  W014: {
    level: "high",
    title: "the shares of a rule send no request anywhere",
    fix: "Give one destination a weight above 0.",
  },
  W015: {
    level: "medium",
    title: "a destination leads to other pods",
    fix: "Shift by weights between two versions instead, so that the way back is a number.",
  },
  W016: {
    level: "high",
    title: "requests that were answered lead nowhere",
    fix: "Look at the examples in the report, and add a rule for them if clients send them.",
  },
  W017: {
    level: "medium",
    title: "requests that passed are refused, or the other way round",
    fix: "Look at the examples in the report, and check that it is meant.",
  },
  W018: {
    level: "medium",
    title: "one `pulumi up` cannot make this edit without harm in between",
    fix: "Make it in two edits, as the report says.",
  },
} as const satisfies Record<string, Kind>;

export type RiskCode = keyof typeof RISKS;

export const risk = (code: RiskCode, where: string, why: string, fix: string = RISKS[code].fix): Risk => ({
  code,
  level: RISKS[code].level,
  where,
  why,
  fix,
});

export const isAtLeast = (level: Level, than: Level): boolean =>
  LEVELS.indexOf(level) >= LEVELS.indexOf(than);

/** The heaviest first; of one level in the order of the codes. */
export const heaviestFirst = (risks: readonly Risk[]): Risk[] =>
  [...risks].sort(
    (a, b) =>
      LEVELS.indexOf(b.level) - LEVELS.indexOf(a.level) || (a.code < b.code ? -1 : a.code > b.code ? 1 : 0),
  );
