import { execFile } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { SourceError } from "./source-error";

const run = promisify(execFile);
const LOCKS = [
  "package-lock.json",
  "npm-shrinkwrap.json",
  "yarn.lock",
  "pnpm-lock.yaml",
  "bun.lock",
  "bun.lockb",
];

/** The files of a ref in a folder of their own. */
export interface Checkout {
  /** As the folder that was asked for. */
  readonly folder: string;
  readonly remove: () => void;
}

/**
 * Writes the files of a ref into a temporary folder, with the packages that the working tree has installed. The repository
 * and its index are only read.
 *
 * @param folder of the project, in the working tree.
 * @param install runs `npm ci` where the packages of the ref are others than the installed ones.
 * @throws SourceError for a folder that is in no repository, an unknown ref, and other packages.
 */
export async function checkout(folder: string, ref: string, { install = false } = {}): Promise<Checkout> {
  const at = realpathSync(folder);
  const [top, commit] = await Promise.all([topOf(at), commitOf(at, ref)]);
  const copy = realpathSync(mkdtempSync(path.join(tmpdir(), "shopzier-ref-")));
  const remove = removeAtExit(copy);
  try {
    const index = path.join(copy, ".git-index");
    const env = { ...process.env, GIT_INDEX_FILE: index, GIT_WORK_TREE: copy };
    const [changed] = await Promise.all([
      changedFiles(top, commit),
      // With a worker for each core.
      run("git", ["-c", "checkout.workers=0", "read-tree", "--reset", "-u", commit], { cwd: top, env }),
    ]);
    rmSync(index);
    const project = path.join(copy, path.relative(top, at));
    const locks = changed.filter(
      (file) => LOCKS.includes(path.basename(file)) && isAbove(path.dirname(file), path.relative(top, at)),
    );
    if (locks.length === 0) linkPackages(top, copy, path.relative(top, at), changed);
    else if (install) await installPackages(path.join(copy, path.dirname(locks[0] ?? "")), ref);
    else {
      throw new SourceError(
        `${ref}: ${locks.join(", ")} differs from the working tree's, so it needs other packages than those installed\n` +
          "  repair:  give --install, which runs `npm ci` for it, or compare in a working tree with these packages",
      );
    }
    return { folder: project, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** The folder below the top of its repository, with a slash at its end; empty at the top, and where there is none. */
export async function placeInRepository(folder: string): Promise<string> {
  try {
    const place = path.relative(await topOf(folder), realpathSync(folder));
    return place === "" ? "" : `${place}/`;
  } catch {
    return "";
  }
}

async function topOf(folder: string): Promise<string> {
  try {
    return realpathSync(
      (await run("git", ["rev-parse", "--show-toplevel"], { cwd: folder })).stdout.trimEnd(),
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT")
      throw new SourceError("git is not installed: a ref is read by it");
    throw new SourceError(`${folder} is in no git repository, so it has no refs`);
  }
}

async function commitOf(folder: string, ref: string): Promise<string> {
  try {
    const { stdout } = await run(
      "git",
      ["rev-parse", "--verify", "--quiet", "--end-of-options", `${ref}^{commit}`],
      { cwd: folder },
    );
    return stdout.trim();
  } catch {
    throw new SourceError(
      `${ref}: git knows no such branch, tag or commit\n` +
        "  repair:  `git fetch origin`; in GitHub Actions give actions/checkout `fetch-depth: 0`",
    );
  }
}

/** Files that differ between the commit and the working tree, from the top of the repository. */
async function changedFiles(top: string, commit: string): Promise<string[]> {
  const { stdout } = await run("git", ["diff", "--name-only", "--no-renames", "-z", commit], {
    cwd: top,
    maxBuffer: 1 << 28,
  });
  return stdout.split("\0").filter((file) => file !== "");
}

const isAbove = (folder: string, below: string): boolean =>
  folder === "." || below === folder || below.startsWith(`${folder}/`);

/**
 * Links each `node_modules` above the project. A package of the repository itself (of a workspace) is that of the ref where its
 * files differ; otherwise it is the working tree's, which has what was built in it.
 */
function linkPackages(top: string, copy: string, project: string, changed: readonly string[]): void {
  const steps = project.split(path.sep).filter((step) => step !== "");
  for (let depth = 0; depth <= steps.length; depth++) {
    const from = path.join(top, ...steps.slice(0, depth), "node_modules");
    if (existsSync(from)) linkEntries(from, path.join(copy, ...steps.slice(0, depth), "node_modules"));
  }

  function linkEntries(from: string, to: string): void {
    mkdirSync(to, { recursive: true });
    for (const entry of readdirSync(from, { withFileTypes: true })) {
      const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)];
      if (entry.isDirectory() && entry.name.startsWith("@")) linkEntries(source, target);
      else symlinkSync(entry.isSymbolicLink() ? ownPackage(source) : source, target);
    }
  }

  function ownPackage(link: string): string {
    const within = path.relative(top, path.resolve(path.dirname(link), readlinkSync(link)));
    const isOwn = !within.startsWith("..") && !within.split(path.sep).includes("node_modules");
    const differs = changed.some((file) => file.startsWith(`${within}/`));
    return isOwn && differs && existsSync(path.join(copy, within)) ? path.join(copy, within) : link;
  }
}

async function installPackages(folder: string, ref: string): Promise<void> {
  try {
    await run("npm", ["ci", "--no-audit", "--no-fund"], { cwd: folder, maxBuffer: 1 << 26 });
  } catch (error) {
    const { stderr = "" } = error as { stderr?: string };
    throw new SourceError(`${ref}: \`npm ci\` failed\n${stderr.trim()}`);
  }
}

/** Removes a folder when asked, and at the latest when the process ends, also by Ctrl-C. */
function removeAtExit(folder: string): () => void {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const remove = (): void => {
    process.off("exit", remove);
    for (const signal of signals) process.off(signal, end);
    rmSync(folder, { recursive: true, force: true });
  };
  const end = (signal: NodeJS.Signals): void => {
    remove();
    process.kill(process.pid, signal);
  };
  process.on("exit", remove);
  for (const signal of signals) process.on(signal, end);
  return remove;
}
