/** The form of `shopzier diff --json`, from which docs/report.schema.json is made and by which a report is read again. */
import { z } from "zod";
import { CHANGE_KINDS } from "../requests/outcomes";
import { LEVELS, type ReportFile } from "../diff/report";

const text = z.string();
const share = z.object({
  to: text.describe("`v2`, or `reviews v2` where rules name several services"),
  percent: z.number().min(0).max(100),
  pods: z.number().int().optional().describe("absent where the objects do not say"),
  perPod: z.number().optional().describe("requests per second of each pod, with --rate"),
});
const target = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("split"), shares: z.array(share) }),
  z.object({ kind: z.literal("redirect"), to: text }),
  z.object({ kind: z.literal("answer"), status: z.number().int() }),
  z.object({ kind: z.literal("delegate"), to: text }),
]);
const rule = z.object({
  kind: z.enum(["added", "removed", "changed", "moved"]),
  virtualService: text.describe("`namespace/name`"),
  hosts: z.array(text),
  rule: text.describe("its name, or its place among the rules"),
  match: text.describe("what it matches, in words"),
  before: target.optional(),
  after: target.optional(),
  renamedFrom: text.optional().describe("the name that it had"),
  unreachable: z.literal(true).optional().describe("an earlier rule takes all that it matches"),
});
const setting = z.object({
  object: text.describe("`Kind namespace/name`"),
  field: text.describe("path below `spec`"),
  before: text.optional(),
  after: text.optional(),
  removed: text.optional().describe("of a list of texts: what it has no more"),
  added: text.optional().describe("of a list of texts: what is new in it"),
});
const risk = z.object({
  code: text.describe("see docs/risks.md"),
  level: z.enum(LEVELS),
  where: text,
  why: text,
  fix: text,
});
const group = z.object({
  kind: z.enum(CHANGE_KINDS),
  what: text,
  before: text,
  after: text,
  count: z.number().int(),
  example: text.describe("a curl command line"),
});
const report = z.object({
  title: text.describe("the stack, or the manifests"),
  sides: z.object({ before: text, after: text }),
  headline: text,
  error: text.optional().describe("why the report is not whole"),
  rules: z.array(rule).describe("rules that send requests elsewhere, or take others"),
  settings: z.array(setting).describe("other fields that differ"),
  risks: z.array(risk).describe("the heaviest first"),
  requests: z
    .object({
      file: z.object({ name: text, total: z.number().int(), unchanged: z.number().int() }).optional(),
      groups: z.array(group),
    })
    .optional()
    .describe("requests that are treated differently: those of a file, or an example of each kind"),
  objects: z.array(z.object({ operation: z.enum(["create", "update", "replace", "delete"]), object: text })),
  unread: z.array(text).optional().describe("objects that cannot be read; they are on neither side"),
  notShown: z.array(text).describe("what was not looked at, in words"),
  digests: z.object({ before: text, after: text }).describe("SHA-256 over what decides about requests"),
});

export const reportFile = z.object({
  version: z.literal(1),
  reports: z.array(report),
}) satisfies z.ZodType<ReportFile>;
