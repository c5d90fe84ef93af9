import { z } from "zod";
import type { CategoryDraft } from "./category-editor";
import { BadRequest } from "./errors";
import { isText, NO_TEXT } from "./text";

/** Largest 32-bit integer. */
const LARGEST = 2 ** 31 - 1;

const text = (missing = "is not text") =>
  z
    .string({ error: (issue) => (issue.input === undefined ? missing : "is not text") })
    .refine(isText, { error: NO_TEXT });
const optionalText = (longest = Infinity) =>
  text()
    .max(longest, { error: `is longer than ${longest}` })
    .nullish()
    .transform((value) => value ?? null);
const requiredText = (longest: number) =>
  text("is missing")
    .max(longest, { error: `is longer than ${longest}` })
    .refine((text) => text.trim() !== "", { error: "is blank" });
const flag = z
  .boolean({ error: "is not true or false" })
  .nullish()
  .transform((value) => value ?? false);

// Other fields are accepted without effect, as in Shopizer, because its clients send some.
const description = z.object(
  {
    id: z
      .number({ error: "is not a number" })
      .nullish()
      .transform((value) => value ?? 0),
    language: requiredText(10),
    name: requiredText(120),
    description: optionalText(),
    friendlyUrl: optionalText(120),
    keyWords: optionalText(),
    highlights: optionalText(),
    metaDescription: optionalText(),
    title: optionalText(120),
  },
  { error: "is not an object" },
);

const category = z.object(
  {
    code: requiredText(100),
    sortOrder: z
      .int({ error: "is not a whole number" })
      .min(-LARGEST, { error: `is less than -${LARGEST}` })
      .max(LARGEST, { error: `is more than ${LARGEST}` })
      .nullish()
      .transform((value) => value ?? 0),
    visible: flag,
    featured: flag,
    parent: z
      .object(
        {
          id: z
            .number({ error: "is not a number" })
            .nullish()
            .transform((value) => value ?? null),
          code: optionalText(),
        },
        { error: "is not an object" },
      )
      .nullish()
      .transform((value) => value ?? null),
    descriptions: z
      .array(description, { error: "is not a list" })
      .nullish()
      .transform((value) => value ?? []),
  },
  { error: "is not an object" },
);

const visibility = z.object(
  { visible: z.boolean({ error: "is not true or false" }) },
  { error: "is not an object" },
);

const credentials = z.object({ username: text(), password: text() }, { error: "is not an object" });

/** Reads the body of a category. `echo` is Shopizer's answer without the id. Throws {@link BadRequest} with every fault. */
export function parseCategory(body: unknown): { draft: CategoryDraft; echo: object } {
  const { parent, ...given } = parse(category, body);
  const languages = given.descriptions.map(({ language }) => language);
  const twice = languages.find((language, i) => languages.indexOf(language) !== i);
  if (twice !== undefined) throw new BadRequest(`descriptions has language ${twice} twice`);
  const { code, sortOrder, visible, featured, descriptions } = given;
  return {
    draft: { ...given, parentCode: parent?.code?.trim() ? parent.code : undefined },
    echo: { code, sortOrder, visible, featured, lineage: null, depth: 0, parent, descriptions, children: [] },
  };
}

/** Reads the body of a change of visibility; other fields have no effect. */
export function parseVisible(body: unknown): boolean {
  return parse(visibility, body).visible;
}

/** Reads the body of a login. */
export function parseCredentials(body: unknown): z.output<typeof credentials> {
  return parse(credentials, body);
}

function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  if (!Buffer.isBuffer(body) || body.length === 0) throw new BadRequest("the body is missing");
  let json: unknown;
  try {
    json = JSON.parse(body.toString());
  } catch {
    // Without the parser's message, which quotes the body: that may contain a password.
    throw new BadRequest("the body is not JSON");
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const faults = result.error.issues.map(({ path, message }) => `${path.join(".") || "the body"} ${message}`);
  throw new BadRequest(faults.join(". "));
}
