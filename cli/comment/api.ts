/** Requests to the API of GitHub or GitLab: waits for a rate limit, tries again what passes, and words for the rest. */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { parsedJson } from "../json";
import { SourceError } from "../sources/source-error";

/** The API does not do what it was asked for, and will not if it is asked again. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
    /** `POST /repos/shop/mesh/issues/7/comments`. */
    readonly request: string,
  ) {
    super(message);
  }

  get tooLong(): boolean {
    return (this.status === 400 || this.status === 422) && /too long/i.test(this.message);
  }
}

/** May work later. `after`: seconds, where the API says when. */
class Passing extends Error {
  constructor(
    message: string,
    readonly after?: number,
  ) {
    super(message);
  }
}

export interface Patience {
  /** Seconds that a rate limit is waited for at a time. Default 90. */
  readonly longestWait?: number;
  /** Seconds before the second try; doubled before each further one. Default 2. */
  readonly pause?: number;
}

const TRIES = 4;
/** GitHub and GitLab give no more at a time. */
const PER_PAGE = 100;
const MOST_PAGES = 50;
const LONGEST_ANSWER_MS = 30_000;

export class Api {
  /**
   * @param service its name, for messages.
   * @param base address without a slash at its end.
   * @param explain what is missing, and how to grant it.
   */
  constructor(
    private readonly service: string,
    private readonly base: string,
    private readonly headers: Readonly<Record<string, string>>,
    private readonly explain: Explain,
    private readonly patience: Patience,
  ) {}

  /**
   * Does `task` again if it fails by what passes. `attempt` counts from 1.
   *
   * @throws SourceError when it does not pass, and for what is refused.
   */
  async persist<T>(task: (attempt: number) => Promise<T>): Promise<T> {
    const { longestWait = 90, pause = 2 } = this.patience;
    for (let attempt = 1; ; attempt++) {
      try {
        return await task(attempt);
      } catch (error) {
        if (error instanceof Refused) throw new SourceError(this.explain(error));
        if (!(error instanceof Passing)) throw error;
        const wait = error.after ?? pause * 2 ** (attempt - 1);
        if (wait > longestWait) {
          throw new SourceError(
            `${error.message}. It ends in ${Math.ceil(wait)} seconds; at most ${longestWait} are waited for.\n  repair:  run the job again after that`,
          );
        }
        if (attempt === TRIES) {
          throw new SourceError(
            `${error.message}, ${TRIES} times.\n  repair:  run the job again when ${this.service} works`,
          );
        }
        await sleep(wait * 1000);
      }
    }
  }

  /** Once. @throws Refused, Passing */
  async send<T>(method: string, path: string, answer: z.ZodType<T>, body?: unknown): Promise<T> {
    return (await this.exchange(method, path, answer, body)).content;
  }

  /** All pages of a list. */
  async list<T>(path: string, item: z.ZodType<T>): Promise<T[]> {
    const found: T[] = [];
    for (let page = 1; page <= MOST_PAGES; page++) {
      const asked = `${path}${path.includes("?") ? "&" : "?"}per_page=${PER_PAGE}&page=${page}`;
      const { content, headers } = await this.exchange("GET", asked, z.array(item));
      found.push(...content);
      if (!/rel="next"/.test(headers.get("link") ?? "")) return found;
    }
    return found;
  }

  private async exchange<T>(method: string, path: string, answer: z.ZodType<T>, body?: unknown) {
    const request = `${method} ${path}`;
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${this.base}${path}`, {
        method,
        headers: { ...this.headers, "content-type": "application/json", "user-agent": "shopzier" },
        signal: AbortSignal.timeout(LONGEST_ANSWER_MS),
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      text = await response.text();
    } catch (error) {
      const { message, cause } = error as Error;
      const why = cause instanceof Error ? cause.message : message;
      throw new Passing(`${this.service} did not answer ${request}: ${why}`);
    }
    const { status, headers } = response;
    if (status >= 500) throw new Passing(`${this.service} answered ${status} to ${request}`);
    const message = messageOf(text);
    if (isLimit(status, headers, message)) {
      throw new Passing(`${this.service} limits the rate of requests (${status})`, waitOf(headers));
    }
    if (!response.ok) throw new Refused(status, message, request);
    const parsed = answer.safeParse(parsedJson(text));
    if (!parsed.success) {
      throw new SourceError(
        `${this.service} answered ${request} with what its API does not: ${parsed.error.issues[0]?.path.join(".") ?? ""} ${parsed.error.issues[0]?.message ?? ""}\n` +
          `  found:   ${this.base}\n  repair:  check whether that is the address of the API`,
      );
    }
    return { content: parsed.data, headers };
  }
}

type Explain = (refused: Refused) => string;

/** @param base of its REST API, or the address of its GraphQL API. */
export const gitHubApi = (base: string, token: string, explain: Explain, patience: Patience): Api =>
  new Api(
    "GitHub",
    base,
    {
      accept: "application/vnd.github+json",
      authorization: `Bearer ${token}`,
      "x-github-api-version": "2022-11-28",
    },
    explain,
    patience,
  );

export const gitLabApi = (base: string, token: string, explain: Explain, patience: Patience): Api =>
  new Api("GitLab", base, { "private-token": token }, explain, patience);

/** GitHub answers 403 or 429, GitLab 429 (docs.github.com: Rate limits for the REST API; docs.gitlab.com: Rate limits). */
function isLimit(status: number, headers: Headers, message: string): boolean {
  if (status === 429) return true;
  const used = headers.get("x-ratelimit-remaining") === "0" || headers.has("retry-after");
  return status === 403 && (used || /secondary rate limit/i.test(message));
}

/** Seconds until the limit ends. A limit without a time: GitHub asks for a minute. */
function waitOf(headers: Headers): number {
  const after = Number(headers.get("retry-after") ?? NaN);
  if (after >= 0) return after;
  const reset = Number(headers.get("x-ratelimit-reset") ?? headers.get("ratelimit-reset") ?? NaN);
  return Number.isNaN(reset) ? 60 : Math.max(0, reset - Date.now() / 1000);
}

/** What GitHub and GitLab say about a failure, in one line. */
function messageOf(text: string): string {
  const { message, error, errors } = (parsedJson(text) ?? {}) as Record<string, unknown>;
  const words = [message ?? error, errors].filter((part) => part !== undefined);
  return words
    .map((part) => (typeof part === "string" ? part : JSON.stringify(part)))
    .join(" ")
    .replace(/\s+/g, " ")
    .slice(0, 300);
}
