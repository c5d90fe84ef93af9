/** Each step as a commit of the stack file with its verdict, so that git has the history of a shift. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { number } from "../diff/words";
import { git, gitWords } from "../sources/git";
import { SourceError } from "../sources/source-error";
import type { StepEvent } from "./events";
import type { Follower } from "./follow";
import { readWeights, withWeights } from "./stack-weights";

/**
 * Commits the file, and nothing else, after each `up` that succeeded. A commit that fails is said, and stops nothing.
 *
 * @throws SourceError where the file is in no git repository, or has other changes than weights that are not committed.
 */
export async function commitFollower(
  file: string,
  failed: (words: string) => void,
  project: string,
): Promise<Follower> {
  const inFolder = (...args: string[]): Promise<string> => git(path.dirname(file), args, { trim: false });
  const status = await inFolder("status", "--porcelain", "--", file).catch((error: unknown) => {
    throw new SourceError(`--commit: ${path.basename(file)} is in no git repository (${gitWords(error)})`);
  });
  const committed = (): Promise<string> => inFolder("show", `HEAD:./${path.basename(file)}`);
  if (status !== "" && !(await differsByWeights(file, project, committed))) {
    throw new SourceError(
      `--commit: found ${path.basename(file)} with changes that are not committed\n  allowed: weights, as of a step that was killed before its commit\n  repair:  commit them, then run this again`,
    );
  }
  let version = "";
  let step: StepEvent | undefined;
  return {
    tell: async (event) => {
      if (event.event === "begin") version = event.version;
      if (event.event === "step" || event.event === "back") step = event;
      if (event.event !== "up" || !event.ok || !step) return;
      const way = step.event === "back" ? " back" : "";
      const message = `Shift ${version}${way} to ${number(event.share)} %\n\n${step.why}`;
      try {
        // What a resumed shift writes once more is no change.
        if ((await inFolder("status", "--porcelain", "--", file)) !== "")
          await inFolder("commit", "--quiet", "--only", "--message", message, "--", file);
      } catch (error) {
        failed(`The step was not committed: ${gitWords(error)}`);
      }
    },
  };
}

/** So does a shift leave the file that is killed before its commit. */
async function differsByWeights(
  file: string,
  project: string,
  committed: () => Promise<string>,
): Promise<boolean> {
  try {
    const [text, name] = [readFileSync(file, "utf8"), path.basename(file)];
    return withWeights(await committed(), project, name, readWeights(text, project, name)) === text;
  } catch {
    // Never committed, or without weights.
    return false;
  }
}
