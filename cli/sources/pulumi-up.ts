/** `pulumi up` of a stack, as a shift and a rollback run it. */
import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import type { UpEnd } from "../shift/next-action";
import { SourceError } from "./source-error";

/** The routes, and the recording rule of the configured share: all that follows from weights. */
export const ROUTES_ALONE = ["**:VirtualService::**", "**:PrometheusRule::**", "**:ConfigMap::**-rules"];

export interface UpOptions {
  /** Of Pulumi.yaml. */
  readonly folder: string;
  readonly stack: string;
  /** Patterns of URNs. Default: the whole stack. */
  readonly targets?: readonly string[];
  /** Told once where another update holds the stack's lock. */
  readonly onLocked?: (words: string) => void;
}

/** How long another update is waited for, in milliseconds. */
const LOCK_MS = { all: 60_000, poll: 2000 };

/**
 * Runs it to its end, whatever becomes of this process: it has a process group of its own, so that Ctrl-C does not reach it, and it writes
 * to a file, so that it does not die with its reader.
 *
 * @throws SourceError where there is no `pulumi`.
 */
export async function pulumiUp(options: UpOptions): Promise<UpEnd> {
  const until = performance.now() + LOCK_MS.all;
  for (let told = false; ; told = true) {
    const { code, output } = await run(options);
    if (code === 0) return { ok: true };
    const lock = lockWords(output, options.stack);
    if (lock === undefined) return { ok: false, words: failureWords(output, code) };
    if (performance.now() > until) return { ok: false, words: lock };
    if (!told) options.onLocked?.(lock);
    await setTimeout(LOCK_MS.poll);
  }
}

async function run({ folder, stack, targets = [] }: UpOptions): Promise<{ code: number; output: string }> {
  const scratch = mkdtempSync(path.join(tmpdir(), "shopzier-up-"));
  const log = path.join(scratch, "up.log");
  const written = openSync(log, "w");
  const chosen = targets.flatMap((target) => ["--target", target]);
  const plain = ["--yes", "--skip-preview", "--non-interactive", "--color", "never"];
  const child = spawn("pulumi", ["up", ...plain, "--stack", stack, ...chosen], {
    cwd: folder,
    detached: true,
    stdio: ["ignore", written, written],
  });
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.once("error", reject).once("close", (ended) => {
        resolve(ended ?? 1);
      });
    });
    return { code, output: stripVTControlCharacters(readFileSync(log, "utf8")) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new SourceError(
      "pulumi is not on the PATH\n  repair:  install it (https://www.pulumi.com/docs/install/)",
    );
  } finally {
    closeSync(written);
    rmSync(scratch, { recursive: true });
  }
}

/** Of a lock that another update holds; undefined where the failure is another one. */
export function lockWords(output: string, stack: string): string | undefined {
  if (!/the stack is currently locked|Another update is currently in progress/i.test(output))
    return undefined;
  const by = /created by (.+?)(?: at (\S+))?$/m.exec(output);
  const who = by ? ` (by ${by[1] ?? ""}${by[2] === undefined ? "" : `, since ${by[2]}`})` : "";
  return (
    `Another update of stack ${stack} holds its lock${who}. Wait for its end and run this again. ` +
    `If no update runs, because it was killed: pulumi cancel --yes --stack ${stack}`
  );
}

/** What Pulumi itself begins a line with after the words of an error: a diagnostic, a resource, or a part of its report. */
const MARKER =
  /^(?:(?:error|warning|info|debug): |\S+:\S+ \(.+\):$|(?:Diagnostics|Outputs|Policies|Resources|Duration|Permalink|View in Browser[^:]*|View Live):)/;
/** What Pulumi repeats of an error. */
const REPEATED = /update failed|resource hook|^error: preview failed/;
/** Lines of one error. An exception of a program has many. */
const ERROR_LINES = 40;

/** The errors that Pulumi names, each with the lines that follow it, without what it repeats. */
export function failureWords(output: string, code: number): string {
  const lines = output.split("\n");
  const errors = new Set(
    lines.flatMap((line, at) =>
      /^\s*error: /.test(line) && !REPEATED.test(line.trim()) ? [errorAt(lines, at)] : [],
    ),
  );
  const [words] =
    errors.size > 0
      ? [joined([...errors])]
      : [
          lines
            .map((line) => line.trim())
            .filter(Boolean)
            .at(-1),
        ];
  return words ?? `it ended with ${code}`;
}

/** The error that begins in a line, as it was before Pulumi indented it. */
function errorAt(lines: readonly string[], at: number): string {
  const [first = "", ...more] = lines.slice(at, at + ERROR_LINES);
  const end = more.findIndex((line) => MARKER.test(line.trim()));
  const indent = first.length - first.trimStart().length;
  const following = (end < 0 ? more : more.slice(0, end))
    .filter((line) => line.trim() !== "")
    .map((line) => line.slice(Math.min(indent, line.length - line.trimStart().length)).trimEnd());
  return [first.trim().replace(/^error: /, ""), ...following].join("\n");
}

const joined = (errors: readonly string[]): string =>
  errors.join(errors.some((error) => error.includes("\n")) ? "\n" : " ");
