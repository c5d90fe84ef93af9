/** Who follows a shift: a terminal, a log, a program, a webhook, and the report at the end. */
import { eventLine, stepTable } from "./event-words";
import type { ShiftEvent } from "./events";

export interface Follower {
  tell(event: ShiftEvent): void | Promise<void>;
}

export interface Output {
  write(text: string): void;
}

/** An event a line. */
export const jsonFollower = (out: Output): Follower => ({
  tell: (event) => {
    out.write(`${JSON.stringify(event)}\n`);
  },
});

/** How often counts are said in a log that is not a terminal, in seconds. */
const LOG_SECONDS = 30;

export function plainFollower(out: Output): Follower {
  let said = 0;
  let verdict = "";
  return {
    tell: (event) => {
      const at = Date.parse(event.at) / 1000;
      if (event.event === "counts") {
        if (event.verdict === verdict && at - said < LOG_SECONDS) return;
        verdict = event.verdict;
        said = at;
      }
      out.write(`${eventLine(event)}\n`);
    },
  };
}

/** Lines as in a log, and below them a table that is drawn anew. */
export function terminalFollower(out: Output): Follower {
  let drawn = 0;
  const clear = (): void => {
    if (drawn > 0) out.write(`\x1b[${drawn}A\x1b[J`);
    drawn = 0;
  };
  return {
    tell: (event) => {
      clear();
      if (event.event !== "counts") {
        out.write(`${eventLine(event)}\n`);
        return;
      }
      const lines = ["", ...stepTable(event)];
      out.write(`${lines.join("\n")}\n`);
      drawn = lines.length;
    },
  };
}

const WEBHOOK_MS = 5000;
const WEBHOOK_EVENTS: readonly string[] = ["begin", "step", "up", "back", "end"];

/** POST of each event but the counts. One that fails is said, and stops nothing; nobody waits for it. */
export function webhookFollower(url: string, failed: (words: string) => void): Follower {
  let sent: Promise<unknown> = Promise.resolve();
  const post = async (event: ShiftEvent): Promise<void> => {
    try {
      const { ok, status } = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(event),
        signal: AbortSignal.timeout(WEBHOOK_MS),
      });
      if (!ok) failed(`The webhook answered ${status} to ${event.event}.`);
    } catch (error) {
      const { cause, message } = error as Error;
      failed(
        `The webhook was not told of ${event.event}: ${cause instanceof Error ? cause.message : message}`,
      );
    }
  };
  return {
    tell: (event) => {
      if (!WEBHOOK_EVENTS.includes(event.event)) return undefined;
      // In order; the end is waited for, since the process ends with it.
      sent = sent.then(() => post(event));
      return event.event === "end" ? sent.then(() => undefined) : undefined;
    },
  };
}
