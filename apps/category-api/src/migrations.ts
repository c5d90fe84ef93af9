import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Database, DatabaseUnavailable, type Queries, sqlState } from "./database";

/** Rows of a new database: the minimum for any request, or the demonstration rows too. */
export const SEED_NAMES = ["none", "demo"] as const;

/** A step from one schema to the next. */
export interface Migration {
  /** The schema after it; 1, 2, and so on. */
  readonly version: number;
  /**
   * The oldest schema for which a program may be written and still work with this one. A step that only adds (expand) keeps
   * the value of the step before. A step that removes (contract) raises it, and belongs into a release after the last one
   * that uses what it removes.
   */
  readonly compatibleWith: number;
  readonly sql: string;
}

/** All steps, and the rows for a database that the first step has created. */
export interface Migrations {
  readonly steps: readonly Migration[];
  readonly seed: string;
}

/** This program can neither use nor change the database's schema. */
export class SchemaError extends Error {}

/** Reads `0001-name.sql`, `0002-name.sql` and so on; the first line of each says `-- compatible-with: <schema>`. */
export async function readMigrations(folder: string, seed: (typeof SEED_NAMES)[number]): Promise<Migrations> {
  const files = (await readdir(folder)).filter((file) => /^\d{4}-.*\.sql$/.test(file)).sort();
  const steps = await Promise.all(
    files.map(async (file, i) => {
      const sql = await readFile(join(folder, file), "utf8");
      const compatibleWith = /^-- compatible-with: (\d+)$/m.exec(sql)?.[1];
      if (Number(file.slice(0, 4)) !== i + 1 || compatibleWith === undefined) {
        throw new Error(`${file}: not the migration to schema ${i + 1}, or without compatible-with`);
      }
      return { version: i + 1, compatibleWith: Number(compatibleWith), sql };
    }),
  );
  const rows = ["fresh.sql", ...(seed === "demo" ? ["demo.sql"] : [])];
  const texts = await Promise.all(rows.map((file) => readFile(join(folder, file), "utf8")));
  return { steps, seed: texts.join("\n") };
}

// Any constant that is the same in all programs that share the database.
const LOCK = 4_170_622_115;

const SCHEMA = `/* schema */
select coalesce(max(version), 0) as version, coalesce(max(compatible_with), 0) as "compatibleWith"
from schema_migration`;

/**
 * Migrates the database to this program's schema. Programs of several versions may start at the same time: one migrates, the
 * others wait for it and then continue. All steps are one transaction.
 *
 * @returns the versions of the steps that were run.
 * @throws {@link SchemaError} if the database is too new for this program, or too old and this program may not change it;
 * {@link DatabaseUnavailable} if a retry may succeed.
 */
export async function migrate(database: Database, { steps, seed }: Migrations): Promise<number[]> {
  const known = steps.length;
  // Without the lock, so that a program with an up-to-date database neither waits nor needs rights.
  if ((await schemaOf(database, known)) >= known) return [];
  try {
    return await database.transaction(async (transaction) => {
      await transaction.query("/* schema lock */ select pg_advisory_xact_lock($1::bigint)", [LOCK]);
      // A schema change that waits for a long statement blocks every later statement.
      await transaction.script(`set local lock_timeout = '1s';
        create table if not exists schema_migration (
          version integer primary key,
          compatible_with integer not null,
          applied_at timestamptz not null default now()
        )`);
      const found = await schemaOf(transaction, known);
      const missing = steps.slice(found);
      for (const { version, compatibleWith, sql } of missing) {
        await transaction.script(sql);
        await transaction.query(
          "/* schema step */ insert into schema_migration (version, compatible_with) values ($1::integer, $2::integer)",
          [version, compatibleWith],
        );
      }
      if (found === 0) await transaction.script(seed);
      return missing.map(({ version }) => version);
    });
  } catch (error) {
    const state = sqlState(error);
    if (error instanceof DatabaseUnavailable || error instanceof SchemaError || state === undefined)
      throw error;
    const message = error instanceof Error ? error.message : String(error);
    // Lock timeout or deadlock: another program is migrating.
    if (state === "55P03" || state === "40P01") throw new DatabaseUnavailable(message, { cause: error });
    throw new SchemaError(
      `the database has not the schema ${known} that this program needs, and could not be brought to it: ${message}` +
        (state === "42501" ? "; start this program once with a user that may change the schema" : ""),
      { cause: error },
    );
  }
}

/** The database's schema; 0 if it has none. */
async function schemaOf(queries: Queries, known: number): Promise<number> {
  const [{ exists } = { exists: false }] = await queries.query<{ exists: boolean }>(
    "/* schema exists */ select to_regclass('schema_migration') is not null as exists",
    [],
  );
  if (!exists) return 0;
  const [schema] = await queries.query<{ version: number; compatibleWith: number }>(SCHEMA, []);
  const { version, compatibleWith } = schema ?? { version: 0, compatibleWith: 0 };
  if (compatibleWith > known) {
    throw new SchemaError(
      `the database has schema ${version}, which programs must know schema ${compatibleWith} or later for; ` +
        `this one knows ${known}: run a newer version of it`,
    );
  }
  return version;
}
