import type { FastifyBaseLogger } from "fastify";
import pg from "pg";
import {
  type Database,
  DatabaseUnavailable,
  type Parameter,
  type PoolState,
  type Transaction,
  untilAnswered,
} from "./database";
import { migrate, readMigrations, type SEED_NAMES } from "./migrations";
import { Turns } from "./turns";

/** Connection settings of a {@link PostgresDatabase}. */
export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`, with libpq's parameters. */
  readonly url: string;
  /** Name of the connections in `pg_stat_activity`. */
  readonly application: string;
  /** Maximum number of connections. */
  readonly poolSize: number;
  /** Time limit of a statement, in milliseconds. */
  readonly statementTimeout: number;
}

/** Time limit to get a connection, in milliseconds. */
const CONNECT_TIMEOUT = 2000;
/** If the database has answered within this time (milliseconds), the readiness check does not ask it. */
const CHECK_INTERVAL = 2000;
/** Time limit of that check, in milliseconds; the kubelet's probes wait for one second. */
const CHECK_TIMEOUT = 800;

/** Time limit of a statement of a migration, in milliseconds. */
const MIGRATION_TIMEOUT = 60_000;

/**
 * Migrates the database and opens it; retries until the database answers.
 * Throws {@link SchemaError} if the schema cannot be used, and an AbortError if `stop` is aborted.
 */
export async function openPostgres(
  options: PostgresOptions & { readonly seed: (typeof SEED_NAMES)[number] },
  sqlFolder: string,
  log: FastifyBaseLogger,
  stop: AbortSignal,
): Promise<PostgresDatabase> {
  const migrations = await readMigrations(sqlFolder, options.seed);
  const open = async () => {
    const migrator = new PostgresDatabase({ ...options, poolSize: 1, statementTimeout: MIGRATION_TIMEOUT });
    try {
      const steps = await migrate(migrator, migrations);
      if (steps.length > 0) log.info({ steps }, "the database has been migrated");
      return new PostgresDatabase(options);
    } finally {
      await migrator.close();
    }
  };
  return untilAnswered(open, log, stop);
}

/** A pool of connections to PostgreSQL. It connects on demand, also after a lost connection, which never ends the process. */
export class PostgresDatabase implements Database {
  private readonly connections: pg.Pool;
  private readonly names = new Map<string, string>();
  private readonly turns = new Map<string, Turns>();
  private readonly limit: number;
  private readonly patience: number;
  private answered = -Infinity;

  constructor({ url, application, poolSize, statementTimeout }: PostgresOptions) {
    this.limit = poolSize;
    // The same limit as for the lock itself.
    this.patience = statementTimeout;
    this.connections = new pg.Pool({
      connectionString: url,
      application_name: application,
      max: poolSize,
      connectionTimeoutMillis: CONNECT_TIMEOUT,
      idleTimeoutMillis: 60_000,
      // After a failover or a change of addresses, an old connection lives at most this long.
      maxLifetimeSeconds: 1800,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      statement_timeout: statementTimeout,
      // The server's own limit has no effect if the server disappears silently.
      query_timeout: statementTimeout + 1000,
      // To compile statements as short as these takes a hundred times as long as to run them.
      options: "-c jit=off",
      idle_in_transaction_session_timeout: 2 * statementTimeout,
    });
    // Without listeners a lost connection ends the process. The pool discards the connection, and its user gets an error.
    this.connections.on("error", () => undefined);
    this.connections.on("connect", (client) => client.on("error", () => undefined));
  }

  get pool(): PoolState {
    const { totalCount, idleCount, waitingCount } = this.connections;
    return { used: totalCount - idleCount, idle: idleCount, waiting: waitingCount, limit: this.limit };
  }

  query<Row>(sql: string, parameters: Parameter[]): Promise<Row[]> {
    return this.use((client) => this.run<Row>(client, sql, parameters));
  }

  transaction<T>(work: (transaction: Transaction) => Promise<T>, turn?: string): Promise<T> {
    return turn === undefined ? this.transact(work) : this.turnsOf(turn).take(() => this.transact(work));
  }

  async check(): Promise<void> {
    if (performance.now() - this.answered < CHECK_INTERVAL) return;
    let limit: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      limit = setTimeout(() => {
        reject(new DatabaseUnavailable(`no answer within ${CHECK_TIMEOUT} ms`));
      }, CHECK_TIMEOUT);
    });
    try {
      await Promise.race([this.query("/* check */ select 1", []), late]);
    } finally {
      clearTimeout(limit);
    }
  }

  close(): Promise<void> {
    return this.connections.end();
  }

  private transact<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.use(async (client) => {
      const script = async (text: string) => {
        await this.send(client, { text });
      };
      await script("begin");
      try {
        const result = await work({
          query: (sql, parameters) => this.run(client, sql, parameters),
          script,
        });
        await script("commit");
        return result;
      } catch (error) {
        // The server rolls back a closed connection.
        if (!(error instanceof DatabaseUnavailable)) await script("rollback");
        throw error;
      }
    });
  }

  private turnsOf(turn: string): Turns {
    let turns = this.turns.get(turn);
    if (!turns) {
      const limits = { atOnce: 1, waiting: Infinity, patience: this.patience };
      turns = new Turns(limits, () => new DatabaseUnavailable("other changes take too long"));
      this.turns.set(turn, turns);
    }
    return turns;
  }

  private run<Row>(client: pg.PoolClient, sql: string, parameters: Parameter[]): Promise<Row[]> {
    let name = this.names.get(sql);
    if (name === undefined) {
      name = `s${this.names.size}`;
      this.names.set(sql, name);
    }
    return this.send(client, { name, text: sql, values: parameters });
  }

  private async send<Row>(client: pg.PoolClient, statement: pg.QueryConfig): Promise<Row[]> {
    try {
      const { rows } = await client.query<pg.QueryResultRow>(statement);
      this.answered = performance.now();
      return rows as Row[];
    } catch (error) {
      throw isAboutStatement(error) ? error : unavailable(error);
    }
  }

  private async use<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.connections.connect().catch((error: unknown) => {
      throw unavailable(error);
    });
    let broken = false;
    try {
      return await work(client);
    } catch (error) {
      broken = error instanceof DatabaseUnavailable;
      throw error;
    } finally {
      client.release(broken);
    }
  }
}

/** The other errors are about the connection or the server: no connection, login, resources, shutdown, timeout. */
function isAboutStatement(error: unknown): boolean {
  return error instanceof pg.DatabaseError && !/^(08|28|3D|53|57|58|XX)/.test(error.code ?? "");
}

function unavailable(error: unknown): DatabaseUnavailable {
  // For a name with several addresses, Node reports an error for each and no message of its own.
  const causes = error instanceof AggregateError ? (error.errors as unknown[]) : [error];
  const message = causes.map((cause) => (cause instanceof Error ? cause.message : String(cause))).join("; ");
  return new DatabaseUnavailable(message, { cause: error });
}
