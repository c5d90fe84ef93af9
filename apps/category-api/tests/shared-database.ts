import { join } from "node:path";
import { buildService } from "../build";
import type { Database } from "../src/database";
import { openSnapshot } from "../src/embedded-database";
import { migrate, readMigrations } from "../src/migrations";
import { PostgresDatabase } from "../src/postgres-database";
import { postgres } from "./postgres-server";

/** The folder that `npm run build` writes. */
export const DIST = join(__dirname, "../dist");

let built: Promise<void> | undefined;
let opened: Promise<Database> | undefined;

/** Builds the service, once in a test run. */
export function build(): Promise<void> {
  return (built ??= buildService());
}

/** The seeded database, opened once in a test run. A test that changes it has to restore it. */
export function sharedDatabase(): Promise<Database> {
  return (opened ??= build().then(() => openSnapshot(join(DIST, "store.tar"))));
}

const pools: PostgresDatabase[] = [];

/** A separate database in the PostgreSQL server of the tests, with the same rows; closed when the tests end. */
export async function postgresDatabase(): Promise<PostgresDatabase> {
  return connect(await (await postgres()).database());
}

/** Another pool for a database, migrated with the demonstration rows. */
export async function connect(
  url: string,
  { poolSize = 8, statementTimeout = 5000 } = {},
): Promise<PostgresDatabase> {
  const database = new PostgresDatabase({ url, application: "test", poolSize, statementTimeout });
  pools.push(database);
  await migrate(database, await readMigrations(join(__dirname, "../sql"), "demo"));
  return database;
}

after(async () => {
  await Promise.all(pools.map((pool) => pool.close()));
  await (await opened)?.close();
});
