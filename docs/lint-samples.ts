/** The samples of docs/lint: objects that a rule of `shopzier lint` objects to, and their repair. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { objectsOf } from "../cli/sources/manifests";
import type { Side } from "../cli/side";

export interface LintSample {
  readonly code: string;
  /** YAML documents. */
  readonly wrong: string;
  /** The smallest edit of `wrong` after which nothing is found. */
  readonly repair: { readonly from: string; readonly to: string };
  /** How often the rule finds it: each of two objects that collide is named. Default 1. */
  readonly findings?: number;
}

const FOLDER = path.join(__dirname, "lint");

export const LINT_SAMPLES: readonly LintSample[] = readdirSync(FOLDER)
  .sort()
  .flatMap((file) => parse(readFileSync(path.join(FOLDER, file), "utf8")) as LintSample[]);

/** Its objects after the repair, as YAML documents. */
export const repaired = ({ wrong, repair: { from, to } }: LintSample): string =>
  wrong.replace(from, () => to);

export const sideOfText = (title: string, text: string): Side => ({
  title,
  ...objectsOf([{ file: title, text }]),
});
