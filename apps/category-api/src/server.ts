import { join } from "node:path";
import { runService } from "./service";

runService({
  env: process.env,
  openDatabase: async ({ database, version }, log, stop) => {
    // Both are large, so only the one in use is loaded.
    if (database === undefined) {
      const { openSnapshot } = await import("./embedded-database.js");
      return openSnapshot(join(__dirname, "store.tar"));
    }
    const { openPostgres } = await import("./postgres-database.js");
    const options = { ...database, application: `category-api ${version}` };
    return openPostgres(options, join(__dirname, "sql"), log, stop);
  },
}).catch((error: unknown) => {
  console.error(`category-api: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
});
