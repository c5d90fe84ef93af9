/** A file that `shopzier diff --json` wrote, read again. It may come from the code of a pull request, so nothing in it is trusted. */
import type { Report } from "../diff/report";
import { parsedJson } from "../json";
import { SourceError } from "../sources/source-error";
import { reportFile } from "./schema";

/** A report of a large stack has some hundred kilobytes. */
const LONGEST = 20_000_000;

/**
 * The reports of a file, without fields that this version does not know.
 *
 * @param file its name, for messages.
 * @throws SourceError for what is no JSON, no report, or of another version. No message repeats what is in the file.
 */
export function parseReports(text: string, file: string): readonly Report[] {
  const refuse = (found: string): never => {
    throw new SourceError(
      `${file} ${found}\n  repair:  write it with \`shopzier diff --json --output FILE\``,
    );
  };
  if (text.length > LONGEST) refuse(`has ${text.length} characters; at most ${LONGEST} are read`);
  const { success, data, error } = reportFile.safeParse(parsedJson(text) ?? refuse("is no JSON"));
  if (!success) {
    const [issue] = error.issues;
    return refuse(`is no report: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
  }
  const { reports } = data;
  if (reports.length === 0) refuse("has no report");
  // A comment is found again by the title, and both stand in Markdown as they are.
  if (reports.some(({ title }) => !/^\P{Cc}{1,200}$/u.test(title)))
    refuse("has a title that is no short line");
  if (new Set(reports.map(({ title }) => title)).size < reports.length)
    refuse("has two reports of one title");
  if (reports.some(({ risks }) => risks.some(({ code }) => !/^[A-Z]+\d+$/.test(code)))) {
    refuse("has a risk whose code is none, such as W012");
  }
  return reports;
}
