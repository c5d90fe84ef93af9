/**
 * `npm run bench:cold [-- --all]`: measures `make up` with empty caches of the lab, of Go and of pip, and writes lab/durations.json and
 * the cold start in docs/benchmarks.md. With `--all` it also measures what `make observability` builds. Packages of npm and
 * Debian are installed already. It stops a running lab, and leaves none.
 */
import { execa } from "execa";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import measured from "../lab/durations.json";
import { folders } from "../lab/folders";

/** A part of the cold start, with its seconds. */
type Parts = Map<string, number>;

/** Runs a command of the lab and shows its output; returns seconds by step and by program. */
async function lab(
  env: Record<string, string>,
  ...args: string[]
): Promise<{ steps: Parts; programs: Parts }> {
  const steps: Parts = new Map();
  const programs: Parts = new Map();
  const command = execa("npm", ["run", "-s", "lab", "--", ...args], {
    cwd: folders.checkout,
    env,
    stdin: "ignore",
    stderr: "inherit",
    buffer: false,
  });
  for await (const line of readline.createInterface({ input: command.stdout })) {
    console.log(line);
    const built = /: built (\S+) in (\d+) s/.exec(line);
    if (built) programs.set(built[1] ?? "", Number(built[2]));
    const step = /^step \d+ of \d+, (.+), done, (?:(\d+) min )?([\d.]+) s$/.exec(line);
    if (step) steps.set(step[1] ?? "", Number(step[2] ?? 0) * 60 + Number(step[3]));
  }
  await command;
  return { steps, programs };
}

const words = (seconds: number): string =>
  seconds < 100
    ? `${seconds.toFixed(0)} s`
    : `${Math.floor(Math.round(seconds) / 60)} min ${Math.round(seconds) % 60} s`;
const table = (head: string, parts: Parts): string =>
  [`| ${head} | time |`, "| --- | --- |", ...[...parts].map(([name, s]) => `| ${name} | ${words(s)} |`)].join(
    "\n",
  );

async function main(all: boolean): Promise<void> {
  mkdirSync(path.dirname(folders.cache), { recursive: true });
  const scratch = mkdtempSync(path.join(path.dirname(folders.cache), "shopzier-cold-"));
  const env = {
    XDG_CACHE_HOME: path.join(scratch, "cache"),
    GOCACHE: path.join(scratch, "go-build"),
    GOMODCACHE: path.join(scratch, "go-modules"),
  };
  const file = path.join(folders.checkout, "docs/benchmarks.md");
  try {
    await lab({}, "down");
    const start = performance.now();
    const { steps, programs } = await lab(env, "up");
    const whole = (performance.now() - start) / 1000;
    await lab(env, "down");
    const rest = all ? await lab(env, "build") : undefined;
    const cores = os.availableParallelism();
    writeFileSync(
      path.join(folders.checkout, "lab/durations.json"),
      JSON.stringify({
        cores,
        seconds: { ...measured.seconds, ...Object.fromEntries([...programs, ...(rest?.programs ?? [])]) },
      }),
    );
    const section = [
      "## Cold start",
      `\`make up\` with empty caches of the lab, of Go and of pip, from the command to the measured split: **${words(whole)}** on ${cores} cores ` +
        `(${os.cpus()[0]?.model ?? "unknown"}); target: at most 20 minutes. Written by \`npm run bench:cold\`.`,
      table("step", steps),
      "Two programs are built at a time. Those of one module share what they have compiled, so the first of a module takes longest.",
      table("program", programs),
      ...(rest
        ? [
            "What is built after the split, here alone on the machine:",
            table("part", new Map([...rest.steps, ...rest.programs])),
          ]
        : []),
    ].join("\n\n");
    const written = readFileSync(file, "utf8").replace(/\n## Cold start\n[^]*?(?=\n## |$(?![^]))/, "");
    writeFileSync(file, `${written.trimEnd()}\n\n${section}\n`);
    await execa("prettier", ["--write", "docs/benchmarks.md", "lab/durations.json"], {
      cwd: folders.checkout,
      preferLocal: true,
    });
  } finally {
    await lab(env, "down");
    rmSync(scratch, { recursive: true, force: true });
  }
}

main(process.argv.includes("--all")).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
