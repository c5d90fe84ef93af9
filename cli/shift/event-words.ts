/** Events as lines of text, and the state of a step as a table. Pure. */
import { about, duration, percent } from "../../components/evidence/verdict-words";
import { effectiveShares } from "../../components/traffic/weights";
import { number } from "../diff/words";
import { columns } from "../report/columns";
import type { CountsEvent, EndEvent, ShiftEvent, Untimed } from "./events";
import { splitWords } from "./step-weights";

const OUTCOMES: Readonly<Record<EndEvent["outcome"], string>> = {
  arrived: "Arrived. ",
  "went back": "Went back: ",
  held: "Held. ",
  proposed: "Proposed. ",
  "proposed back": "The way back is proposed. ",
};

/** A sentence or two. */
export function eventWords(event: Untimed): string {
  switch (event.event) {
    case "begin": {
      const { version, from, to, steps, baseline, before, resumed } = event;
      const way = [from, ...steps].map((share) => `${number(share)} %`).join(" → ");
      const beside = baseline === null ? "" : `, beside ${baseline}`;
      const back = `The way back leads to ${splitWords(effectiveShares(before))}.`;
      return `${version} to ${number(to)} %${beside}: ${way}. ${resumed ? "It goes on from an earlier run. " : ""}${back}`;
    }
    case "step":
      return `${splitWords(effectiveShares(event.weights))}. ${event.why}`;
    case "back":
      return `Back to ${splitWords(effectiveShares(event.weights))}. ${event.why}`;
    case "up":
      return event.ok
        ? `Every gateway has it (pulumi up: ${duration(event.seconds)}).`
        : `pulumi up failed after ${duration(event.seconds)}: ${event.words}`;
    case "counts":
      return event.words;
    case "unclear":
    case "waits":
      return event.words;
    case "end":
      return OUTCOMES[event.outcome] + event.why;
  }
}

/** `12:03:04  ...`: for logs. */
export const eventLine = (event: ShiftEvent): string => `${event.at.slice(11, 19)}  ${eventWords(event)}`;

/** The state of a step: a row for each version and criterion. */
export function stepTable({ version, baseline, shares, criteria, words, left }: CountsEvent): string[] {
  const sum = Object.values(criteria)[0];
  const all = (sum?.candidate.of ?? 0) + (sum?.baseline.of ?? 0);
  const rows = [version, ...(baseline === null ? [] : [baseline])].map((name) => {
    const ratios = Object.values(criteria).map(({ candidate, baseline: other }) => {
      const { bad, of } = name === version ? candidate : other;
      return of === 0 ? "–" : percent(bad / of);
    });
    const of = (name === version ? sum?.candidate.of : sum?.baseline.of) ?? 0;
    return [
      name,
      `${number(shares[name] ?? 0)} %`,
      all === 0 ? "–" : `${number((100 * of) / all)} %`,
      about(of),
      ...ratios,
    ];
  });
  const evidence = Object.entries(criteria).map(
    ([name, { worse, good }]) =>
      `${name}: worse ${about(worse.evidence)} of ${about(worse.needed)}, good enough ${about(good.evidence)} of ${about(good.needed)}`,
  );
  return [
    ...columns([["", "share", "measured", "requests", ...Object.keys(criteria)], ...rows]),
    ...evidence.map((line) => `evidence of ${line}`),
    words,
    left === null ? "Time left in this step: unknown." : `Time left in this step: about ${duration(left)}.`,
  ];
}
