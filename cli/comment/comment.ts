/** `shopzier comment FILE`: one comment for each stack of a report, made once and then updated in place. */
import { lstatSync, readFileSync } from "node:fs";
import type { Report } from "../diff/report";
import { markdown, marker } from "../report/markdown";
import { parseReports } from "../report/report-file";
import { SourceError } from "../sources/source-error";
import { Refused, type Patience } from "./api";
import type { Environment, Forge, OwnComment } from "./forge";
import { gitHub } from "./github";
import { gitLab } from "./gitlab";
import { shortened } from "./shortened";

/** Of the comment that is about no single stack, in the place of a stack's title. */
const ALL = "all stacks";

/** A pull request's code writes the file, so it may not make more comments than this. */
const MOST_COMMENTS = 30;

interface Wanted {
  readonly title: string;
  readonly body: string;
  /** Whether it is written where no comment stands yet. */
  readonly fresh: boolean;
}

/**
 * Comments are written as the user of GITHUB_TOKEN or GITLAB_TOKEN, and only its own are updated. They have the text that
 * this version makes of the report, so a pull request's code cannot write Markdown into them.
 *
 * A stack that nothing changes for gets a comment if it has one already, or is the only one. If nothing changes for any of
 * several stacks, one comment says so.
 *
 * @param file what `shopzier diff --format json` wrote. If it is missing or broken, a comment says so.
 * @returns a line for each comment, or why there is none.
 * @throws SourceError with what was found, what is allowed and how to repair it.
 */
export async function comment(
  file: string,
  env: Environment = process.env,
  patience: Patience = {},
): Promise<readonly string[]> {
  const forge = await forgeOf(env, patience);
  if ("nothing" in forge) return [forge.nothing];
  const wanted = wantedFor(file, forge);
  const lines: string[] = [];
  const first = await forge.api.persist(() => forge.own());
  for (const one of wanted) {
    // What failed may have been written all the same, so that a second attempt looks again.
    const line = await forge.api.persist(async (attempt) =>
      write(forge, attempt === 1 ? first : await forge.own(), one),
    );
    if (line) lines.push(line);
  }
  return lines;
}

async function forgeOf(env: Environment, patience: Patience) {
  if (env.GITHUB_EVENT_PATH) return gitHub(env, patience);
  if (env.CI_API_V4_URL) return gitLab(env, patience);
  throw new SourceError(
    "This is no run of GitHub Actions or GitLab CI.\n" +
      "  allowed: GITHUB_EVENT_PATH or CI_API_V4_URL is set\n" +
      "  repair:  print the report with `shopzier diff --format markdown`",
  );
}

function wantedFor(file: string, forge: Forge): Wanted[] {
  const about = `<sub>Commit ${forge.commit.slice(0, 7)}${forge.run ? `, [run](${forge.run})` : ""}</sub>\n`;
  const ofAll = (title: string, text: string, fresh = true): Wanted => ({
    title: ALL,
    body: [marker(ALL), `### ${title}`, text, about].filter(Boolean).join("\n\n"),
    fresh,
  });
  let reports: readonly Report[];
  try {
    // A link or a folder is nothing that was written as a report.
    if (!lstatSync(file, { throwIfNoEntry: false })?.isFile())
      throw new SourceError(`${file} is missing: the run ended before it wrote a report.`);
    reports = parseReports(readFileSync(file, "utf8"), file);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    const text = `\`\`\`text\n${error.message}\n\`\`\`\n\nOther comments here are about earlier commits.`;
    return [ofAll("No report about this commit", text)];
  }
  if (reports.length > MOST_COMMENTS) {
    throw new SourceError(`${file} has ${reports.length} reports, at most ${MOST_COMMENTS} make comments.`);
  }
  const names = reports.map(({ title }) => `\`${title.replaceAll("`", "'")}\``).join(", ");
  const quiet = !reports.some(changes);
  return [
    ...reports.map((report) => ({
      title: report.title,
      body: `${markdown(report)}\n${about}`,
      fresh: changes(report) || reports.length === 1,
    })),
    quiet && reports.length > 1
      ? ofAll("Nothing changes for requests", `Stacks: ${names}`)
      : ofAll("What changes stands in the comment of each stack", "", false),
  ];
}

function changes({ error, rules, settings, risks, requests, objects }: Report): boolean {
  const groups = requests?.groups ?? [];
  return error !== undefined || [rules, settings, risks, groups, objects].some((list) => list.length > 0);
}

/** Empty: there is no comment, and none is wanted. */
async function write(
  forge: Forge,
  own: readonly OwnComment[],
  { title, body, fresh }: Wanted,
): Promise<string> {
  const mark = marker(title);
  const earlier = own.find((one) => one.body.startsWith(mark));
  if (!earlier && !fresh) return "";
  const send = (text: string): Promise<unknown> =>
    earlier ? forge.update(earlier.id, text) : forge.create(text);
  const done = `${title}: comment ${earlier ? "updated" : "created"} in ${forge.where}`;
  for (let most = body.length; ; most = Math.floor(most / 2)) {
    try {
      await send(most === body.length ? body : shortened(body, most));
      return most === body.length ? done : `${done}, cut at ${most} characters because it is too long`;
    } catch (error) {
      if (!(error instanceof Refused) || !error.tooLong || most < 1000) throw error;
    }
  }
}
