/** docs/lint.md, from the rules, their samples and the list of what others find. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { ALL_RULES, RULES_BY_SUBJECT } from "../cli/lint/all-rules";
import { lint } from "../cli/lint/lint";
import type { Rule } from "../cli/lint/rule";
import { LINT_SAMPLES, sideOfText } from "./lint-samples";

interface Other {
  /** `IST0101`, `KIA1101`, or the words of Istio's security page. */
  readonly name: string;
  readonly finds: string;
  /** Why no rule, or not every one, finds it. */
  readonly why: string;
}

const listed = parse(readFileSync(path.join(__dirname, "lint-parity.yaml"), "utf8")) as Record<
  "istioctl" | "kiali" | "page",
  readonly string[]
>;
const others = (lines: readonly string[]): readonly Other[] =>
  lines.map((line) => {
    const [name = "", finds = "", why = ""] = line.split("|").map((part) => part.trim());
    return { name, finds, why };
  });

/** What others find, by who they are. */
export const OTHERS = {
  istioctl: others(listed.istioctl),
  kiali: others(listed.kiali),
  page: others(listed.page),
};

/** The rules that find what another finds. */
export const rulesLike = (name: string): Rule[] =>
  ALL_RULES.filter(({ like }) => like.includes(name) || like.includes(`page: ${name}`));

const cell = (text: string): string =>
  text.replaceAll("|", "\\|").replaceAll("<", "\\<").replaceAll("*", "\\*");
const row = (...cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
const link = ({ code }: Rule): string => `[${code}](#${code})`;

function ruleTable(rules: readonly Rule[]): string {
  const rows = rules.map(({ code, level, title, why, fix, like }) =>
    row(`<a id="${code}"></a>${code}`, level, cell(title), cell(why), cell(fix), cell(like.join(", "))),
  );
  const head = ["code", "level", "what is found", "why it matters", "what to do", "finds the same"];
  return [row(...head), row(...head.map(() => "---")), ...rows].join("\n");
}

function sample(rule: Rule): string {
  const found = LINT_SAMPLES.find(({ code }) => code === rule.code);
  if (!found) throw new Error(`docs/lint has no sample of ${rule.code}`);
  const { wrong, repair } = found;
  const findings = lint(sideOfText("sample.yaml", wrong)).findings.filter(({ code }) => code === rule.code);
  const diff = (sign: string, text: string): string[] =>
    text === ""
      ? []
      : text
          .trimEnd()
          .split("\n")
          .map((line) => `${sign} ${line.trim()}`);
  return [
    `### ${rule.code}: ${rule.title}`,
    "",
    "```yaml",
    wrong.trimEnd(),
    "```",
    "",
    "```text",
    ...findings.map(
      ({ code, level, object, field, message }) => `${level} ${code} ${object} ${field}: ${message}`,
    ),
    "```",
    "",
    "The repair:",
    "",
    "```diff",
    ...diff("-", repair.from),
    ...diff("+", repair.to),
    "```",
    "",
  ].join("\n");
}

function otherTable(others: readonly Other[], head: readonly string[]): string {
  const rows = others.map(({ name, finds, why }) => {
    const rules = rulesLike(name).map(link).join(", ");
    return row(cell(name), ...(head.length > 3 ? [cell(finds)] : []), rules, cell(why));
  });
  return [row(...head), row(...head.map(() => "---")), ...rows].join("\n");
}

export function lintReference(): string {
  const subjects = Object.entries(RULES_BY_SUBJECT);
  return `<!-- Written by \`npm run docs\` from cli/lint/rules, docs/lint and docs/lint-parity.yaml; edit there. -->

# Rules of shopzier lint

\`shopzier lint\` looks for mistakes in the Istio objects of manifests, of a program or of a cluster. It asks no cluster but
the one that it is given. There are ${ALL_RULES.length} rules. They find what \`istioctl analyze\` and
[Kiali](https://kiali.io/docs/features/validations/) find in objects alone, and what Istio's
[security page](https://istio.io/latest/docs/ops/best-practices/security/) advises against
([what of theirs, and what not](#what-others-find)).

Without a cluster, \`istioctl analyze --use-kube=false\` (1.31) leaves out 21 of its analyzers: all that read Services, Pods, Deployments,
Namespaces or Secrets, even if these are in the files. \`shopzier lint\` reads them from the files. \`make proof\` runs Istio's analyzers,
all of them, over the [samples](#a-sample-of-each-rule) and their repairs: they find the same. In Istio's own samples they find all that
\`shopzier lint\` finds, but for what the security page advises.

| level | meaning |
| --- | --- |
| high | requests fail, or a protection does not act |
| medium | the object does not do what it says, or a protection has a gap |
| low | advice |

**What is not looked at.** A file is seldom a whole mesh, so a reference is looked up only where the objects have what it could refer to:

- A Service, Gateway, Secret, ServiceEntry or workload is missed in a namespace only if the objects have another of its kind in that
  namespace. A namespace with a Helm release of Pulumi is left out, as its objects are not seen.
- A subset is missed only if the objects have a DestinationRule or the Service of the host.
- The pods of a Gateway are missed only if the objects have some pods with the same names of labels.
- A namespace is missed only if the objects are those of a whole cluster, which have the namespace \`kube-system\`.

What was not looked at is said. An object of which a value is known only after an update is not looked at either.

**Findings that are meant.** An annotation of an object has the codes of findings that are meant there: \`shopzier-mesh/lint-ignore\`, or
\`galley.istio.io/analyze-suppress\`, which \`istioctl analyze\` knows, too. Each takes codes of \`shopzier lint\`, of \`istioctl\` and of Kiali, with
commas between them, and \`*\` for all.

${subjects.map(([name, rules]) => `## ${name}\n\n${ruleTable(rules)}`).join("\n\n")}

## What others find

Of Kiali's and Istio's findings, these are the rules that find the same, and why some have none.

### istioctl analyze

${otherTable(OTHERS.istioctl, ["code", "what it finds", "rules", "what is left out, and why"])}

### Kiali

Kiali's findings about mutual TLS are from the time before Istio chose it by itself. Here only those are found that break connections.

${otherTable(OTHERS.kiali, ["code", "what it finds", "rules", "what is left out, and why"])}

### Istio's security page

${otherTable(OTHERS.page, ["item", "rules", "why no rule"])}

## A sample of each rule

${ALL_RULES.map(sample).join("\n").trimEnd()}
`;
}
