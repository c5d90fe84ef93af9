/** Who follows a shift: a terminal, a log, a program, a webhook, and the report at the end. */
import { SourceError } from "../sources/source-error";
import { eventLine, stepTable } from "./event-words";
import type { ShiftEvent } from "./events";

export interface Follower {
  tell(event: ShiftEvent): void | Promise<void>;
}

export interface Output {
  write(text: string): unknown;
  on?(event: "error", heard: (error: Error) => void): unknown;
}

/** A reader that goes (`| head`, a closed terminal) does not end a shift, which would leave the route unattended. */
function lasting(out: Output): (text: string) => void {
  let gone = false;
  out.on?.("error", () => {
    gone = true;
  });
  return (text) => {
    if (!gone) out.write(text);
  };
}

/** An event a line. */
export function jsonFollower(out: Output): Follower {
  const write = lasting(out);
  return {
    tell: (event) => {
      write(`${JSON.stringify(event)}\n`);
    },
  };
}

/** How often counts are said in a log that is not a terminal, in seconds. */
const LOG_SECONDS = 30;

export function plainFollower(out: Output): Follower {
  const write = lasting(out);
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
      write(`${eventLine(event)}\n`);
    },
  };
}

/** Lines as in a log, and below them a table that is drawn anew. */
export function terminalFollower(out: Output): Follower {
  const write = lasting(out);
  let drawn = 0;
  const clear = (): void => {
    if (drawn > 0) write(`\x1b[${drawn}A\x1b[J`);
    drawn = 0;
  };
  return {
    tell: (event) => {
      clear();
      if (event.event !== "counts") {
        write(`${eventLine(event)}\n`);
        return;
      }
      const lines = ["", ...stepTable(event)];
      write(`${lines.join("\n")}\n`);
      drawn = lines.length;
    },
  };
}

const WEBHOOK_MS = 5000;
const WEBHOOK_EVENTS: readonly string[] = ["begin", "step", "up", "back", "end"];

/**
 * POST of each event but the counts. One that fails is said, and stops nothing; nobody waits for it. A user and a password in the
 * URL become a header: `fetch` refuses them, and its words would show them.
 *
 * @throws SourceError where it is no URL. The words do not show it, since it may have a secret.
 */
export function webhookFollower(address: string, failed: (words: string) => void): Follower {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new SourceError("--webhook: found no URL\n  allowed: one that begins with https:// or http://");
  const { username, password } = url;
  const credentials = Buffer.from(`${decoded(username)}:${decoded(password)}`).toString("base64");
  const headers = {
    "content-type": "application/json",
    ...((username !== "" || password !== "") && { authorization: `Basic ${credentials}` }),
  };
  url.username = "";
  url.password = "";
  let sent: Promise<unknown> = Promise.resolve();
  const post = async (event: ShiftEvent): Promise<void> => {
    try {
      const { ok, status } = await fetch(url, {
        method: "POST",
        headers,
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

/** A percent sign of a password that nobody encoded stays. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
