import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { text } from "node:stream/consumers";
import type { Readable } from "node:stream";
import { keyOf, type Side } from "../side";
import { checkout, type Checkout } from "./git-ref";
import { objectsOf } from "./manifests";
import { objectsOfResources, withoutSecrets, type Resource } from "./pulumi-objects";
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

/** A line of the recorded engine: a resource, text of manifests, or what it cannot know. */
type Line = Resource | { readonly manifests: unknown } | { readonly unseen: string };

function sideOf(project: Project, lines: readonly Line[]): Pick<Side, "objects" | "notShown"> {
  const { config, secrets } = project;
  const given = config["kubernetes:namespace"];
  const namespace = given === undefined ? {} : { namespace: given };
  // Registrations of one run are in another order than those of the next.
  const resources = lines.filter((line) => "urn" in line).sort(by(({ name }) => name));
  const declared = objectsOfResources(resources, { ...namespace, secrets });
  const texts = lines.flatMap((line) =>
    "manifests" in line ? [{ file: "manifests of the program", text: String(line.manifests) }] : [],
  );
  const { objects, notShown } = objectsOf(texts, given);
  const decoded = objects.map((object) => withoutSecrets(object, secrets));
  const unseen = lines.flatMap((line) => ("unseen" in line ? [line.unseen] : []));
  return {
    objects: [...declared.objects, ...decoded].sort(by(keyOf)),
    notShown: [...project.notShown, ...declared.notShown, ...notShown, ...new Set(unseen)],
  };
}

const by =
  <Item>(text: (item: Item) => string) =>
  (a: Item, b: Item): number =>
    text(a) < text(b) ? -1 : 1;

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
  const lines = recorded
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
  if (code === 0) return lines;
  const report = [
    `The program of ${title} ${ending(code)}:`,
    ownReport(errors.trim() || output.trim(), project),
  ];
  throw new SourceError([...report, ...hints(project, lines, errors)].join("\n"));
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

function ending(code: number | NodeJS.Signals): string {
  if (code === "SIGTERM") return `did not end within ${LIMIT_MS / 1000} seconds`;
  return typeof code === "number" ? `failed with exit code ${code}` : `was ended by ${code}`;
}

/** What the program said, without its stack trace. */
function ownReport(said: string, { secrets }: Project): string {
  const lines = said
    .split("\n")
    .filter((line) => !/^\s+at .*[:)]\d*|ExperimentalWarning|--trace-warnings/.test(line))
    .map((line) => line.replace(/^(error|warning): \[runtime\] /, "$1: "));
  return withoutSecrets(lines.join("\n"), secrets) || "it said nothing";
}

/** What differs here from a run in the engine. */
function hints({ folder, secrets }: Project, lines: readonly Line[], errors: string): string[] {
  const unseen = lines.flatMap((line) => ("unseen" in line ? [line.unseen] : []));
  const elsewhere = "A preview knows it (`--preview`).";
  return [
    ...(secrets.length > 0 ? [`Here an encrypted setting is a number of 16 digits. ${elsewhere}`] : []),
    ...[...new Set(unseen)].map((what) => `Here nobody knows ${what}. ${elsewhere}`),
    ...(/Cannot find (module|package)/.test(errors) && !existsSync(path.join(folder, "node_modules"))
      ? ["repair: `npm ci`"]
      : []),
  ];
}
