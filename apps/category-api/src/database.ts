import { setTimeout as pause } from "node:timers/promises";
import type { FastifyBaseLogger } from "fastify";

/** A parameter of a statement. */
export type Parameter = string | number | boolean | null;

/** Runs statements: the database, or a transaction of it. */
export interface Queries {
  /** Runs one statement with positional parameters (`$1`, `$2`, ...). The text has to be a constant, because it is prepared once and kept. */
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

/** The SQL database of the service. PGlite and PostgreSQL run the same statements. */
export interface Database extends Queries {
  /**
   * Commits when `work` has ended, rolls back if it throws. Transactions with the same `turn` run one after another and wait
   * without a connection; use it for transactions that would wait for the same lock.
   */
  transaction<T>(work: (transaction: Transaction) => Promise<T>, turn?: string): Promise<T>;
  /** Throws {@link DatabaseUnavailable} if the database does not answer statements now. */
  check(): Promise<void>;
  /** Absent for a database without connections. */
  readonly pool?: PoolState | undefined;
  close(): Promise<void>;
}

/** The database does not answer in time; it may answer later. */
export class DatabaseUnavailable extends Error {
  /** The cause, for the log. */
  get summary(): string {
    const code = sqlState(this.cause);
    if (code === "28P01")
      return "the database refuses the login: the password of DATABASE_URL is not its own";
    if (code?.startsWith("28")) return "the database refuses the login of DATABASE_URL";
    return "the database does not answer";
  }
}

/** Repeats `work` until the database answers. Throws other errors of `work`, and an AbortError if `stop` is aborted. */
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
