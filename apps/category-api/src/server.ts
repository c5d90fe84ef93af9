import { join } from "node:path";
import { openSnapshot } from "./database";
import { runService } from "./service";

runService({ env: process.env, openDatabase: () => openSnapshot(join(__dirname, "store.tar")) }).catch(
  (error: unknown) => {
    console.error(`category-api: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  },
);
