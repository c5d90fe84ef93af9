import { join } from "node:path";
import { openSnapshot } from "./database";
import { runService } from "./service";

runService({ env: process.env, openDatabase: () => openSnapshot(join(__dirname, "store.tar")) }).then(
  // The embedded database has no end of its own.
  () => process.exit(0),
  (error: unknown) => {
    console.error(`category-api: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  },
);
