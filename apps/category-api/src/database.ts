import { openAsBlob } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";

/** What the category store needs of a SQL database; PGlite here, and a PostgreSQL client fits as it is. */
export interface Database {
  /** Runs one statement with positional parameters (`$1`, `$2`, ...). */
  query<Row>(sql: string, parameters: unknown[]): Promise<{ rows: Row[] }>;
  close(): Promise<void>;
}

// A read-only database of a few kilobytes in memory: PostgreSQL's defaults would cost 500 MB and 3 s more.
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
 * Makes the database from nothing (schema, then seed rows) and returns its data directory as a tar archive.
 * It takes several seconds, so it is a step of the build; the service only loads the result.
 * @param sqlFolder the folder that holds schema.sql and seed.sql
 */
export async function createSnapshot(sqlFolder: string): Promise<Buffer> {
  const database = await PGlite.create({
    initDbStartParams: ["--wal-segsize=1", "--no-locale", "--encoding=UTF8"],
    postgresqlconf: MEMORY_SETTINGS,
  });
  try {
    for (const file of ["schema.sql", "seed.sql"]) {
      await database.exec(await readFile(join(sqlFolder, file), "utf8"));
    }
    // The templates exist only to make further databases, and are two thirds of the archive.
    await database.exec("update pg_database set datistemplate = false where datname like 'template%'");
    await database.exec("drop database template1");
    await database.exec("drop database template0");
    await database.exec("vacuum full analyze");
    await database.exec("checkpoint");
    const archive = await database.dumpDataDir("none");
    return Buffer.from(await archive.arrayBuffer());
  } finally {
    await database.close();
  }
}

/** Opens an embedded database in memory, filled from an archive of {@link createSnapshot}. Nothing is written to disk. */
export async function openSnapshot(file: string): Promise<Database> {
  return PGlite.create({ loadDataDir: await openAsBlob(file) });
}
