import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { ROOT } from "../../lab/harness";

/** The commands of a document, from the block that stands first below a heading. */
export function commands(document: string, heading: string): string {
  const text = `\n${readFileSync(path.join(ROOT, document), "utf8")}`;
  const below = text.slice(text.indexOf(`\n${heading}\n`));
  const found = /```sh\n([\s\S]*?)```/.exec(below)?.[1];
  assert.ok(found, `${document} shows commands below ${heading}`);
  return found;
}
