/** Runs git for commands that write commits. */
import { execFile } from "node:child_process";

interface GitOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Paths are from the top of the repository. */
  readonly top?: true;
  readonly trim?: false;
}

/** What git prints, trimmed. @throws Error with what git says ({@link gitWords}). */
export async function git(
  folder: string,
  args: readonly string[],
  options: GitOptions = {},
): Promise<string> {
  const cwd = options.top ? await git(folder, ["rev-parse", "--show-toplevel"]) : folder;
  return new Promise((resolve, reject) => {
    const child = execFile(
      "git",
      [...args],
      // Nobody answers a question for a password here.
      { cwd, env: { ...process.env, GIT_TERMINAL_PROMPT: "0", ...options.env }, maxBuffer: 1 << 26 },
      (error, stdout, stderr) => {
        if (error) reject(new Error(stderr.trim() || error.message));
        else resolve(options.trim === false ? stdout : stdout.trim());
      },
    );
    // One that has ended has said why.
    child.stdin?.on("error", () => undefined).end(options.input ?? "");
  });
}

/** The first line of what git says, without a user and a password in an address. */
export const gitWords = (error: unknown): string =>
  ((error as Error).message.split("\n")[0] ?? "").replace(/\/\/[^/@\s]+@/g, "//");
