/** A client of the lab's gateway, and what its answers say. */
import binomialQuantile from "@stdlib/stats-base-dists-binomial-quantile";
import assert from "node:assert/strict";
import { Pool, type Dispatcher } from "undici";
import { LIST, outputs } from "./harness";

export interface Answer {
  /** When the request was sent, in milliseconds of the process clock. */
  readonly at: number;
  readonly status: number;
  readonly version: string;
  /** Why there is no status. */
  readonly error?: string;
}

/** A client of the gateway. */
export class Client {
  private readonly pool: Pool;
  private constructor(
    url: string,
    private readonly host: string,
  ) {
    this.pool = new Pool(url, { connections: 16, headersTimeout: 30_000, bodyTimeout: 30_000 });
  }

  /** To the gateway and host of the stack, unless told otherwise. */
  static async open(target?: { url: string; host: string }): Promise<Client> {
    if (target) return new Client(target.url, target.host);
    const { gatewayUrl, host } = await outputs();
    return new Client(gatewayUrl, host);
  }

  async request(
    options: {
      method?: Dispatcher.HttpMethod;
      path?: string;
      headers?: Record<string, string>;
      body?: string;
    } = {},
  ): Promise<Dispatcher.ResponseData> {
    return this.pool.request({
      method: options.method ?? "GET",
      path: options.path ?? LIST,
      headers: { host: this.host, ...options.headers },
      ...(options.body !== undefined && { body: options.body }),
    });
  }

  async ask(options: Parameters<Client["request"]>[0] = {}): Promise<Answer> {
    const at = performance.now();
    try {
      const response = await this.request(options);
      await response.body.dump();
      return {
        at,
        status: response.statusCode,
        version: String(response.headers["x-category-version"] ?? "none"),
      };
    } catch (error) {
      return {
        at,
        status: 0,
        version: "none",
        error: error instanceof Error ? error.message : String(error),
      };
    }
  }

  /** `count` requests, sixteen at a time. */
  async sample(count: number, options: Parameters<Client["request"]>[0] = {}): Promise<Answer[]> {
    const answers: Answer[] = [];
    await Promise.all(
      Array.from({ length: 16 }, async (_, lane) => {
        for (let i = lane; i < count; i += 16) answers.push(await this.ask(options));
      }),
    );
    return answers;
  }

  /** A steady load that does not wait for answers, as real users do not; `stop` gives every answer. */
  load(perSecond: number): { stop: () => Promise<Answer[]>; count: () => number } {
    const pending: Promise<Answer>[] = [];
    const started = performance.now();
    const timer = setInterval(() => {
      const due = Math.floor(((performance.now() - started) / 1000) * perSecond);
      while (pending.length < due) pending.push(this.ask());
    }, 5);
    return {
      count: () => pending.length,
      stop: () => {
        clearInterval(timer);
        return Promise.all(pending);
      },
    };
  }

  async close(): Promise<void> {
    await this.pool.close();
  }
}

/** What was not a 200, with how often. */
export function failures(answers: readonly Answer[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const a of answers) {
    if (a.status !== 200) found[a.error ?? a.status] = (found[a.error ?? a.status] ?? 0) + 1;
  }
  return found;
}

export function countByVersion(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const a of answers) counts[a.version] = (counts[a.version] ?? 0) + 1;
  return counts;
}

/**
 * When a version last had most of the requests, in milliseconds of performance.now: five of its answers in a row, which a tenth of the
 * requests gives once in 100,000. 0: never.
 */
export const lastMostly = (answers: readonly Answer[], version: string): number =>
  answers
    .filter((_, i) => i >= 4 && answers.slice(i - 4, i + 1).every((answer) => answer.version === version))
    .at(-1)?.at ?? 0;

/** How often a right split may fail a test: a whole run asks some fifty times. */
const DOUBT = 1e-6;
/** For the tests that are about the split itself. */
export const STRICT_DOUBT = 1e-3;

/** `seen` of `all` fit a share in percent: within the bounds that a right share leaves in `doubt` of the cases. */
export function assertCount(
  what: string,
  seen: number,
  all: number,
  percent: number,
  doubt: number = DOUBT,
): void {
  const low = binomialQuantile(doubt / 2, all, percent / 100);
  const high = binomialQuantile(1 - doubt / 2, all, percent / 100);
  assert.ok(seen >= low && seen <= high, `${what}: ${seen} of ${all}, expected ${low} to ${high}`);
}

/** Every request succeeded, and the counts of all versions fit the shares (percent). */
export function assertSplit(
  answers: readonly Answer[],
  shares: Record<string, number>,
  doubt?: number,
): void {
  assert.deepEqual(failures(answers), {});
  const counts = countByVersion(answers);
  for (const version of new Set([...Object.keys(shares), ...Object.keys(counts)])) {
    assertCount(version, counts[version] ?? 0, answers.length, shares[version] ?? 0, doubt);
  }
}
