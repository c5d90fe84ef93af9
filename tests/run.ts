/** Runs layers of tests and ends with one line that sums them: `npm test`, `make test`. */
import { execa } from "execa";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

interface Layer {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** Whether the command runs mocha and counts its own tests; else it counts as one. */
  readonly mocha?: true;
  /** Whether it waits much of its time, for servers and limits: beside it the others yield, or it would be the last by far. */
  readonly waits?: true;
}

const mocha = (name: string, ...specs: string[]): Layer => ({
  name,
  // A test that failed may leave a connection, which would keep mocha running.
  command: ["mocha", "--exit", "--reporter", "./tests/reporter.ts", ...specs],
  mocha: true,
});

/** The longest first, so that all end at about the same time. */
const FAST: readonly Layer[] = [
  { name: "lint", command: ["eslint", "--max-warnings", "0", "."] },
  { ...mocha("category API", "apps/category-api/tests/**/*.test.ts"), waits: true },
  mocha("unit", "tests/unit/**/*.test.ts"),
  { name: "format", command: ["prettier", "--check", "--log-level", "warn", "."] },
  mocha("program", "tests/program/**/*.test.ts"),
  { name: "public API", command: ["node", "-r", "./tests/register.cjs", "docs/api-report.ts"] },
  // TypeScript 7: a quarter of the time of the one before, whose API ESLint and ts-node need. Threads check more than once.
  {
    name: "types",
    command: ["node", "node_modules/typescript-native/bin/tsc", "-p", ".", "--singleThreaded"],
  },
];
/** Only with `--all`, since they take long; beside the fast ones, since they need no lab. */
const LONG: readonly Layer[] = [
  mocha("package", "--timeout", "5m", "tests/package/**/*.test.ts"),
  { name: "unused files and packages", command: ["knip"] },
];
/** Waits much of its time, so the fast ones run beside it. Ends with a lab that is up. */
const LAB = mocha("lab", "--timeout", "30m", "tests/lab/**/*.test.ts");
const E2E = mocha("e2e", "--timeout", "20m", "tests/e2e/**/*.test.ts");

/** What tests/reporter.ts writes. */
interface Counts {
  readonly passes: number;
  readonly failures: number;
  readonly pending: number;
  /** Title and message of each test that failed. */
  readonly failed: readonly string[];
}

interface Total {
  passed: number;
  failed: number;
  skipped: number;
  /** A line for each failure, which the last lines of a long run repeat. */
  readonly failures: string[];
}

/** Runs layers one after the other; with `show` their output comes as they run, else each one's when it has ended. */
async function run(layers: Iterable<Layer>, folder: string, total: Total, show: boolean): Promise<void> {
  for (const layer of layers) {
    const counts = path.join(folder, layer.name);
    const started = Date.now();
    if (show) console.log(`\n== ${layer.name}`);
    const command = show || layer.waits ? layer.command : (["nice", ...layer.command] as const);
    const [file, ...args] = command;
    const { exitCode, all } = await execa(file, args, {
      preferLocal: true,
      stdin: "ignore",
      stdout: show ? "inherit" : "pipe",
      stderr: show ? "inherit" : "pipe",
      all: true,
      reject: false,
      env: { COUNTS_FILE: counts, ...(process.stdout.isTTY && { FORCE_COLOR: "1" }) },
    });
    const { passes, failures, pending, failed } = layer.mocha
      ? counted(counts)
      : { passes: exitCode === 0 ? 1 : 0, failures: 0, pending: 0, failed: [] };
    total.passed += passes;
    total.skipped += pending;
    // A run that breaks off without a failing test has failed all the same.
    total.failed += Math.max(failures, exitCode === 0 ? 0 : 1);
    total.failures.push(...failed.map((line) => `${layer.name}: ${line}`));
    if (exitCode !== 0 && failed.length === 0)
      total.failures.push(`${layer.name}: exit ${exitCode ?? "by signal"}`);
    if (!show) console.log(`\n== ${layer.name}\n${all ?? ""}`);
    console.log(
      `== ${layer.name}: exit ${exitCode ?? "by signal"}, ${((Date.now() - started) / 1000).toFixed(1)} s`,
    );
  }
}

async function main(all: boolean): Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), "shopzier-tests-"));
  const total: Total = { passed: 0, failed: 0, skipped: 0, failures: [] };
  try {
    // On two cores: the category service's tests wait half of their time.
    const queue = (all ? [...LONG, ...FAST] : FAST).values();
    const beside = [1, 2, 3].map(() => run(queue, folder, total, false));
    await Promise.all([...beside, ...(all ? [run([LAB], folder, total, true)] : [])]);
    if (all) await run([E2E], folder, total, true);
  } finally {
    rmSync(folder, { recursive: true });
  }
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
  if (total.failures.length > 0) console.log(`\nWhat failed:\n${total.failures.join("\n")}`);
  console.log(`\n${total.passed} passed, ${total.failed} failed${skipped}`);
  return total.failed === 0 ? 0 : 1;
}

function counted(file: string): Counts {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Counts;
  } catch {
    return { passes: 0, failures: 0, pending: 0, failed: [] };
  }
}

void main(process.argv.includes("--all")).then((code) => {
  process.exitCode = code;
});
