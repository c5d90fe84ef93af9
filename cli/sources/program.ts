import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { text } from "node:stream/consumers";
import type { Readable } from "node:stream";
import { keyOf, SECRET, type Side } from "../side";
import { checkout, type Checkout } from "./git-ref";
import { objectsOf } from "./manifests";
import { objectsOfResources, type Resource } from "./pulumi-objects";
import { readProject, stacksIn, type Project } from "./pulumi-project";
import { SourceError } from "./source-error";

export interface ProgramOptions {
  /** Of Pulumi.yaml, in the working tree. */
  readonly folder: string;
  /** Branch, tag or commit. Default: the working tree. */
  readonly ref?: string;
  readonly stack: string;
  /** Runs `npm ci` for a ref with other packages. Default: false, which refuses such a ref. */
  readonly install?: boolean;
}

/** Far more than any program takes; one that waits for a network ends. */
const LIMIT_MS = 120_000;

/**
 * The objects that a Pulumi program of Node.js declares for a stack. The program of the ref runs with the settings of the ref's stack file,
 * without a cluster, login or network, as in a preview of a stack that does not exist yet. Encrypted settings are placeholders.
 *
 * @returns a side with nothing, which `notShown` explains, where the ref has no such project or stack.
 * @throws SourceError for an unknown ref, packages that are not installed, and a program that fails, with its own report.
 */
export async function fromProgram({ folder, ref, stack, install }: ProgramOptions): Promise<Side> {
  const title = ref ?? "the working tree";
  const copy: Checkout | undefined =
    ref === undefined ? undefined : await checkout(folder, ref, install === undefined ? {} : { install });
  try {
    const root = path.resolve(copy?.folder ?? folder);
    const project = readProject(root, stack, title);
    if (project === undefined) return { title, objects: [], notShown: [absent(root, stack, title)] };
    return { title, ...sideOf(project, await run(project, root, stack, title)) };
  } finally {
    copy?.remove();
  }
}

/** Why a side has nothing. */
function absent(root: string, stack: string, title: string): string {
  const stacks = stacksIn(root);
  return stacks.length === 0
    ? `${title} has no Pulumi.yaml with stack files here`
    : `${title} has no stack ${stack}; it has ${stacks.join(", ")}`;
}

/** A line of the recorded engine: a resource, or a question that the program asked. */
type Line =
  | (Resource & { readonly transformed: boolean })
  | { readonly token: string; readonly inputs: Readonly<Record<string, unknown>> };

function sideOf(project: Project, lines: readonly Line[]): Pick<Side, "objects" | "notShown"> {
  const resources = lines.filter((line) => "urn" in line).sort((a, b) => (a.name < b.name ? -1 : 1));
  const questions = lines.filter((line) => "token" in line);
  const namespace = project.config["kubernetes:namespace"];
  const declared = objectsOfResources(resources, {
    ...(namespace !== undefined && { namespace }),
    secrets: project.secrets,
  });
  const texts = questions.flatMap(({ token, inputs }) =>
    token === "kubernetes:yaml:decode" && typeof inputs.text === "string"
      ? [{ file: token, text: inputs.text }]
      : [],
  );
  const decoded = objectsOf(texts, namespace);
  const others = questions.filter(({ token }) => !token.startsWith("kubernetes:"));
  return {
    // Registrations of one run are in another order than those of the next.
    objects: [...declared.objects, ...decoded.objects].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)),
    notShown: [
      ...project.notShown,
      ...declared.notShown,
      ...decoded.notShown,
      ...[...new Set(others.map(({ token }) => `what depends on the answer of ${token}`))],
      ...(resources.some(({ transformed }) => transformed)
        ? ["what the program's resource transforms change"]
        : []),
    ],
  };
}

async function run(project: Project, root: string, stack: string, title: string): Promise<Line[]> {
  const { folder, main, name, organization, nodeArguments } = project;
  const engine = path.join(__dirname, `recorded-engine.${__filename.endsWith(".ts") ? "cts" : "cjs"}`);
  const program = JSON.stringify({ folder, main, root, project: name, stack, organization });
  const child = spawn(process.execPath, [...nodeArguments, engine, program], {
    cwd: folder,
    env: environment(project),
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    timeout: LIMIT_MS,
  });
  const [, stdout, stderr, recording] = child.stdio as unknown as readonly [
    null,
    Readable,
    Readable,
    Readable,
  ];
  const [output, errors, recorded, code] = await Promise.all([
    text(stdout),
    text(stderr),
    text(recording),
    new Promise<number | NodeJS.Signals>((resolve, reject) => {
      child.once("error", reject).once("close", (exit, signal) => {
        resolve(signal ?? exit ?? 0);
      });
    }),
  ]);
  if (code !== 0) throw new SourceError(failure(project, title, code, errors, output));
  return recorded
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
}

/** Of the process, without what leads to a cluster, to a backend or to secrets of Pulumi. */
function environment({ config, secretKeys, environment: own }: Project): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([key]) => !/^(PULUMI_.*|KUBECONFIG|KUBERNETES_SERVICE_.*)$/.test(key),
  );
  return {
    ...Object.fromEntries(inherited),
    ...own,
    KUBECONFIG: path.join(__dirname, "no-kubeconfig"),
    PULUMI_CONFIG: JSON.stringify(config),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(secretKeys),
  };
}

/** The program's own report, without its stack trace. */
function failure(
  { folder, secrets }: Project,
  title: string,
  code: number | NodeJS.Signals,
  errors: string,
  output: string,
): string {
  const said = (errors.trim() || output.trim())
    .split("\n")
    .map((line) => line.replace(/^(error|warning): \[runtime\] /, "$1: "))
    .filter((line) => !/^\s+at .*[:)]\d*|ExperimentalWarning|--trace-warnings/.test(line))
    .join("\n");
  const safe = secrets.reduce((all, secret) => all.replaceAll(secret, SECRET), said);
  const why =
    code === "SIGTERM"
      ? `did not end within ${LIMIT_MS / 1000} seconds`
      : typeof code === "number"
        ? "failed"
        : `was ended by ${code}`;
  const encrypted =
    secrets.length === 0
      ? []
      : [
          "Encrypted settings are 16 digits here. A program that wants another form of them can be compared by a preview.",
        ];
  const missing =
    existsSync(path.join(folder, "node_modules")) || !/Cannot find module/.test(said)
      ? []
      : ["repair: npm ci"];
  return [
    `The program of ${title} ${why}:`,
    safe || `exit code ${code}, and it said nothing`,
    ...encrypted,
    ...missing,
  ].join("\n");
}
