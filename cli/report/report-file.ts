/** A file that `shopzier diff --json` wrote, read again. It may come from a pull request of a fork, so nothing in it is trusted. */
import { z } from "zod";
import { LEVELS, type Report } from "../diff/report";
import { parsedJson } from "../json";

/** Found, allowed and repair, in words. */
export class ReportFileError extends Error {
  override readonly name = "ReportFileError";
}

/** A report of a large stack has some hundred kilobytes. */
const LONGEST = 20_000_000;

const share = z.object({
  to: z.string(),
  percent: z.number(),
  pods: z.number().optional(),
  perPod: z.number().optional(),
});

const target = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("split"), shares: z.array(share) }),
  z.object({ kind: z.literal("redirect"), to: z.string() }),
  z.object({ kind: z.literal("answer"), status: z.number() }),
  z.object({ kind: z.literal("delegate"), to: z.string() }),
]);

const rule = z.object({
  kind: z.enum(["added", "removed", "changed", "moved"]),
  virtualService: z.string(),
  hosts: z.array(z.string()),
  rule: z.string(),
  match: z.string(),
  before: target.optional(),
  after: target.optional(),
  unreachable: z.literal(true).optional(),
});

const setting = z.object({
  object: z.string(),
  field: z.string(),
  before: z.string().optional(),
  after: z.string().optional(),
  removed: z.string().optional(),
  added: z.string().optional(),
});

const risk = z.object({
  code: z.string().regex(/^\w+$/),
  level: z.enum(LEVELS),
  where: z.string(),
  why: z.string(),
  fix: z.string(),
});

const object = z.object({
  operation: z.enum(["create", "update", "replace", "delete"]),
  object: z.string(),
  restarts: z.literal(true).optional(),
});

const group = z.object({
  kind: z.enum(["moved", "newly routed", "no longer routed", "newly denied", "let in", "other"]),
  what: z.string(),
  before: z.string(),
  after: z.string(),
  count: z.number(),
  example: z.string(),
});

const requests = z.object({
  source: z.string(),
  total: z.number(),
  unchanged: z.number(),
  groups: z.array(group),
});

/** The title is part of the mark by which a comment is found, so it has one line. */
const title = z
  .string()
  .min(1)
  .max(200)
  .regex(/^\P{Cc}*$/u, "has control characters");
const digest = z.string().regex(/^[0-9a-f]{64}$/, "is no SHA-256");

const report = z.object({
  title,
  sides: z.object({ before: z.string(), after: z.string() }),
  headline: z.string(),
  error: z.string().optional(),
  rules: z.array(rule),
  settings: z.array(setting),
  risks: z.array(risk),
  requests: requests.optional(),
  objects: z.array(object),
  notShown: z.array(z.string()),
  digests: z.object({ before: digest, after: digest }),
});

const reportFile = z.object({ version: z.literal(1), reports: z.array(report).min(1) });

/**
 * The reports of a file, without fields that this version does not know.
 *
 * @param file its name, for messages. None repeats what is in the file.
 * @throws ReportFileError for what is no JSON, no report, of another version, or names a stack twice.
 */
export function parseReports(text: string, file: string): readonly Report[] {
  const repair = "  repair:  write it with `shopzier diff --format json --output FILE`";
  const refuse = (found: string): never => {
    throw new ReportFileError(`${file}: ${found}\n${repair}`);
  };
  if (text.length > LONGEST) refuse(`has ${text.length} characters, at most ${LONGEST} are read`);
  const { success, data, error } = reportFile.safeParse(parsedJson(text) ?? refuse("is no JSON"));
  if (!success) {
    const [issue] = error.issues;
    return refuse(`is no report: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
  }
  const titles = data.reports.map((one) => one.title);
  const twice = titles.find((one, index) => titles.indexOf(one) !== index);
  if (twice !== undefined) refuse(`has two reports of ${twice}`);
  return data.reports;
}
