import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { folders } from "./folders";

/** A short hash of content; equal parts in the same order give the same hash. */
export function contentHash(...parts: readonly (string | Buffer)[]): string {
  const hash = createHash("sha256");
  // The length distinguishes ("ab", "c") from ("a", "bc").
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest("hex").slice(0, 20);
}

const unfinishedEntries = path.join(folders.cache, "unfinished");

/** The hash of all files below a folder, by relative path and content; `skip` names folders to leave out. */
export function hashFolder(folder: string, skip: readonly string[] = []): string {
  const files = fs
    .readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => !file.split(path.sep).some((part) => skip.includes(part)))
    .filter((file) => fs.statSync(path.join(folder, file)).isFile())
    .sort();
  return contentHash(...files.flatMap((file) => [file, fs.readFileSync(path.join(folder, file))]));
}

/** Folder of a cache entry: a readable `name`, and as `key` the {@link contentHash} of all its inputs. */
export function cachePath(name: string, key: string): string {
  return path.join(folders.cache, `${name}-${key}`);
}

/**
 * The folder of a cache entry; `make` creates a missing one. It is created under another name and then renamed, so an entry
 * that exists is complete. If `make` is interrupted, the next {@link sweepCache} removes what it left.
 */
export async function cached(
  name: string,
  key: string,
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const entry = cachePath(name, key);
  if (fs.existsSync(entry)) return entry;
  const unfinished = path.join(unfinishedEntries, `${name}-${key}`);
  fs.rmSync(unfinished, { recursive: true, force: true });
  fs.mkdirSync(unfinished, { recursive: true });
  try {
    await make(unfinished);
    fs.renameSync(unfinished, entry);
  } finally {
    // A command that was just killed may still write.
    fs.rmSync(unfinished, { recursive: true, force: true, maxRetries: 20 });
  }
  return entry;
}

/** Gives `use` a temporary folder. It is removed afterwards, or by {@link sweepCache} if the command was killed. */
export async function withScratch<T>(use: (folder: string) => Promise<T>): Promise<T> {
  fs.mkdirSync(unfinishedEntries, { recursive: true });
  const folder = fs.mkdtempSync(path.join(unfinishedEntries, "scratch-"));
  try {
    return await use(folder);
  } finally {
    // A command that was just killed may still write.
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  }
}

/** Removes unfinished entries of killed commands. Call it only with the lab's lock held and no build in the background. */
export function sweepCache(): void {
  // A command that was just killed may still write.
  fs.rmSync(unfinishedEntries, { recursive: true, force: true, maxRetries: 20 });
}
