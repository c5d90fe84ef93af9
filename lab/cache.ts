import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { folders } from "./folders";

/** A short name for content: equal for equal parts in equal order. */
export function contentHash(...parts: readonly (string | Buffer)[]): string {
  const hash = createHash("sha256");
  // The length keeps ("ab", "c") apart from ("a", "bc").
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest("hex").slice(0, 20);
}

const unfinishedEntries = path.join(folders.cache, "unfinished");

/** The hash of all files below a folder, by relative path and content; `skip` names folders that don't count. */
export function hashFolder(folder: string, skip: readonly string[] = []): string {
  const files = fs
    .readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => !file.split(path.sep).some((part) => skip.includes(part)))
    .filter((file) => fs.statSync(path.join(folder, file)).isFile())
    .sort();
  return contentHash(...files.flatMap((file) => [file, fs.readFileSync(path.join(folder, file))]));
}

/** Folder of an entry of the cache: `name` for people, `key` from {@link contentHash} of all that it is made from. */
export function cachePath(name: string, key: string): string {
  return path.join(folders.cache, `${name}-${key}`);
}

/**
 * The folder of a cache entry, made first if it is missing. It is made under another name and renamed, so that it is
 * whole if it is there; whatever stops `make` in between leaves only something that the next {@link sweepCache} removes.
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
    // What was just killed may still write.
    fs.rmSync(unfinished, { recursive: true, force: true, maxRetries: 20 });
  }
  return entry;
}

/** Gives `use` a folder for what it needs in between: removed afterwards, or by {@link sweepCache} where it was killed. */
export async function withScratch<T>(use: (folder: string) => Promise<T>): Promise<T> {
  fs.mkdirSync(unfinishedEntries, { recursive: true });
  const folder = fs.mkdtempSync(path.join(unfinishedEntries, "scratch-"));
  try {
    return await use(folder);
  } finally {
    // What was just killed may still write.
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  }
}

/** Removes what a killed command left half-made. Only for the holder of the lab's lock. */
export function sweepCache(): void {
  fs.rmSync(unfinishedEntries, { recursive: true, force: true });
}
