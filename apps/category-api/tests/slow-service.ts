import { once } from "node:events";
import { join } from "node:path";
import { openSnapshot } from "../src/embedded-database";
import { runService } from "../src/service";

// The real service, but its database opens, and then answers, only when the parent process sends a message.
const message = async (expected: string) => {
  while ((await once(process, "message"))[0] !== expected);
};
const open = message("open");
const answer = message("answer");

runService({
  env: process.env,
  openDatabase: async () => {
    await open;
    const database = await openSnapshot(join(__dirname, "store.tar"));
    return {
      query: async (sql, parameters) => {
        process.send?.("waiting");
        await answer;
        return database.query(sql, parameters);
      },
      transaction: (work) => database.transaction(work),
      check: () => database.check(),
      close: () => database.close(),
    };
  },
}).then(
  () => {
    process.disconnect();
  },
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
