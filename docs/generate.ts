/**
 * Writes the documents that follow from the code: `npm run docs`.
 *
 * A test compares them with what is committed.
 */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { RISKS } from "../cli/diff/risks";
import { reportFile } from "../cli/report/schema";
import { settingsSchema, type Schema } from "../stacks/config/schema/json-schema";
import { commandReference } from "./command-reference";
import { errorCatalogue } from "./error-catalogue";
import { lintReference } from "./lint-reference";

/** Path in the project → text. */
export function documents(): Record<string, string> {
  return {
    "docs/stack.schema.json": `${JSON.stringify(stackFileSchema(), undefined, 2)}\n`,
    "docs/configuration.md": configurationReference(),
    "docs/errors.md": errorCatalogue(),
    "docs/lint.md": lintReference(),
    "docs/risks.md": riskCatalogue(),
    "docs/commands.md": commandReference(),
    "docs/report.schema.json": `${JSON.stringify(z.toJSONSchema(reportFile), undefined, 2)}\n`,
  };
}

function riskCatalogue(): string {
  const sections = Object.entries(RISKS).map(
    ([code, { level, title, fix }]) => `## ${code}\n\n${level}: ${title}.\n\n${fix}\n`,
  );
  return `<!-- Written by \`npm run docs\` from cli/diff/risks.ts; edit there. -->

# Risks

What \`shopzier diff\` warns of ([pull requests](diff.md)). \`--fail-on medium\` ends with exit code 2 for a risk of that level or above.

${sections.join("\n")}`;
}

/** JSON Schema of a `Pulumi.<stack>.yaml`. */
function stackFileSchema(): Schema {
  const { $schema, properties = {}, required = [], description } = settingsSchema();
  const key = (name: string): string => `shopzier:${name}`;
  return {
    ...($schema === undefined ? {} : { $schema }),
    title: "Stack of shopzier",
    description: "Pulumi.<stack>.yaml: the configuration of a stack.",
    type: "object",
    properties: {
      config: {
        ...(description === undefined ? {} : { description }),
        type: "object",
        properties: Object.fromEntries(Object.entries(properties).map(([name, value]) => [key(name), value])),
        required: required.map(key),
        // Keys of other namespaces, such as kubernetes:context, are Pulumi's and its providers'.
        patternProperties: { "^(?!shopzier:)[^:]+:.+$": {} },
        additionalProperties: false,
      },
    },
    required: ["config"],
  };
}

interface Row {
  readonly path: string;
  readonly allowed: string;
  readonly default: string;
  readonly description: string;
}

/** A row for every value below `schema`. */
function rows(schema: Schema, at: string, required: boolean): Row[] {
  if (schema.anyOf !== undefined && schema.title === undefined) {
    // The default is one of the first alternative.
    return schema.anyOf.flatMap((alternative, i) =>
      rows({ ...(i === 0 && { default: schema.default }), ...alternative }, at, required),
    );
  }
  const { properties, additionalProperties, items } = schema;
  if (schema.title === undefined && typeof items === "object" && !Array.isArray(items)) {
    return rows(items, `${at}[]`, false);
  }
  if (properties !== undefined) {
    return Object.entries(properties).flatMap(([name, value]) =>
      rows(value as Schema, `${at}.${name}`, (schema.required ?? []).includes(name)),
    );
  }
  if (typeof additionalProperties === "object" && Object.keys(additionalProperties).length > 0) {
    const inner = additionalProperties;
    const below = rows(inner, `${at}.<name>`, false);
    return inner.properties === undefined && schema.description !== undefined
      ? below.map((row) => ({ ...row, description: schema.description ?? "" }))
      : below;
  }
  return [
    {
      path: at,
      allowed: schema.title ?? "an object",
      default:
        schema.default === undefined
          ? required
            ? "required"
            : ""
          : typeof schema.default === "string"
            ? schema.default
            : JSON.stringify(schema.default),
      description: schema.description ?? "",
    },
  ];
}

const cell = (text: string): string =>
  text.replaceAll("|", "\\|").replaceAll("<", "\\<").replaceAll("*", "\\*");

function configurationReference(): string {
  const { properties = {}, required = [] } = settingsSchema();
  const sections = Object.entries(properties).map(([name, value]) => {
    const schema = value as Schema;
    const table = rows(schema, name, required.includes(name)).map(
      (row) =>
        `| \`${row.path}\` | ${cell(row.allowed)} | ${row.default === "" ? "" : row.default === "required" ? "required" : `\`${row.default}\``} | ${cell(row.description)} |`,
    );
    return [
      `## shopzier:${name}`,
      "",
      schema.description ?? "",
      "",
      "| key | value | default | meaning |",
      "| --- | --- | --- | --- |",
      ...table,
      "",
    ].join("\n");
  });
  return `<!-- Written by \`npm run docs\` from stacks/config/schema; edit there. -->

# Configuration

A stack is its configuration: \`Pulumi.<stack>.yaml\`, edited by hand or by \`pulumi config set --path\`, which keeps comments.
Only the host, the images and the weights have no default. The smallest stack:

\`\`\`yaml
config:
  shopzier:category:
    host: shop.example.com
    versions:
      v1:
        image: registry.example.com/category-api:1.0.0
      v2:
        image: registry.example.com/category-api:1.1.0
  shopzier:traffic:
    weights:
      v1: rest
      v2: 10
\`\`\`

The canary shift is one number:

<!-- not run here -->

\`\`\`sh
pulumi config set --path 'shopzier:traffic.weights.v2' 20
pulumi up
\`\`\`

- Durations are text with a unit: \`500ms\`, \`30s\`, \`1m30s\`, \`1h\`.
- A number or a switch may be text when it is exactly one (\`"10"\`, \`"true"\`): that is how \`pulumi config set\` writes some of them.
- A key that does not exist is an error. All that is wrong is reported at once, with the commands that repair it ([errors](errors.md)).
- \`<name>\` stands for a name of your choice; a version is named by a DNS label (lowercase letters, digits and \`-\`).
- Editors that read \`# yaml-language-server: $schema=./docs/stack.schema.json\` complete and check a stack file.

${sections.join("\n").trimEnd()}
`;
}

function write(): void {
  for (const [file, text] of Object.entries(documents())) {
    writeFileSync(path.join(__dirname, "..", file), text);
    console.log(`wrote ${file}`);
  }
}

if (require.main === module) write();
