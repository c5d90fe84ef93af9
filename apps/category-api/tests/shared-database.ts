import { join } from "node:path";
import { buildService } from "../build";
import { type Database, openSnapshot } from "../src/database";

/** The folder that `npm run build` writes. */
export const DIST = join(__dirname, "../dist");

let built: Promise<void> | undefined;
let opened: Promise<Database> | undefined;

/** Builds the service, once in a test run. */
export function build(): Promise<void> {
  return (built ??= buildService());
}

/** The seeded database, opened once in a test run; who changes it changes it back. */
export function sharedDatabase(): Promise<Database> {
  return (opened ??= build().then(() => openSnapshot(join(DIST, "store.tar"))));
}

after(async () => {
  await (await opened)?.close();
});
