import { setTimeout as pause } from "node:timers/promises";
import type { FastifyBaseLogger } from "fastify";

/** A value that a statement takes. */
export type Parameter = string | number | boolean | null;

/** What runs statements: the whole database, or a transaction of it. */
export interface Queries {
  /** Runs one statement with positional parameters (`$1`, `$2`, ...). The text is a constant: it is prepared once and kept. */
  query<Row>(sql: string, parameters: Parameter[]): Promise<Row[]>;
}

/** A transaction. */
export interface Transaction extends Queries {
  /** Runs statements without parameters and without an answer. */
  script(sql: string): Promise<void>;
}

/** Connections of a pool. */
export interface PoolState {
  readonly used: number;
  readonly idle: number;
  /** Statements that wait for a connection. */
  readonly waiting: number;
  readonly limit: number;
}

/** What the service needs of a SQL database. PGlite and PostgreSQL run the same statements. */
export interface Database extends Queries {
  /**
   * Commits when `work` has ended, rolls back when it throws. Those that name the same `turn` come one after another, and
   * wait without a connection: for what waits for one lock anyway.
   */
  transaction<T>(work: (transaction: Transaction) => Promise<T>, turn?: string): Promise<T>;
  /** Throws {@link DatabaseUnavailable} when statements are not answered now. */
  check(): Promise<void>;
  /** Absent for a database without connections. */
  readonly pool?: PoolState | undefined;
  close(): Promise<void>;
}

/** The database does not answer, or not in time; it may do so later. */
export class DatabaseUnavailable extends Error {
  /** What its user has to look at, for the log. */
  get summary(): string {
    const code = sqlState(this.cause);
    if (code === "28P01")
      return "the database refuses the login: the password of DATABASE_URL is not its own";
    if (code?.startsWith("28")) return "the database refuses the login of DATABASE_URL";
    return "the database does not answer";
  }
}

/** Does it again until the database answers. Throws what else `work` throws, and an AbortError when `stop` says so. */
export async function untilAnswered<T>(
  work: () => Promise<T>,
  log: FastifyBaseLogger,
  stop: AbortSignal,
): Promise<T> {
  for (let wait = 100; ; wait = Math.min(2 * wait, 5000)) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DatabaseUnavailable)) throw error;
      log.warn({ reason: error.message }, `${error.summary}; trying again`);
    }
    await pause(wait, undefined, { signal: stop });
  }
}

/** SQLSTATE of an error of PGlite or PostgreSQL. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
