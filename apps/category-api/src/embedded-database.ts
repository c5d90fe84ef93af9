import { readFile } from "node:fs/promises";
import { messages, PGlite, protocol, types } from "@electric-sql/pglite";
import type { Database, Parameter, Queries, Transaction } from "./database";
import { migrate, readMigrations } from "./migrations";

// The database has a few kilobytes. With PostgreSQL's defaults the process would need twice the memory.
const MEMORY_SETTINGS = [
  "shared_buffers=1MB",
  "wal_buffers=32kB",
  "wal_level=minimal",
  "max_wal_senders=0",
  "min_wal_size=2MB",
  "max_wal_size=2MB",
  "max_connections=2",
  "autovacuum=off",
  "fsync=off",
];

/**
 * Creates the database (migrations, then demonstration rows) and returns its data directory as a tar archive.
 * That takes several seconds, so the build does it, and the service only loads the result.
 * @param sqlFolder the folder of the migrations
 */
export async function createSnapshot(sqlFolder: string): Promise<Buffer> {
  const pglite = await PGlite.create({
    initDbStartParams: ["--wal-segsize=1", "--no-locale", "--encoding=UTF8"],
    postgresqlconf: MEMORY_SETTINGS,
  });
  try {
    await migrate(new EmbeddedDatabase(pglite), await readMigrations(sqlFolder, "demo"));
    // The templates serve only to create other databases, and are two thirds of the archive.
    await pglite.exec("update pg_database set datistemplate = false where datname like 'template%'");
    await pglite.exec("drop database template1");
    await pglite.exec("drop database template0");
    await pglite.exec("vacuum full analyze");
    await pglite.exec("checkpoint");
    const archive = await pglite.dumpDataDir("none");
    return Buffer.from(await archive.arrayBuffer());
  } finally {
    await pglite.close();
  }
}

/** Opens an embedded database in memory, filled from an archive of {@link createSnapshot}. Nothing is written to disk. */
export async function openSnapshot(file: string): Promise<Database> {
  return new EmbeddedDatabase(await PGlite.create({ loadDataDir: new Blob([await readFile(file)]) }));
}

interface Statement {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly dataTypeID: number }[];
}

/**
 * PGlite with statements that are parsed and planned once. PGlite's own `query` does that each time, which takes five times
 * as long as this service's statements.
 */
class EmbeddedDatabase implements Database {
  private readonly statements = new Map<string, Promise<Statement>>();
  // PGlite is one session: a statement that runs during a transaction would be part of it.
  private running = 0;
  private drained: () => void = () => undefined;
  private exclusive: Promise<void> | undefined;

  constructor(private readonly pglite: PGlite) {}

  async query<Row>(sql: string, parameters: Parameter[]): Promise<Row[]> {
    while (this.exclusive) await this.exclusive;
    this.running += 1;
    try {
      return await this.run(sql, parameters);
    } finally {
      this.running -= 1;
      if (this.running === 0) this.drained();
    }
  }

  async transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    while (this.exclusive) await this.exclusive;
    let release: () => void = () => undefined;
    this.exclusive = new Promise((resolve) => (release = resolve));
    if (this.running > 0) await new Promise<void>((resolve) => (this.drained = resolve));
    const run: Queries["query"] = (sql, parameters) => this.run(sql, parameters);
    const script = async (sql: string) => {
      await this.pglite.exec(sql);
    };
    try {
      await script("begin");
      const result = await work({ query: run, script });
      await script("commit");
      return result;
    } catch (error) {
      await script("rollback");
      throw error;
    } finally {
      this.exclusive = undefined;
      release();
    }
  }

  check(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return this.pglite.close();
  }

  private async run<Row>(sql: string, parameters: Parameter[]): Promise<Row[]> {
    const { name, columns } = await this.prepare(sql);
    const values = parameters.map((value) => (value === null ? null : String(value)));
    const answer = await this.exchange(
      protocol.serialize.bind({ statement: name, values }),
      protocol.serialize.execute({}),
    );
    return answer
      .filter((message) => message instanceof messages.DataRowMessage)
      .map(
        ({ fields }) =>
          Object.fromEntries(
            columns.map((column, i) => [
              column.name,
              types.parseType(fields[i] ?? null, column.dataTypeID) as unknown,
            ]),
          ) as Row,
      );
  }

  private prepare(sql: string): Promise<Statement> {
    let statement = this.statements.get(sql);
    if (!statement) {
      statement = this.parse(sql, `s${this.statements.size}`);
      this.statements.set(sql, statement);
    }
    return statement;
  }

  private async parse(sql: string, name: string): Promise<Statement> {
    const answer = await this.exchange(
      protocol.serialize.parse({ name, text: sql }),
      protocol.serialize.describe({ type: "S", name }),
    );
    const description = answer.find((message) => message instanceof messages.RowDescriptionMessage);
    return { name, columns: description?.fields ?? [] };
  }

  private async exchange(...request: Uint8Array[]) {
    const answer = await this.pglite.execProtocol(Buffer.concat([...request, protocol.serialize.sync()]));
    return answer.messages;
  }
}
