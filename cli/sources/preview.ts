import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { stripVTControlCharacters } from "node:util";
import { isObject, keyOf, type Comparison, type Side, type Step } from "../side";
import { found } from "./kubernetes-objects";
import { objectsOfResources, type Resource } from "./pulumi-objects";
import { messageOf, SourceError } from "./source-error";

export interface PreviewOptions {
  /** Of Pulumi.yaml. */
  readonly folder: string;
  /** Default: the selected one. */
  readonly stack?: string;
  /** Output of `pulumi preview --json --show-sames --show-replacement-steps`. Default: it is run. */
  readonly digestFile?: string;
}

/** As Pulumi's PreviewDigest has it; what a field holds is checked where it is read. */
interface Digest {
  readonly steps?: readonly unknown[];
  readonly diagnostics?: readonly unknown[];
  readonly changeSummary?: unknown;
}

/**
 * What a Pulumi program in any language would do: the objects in Pulumi's state, those that the program declares, and the steps between.
 *
 * @returns with `error` first where the preview failed; its sides then have only the objects that it came to.
 * @throws SourceError for a missing engine or file, and text that is no digest.
 */
export async function fromPreview({ folder, stack, digestFile }: PreviewOptions): Promise<Comparison> {
  if (digestFile !== undefined) return comparisonOf(digestOf(await fileText(digestFile), digestFile), {});
  const { code, output, errors } = await runPreview(folder, stack);
  const failed = code === 0 ? undefined : errors.trim() || `pulumi preview ended with ${code}`;
  // Without a stack or a backend there is no digest.
  const digest: Digest =
    failed !== undefined && output.trim() === "" ? {} : digestOf(output, "pulumi preview --json");
  return comparisonOf(digest, {
    ...(stack !== undefined && { stack }),
    ...(failed !== undefined && { failed }),
  });
}

async function fileText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new SourceError(`${file}: ${missing ? "there is no such file" : messageOf(error)}`);
  }
}

async function runPreview(
  folder: string,
  stack?: string,
): Promise<{ code: number; output: string; errors: string }> {
  const options = ["--json", "--non-interactive", "--show-sames", "--show-replacement-steps"];
  const child = spawn("pulumi", ["preview", ...options, ...(stack === undefined ? [] : ["--stack", stack])], {
    cwd: folder,
    // With this variable Pulumi writes events instead of a digest.
    env: { ...process.env, PULUMI_ENABLE_STREAMING_JSON_PREVIEW: undefined },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", reject).once("close", (code) => {
      resolve(code ?? 1);
    });
  });
  try {
    const [code, output, errors] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
    return { code, output, errors: withoutColours(errors) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new SourceError(
      "pulumi is not on the PATH: a preview is made by it\n" +
        "  repair:  install it (https://www.pulumi.com/docs/install/), or compare two git refs, which needs no engine",
    );
  }
}

function digestOf(contents: string, where: string): Digest {
  const allowed = "the output of `pulumi preview --json --show-sames --show-replacement-steps`";
  const refuse = (what: string): never => {
    throw new SourceError(`${where}: found ${what}\n  allowed: ${allowed}`);
  };
  let digest: unknown;
  try {
    digest = JSON.parse(contents);
  } catch {
    return refuse(contents.trim() === "" ? "nothing" : "text that is not one JSON value");
  }
  if (!isObject(digest)) return refuse(found(digest));
  const { steps, diagnostics } = digest;
  if (!("steps" in digest || "diagnostics" in digest)) return refuse("a map without steps");
  for (const [name, list] of Object.entries({ steps, diagnostics }))
    if (list !== undefined && list !== null && !Array.isArray(list))
      return refuse(`${found(list)} as ${name}`);
  // Go writes an empty list as null.
  return { ...digest, steps: (steps ?? []) as unknown[], diagnostics: (diagnostics ?? []) as unknown[] };
}

/** What an operation says about a resource; others (read, refresh) say nothing that is compared. */
const OPERATIONS: Readonly<Record<string, Step["operation"] | "same">> = {
  same: "same",
  create: "create",
  import: "create",
  update: "update",
  delete: "delete",
  replace: "replace",
  "create-replacement": "replace",
  "delete-replaced": "replace",
  "import-replacement": "replace",
};

/** A resource of the digest: its states from all steps. */
interface Planned {
  operation: Step["operation"] | "same";
  before?: Resource;
  after?: Resource;
}

function comparisonOf(digest: Digest, { stack, failed }: { stack?: string; failed?: string }): Comparison {
  const planned = new Map<string, Planned>();
  let sames = 0;
  for (const step of digest.steps ?? []) {
    const { urn, op, oldState, newState } = isObject(step) ? step : {};
    const operation = OPERATIONS[String(op)];
    if (operation === "same") sames++;
    if (typeof urn !== "string" || operation === undefined) continue;
    const one = planned.get(urn) ?? { operation };
    planned.set(urn, one);
    const before = resourceOf(urn, oldState, oldState);
    const after = resourceOf(urn, newState, operation === "replace" ? undefined : oldState);
    if (before && operation !== "create") one.before ??= before;
    if (after && operation !== "delete") one.after ??= after;
  }
  const title = stack ?? [...planned.keys()][0]?.split(":")[2] ?? "preview";
  const all = [...planned.values()];
  const [before, after] = [
    sideOf(
      `state of ${title}`,
      all.map((one) => one.before),
    ),
    sideOf(
      `preview of ${title}`,
      all.map((one) => one.after),
    ),
  ];
  const summary = isObject(digest.changeSummary) ? digest.changeSummary.same : undefined;
  const lacking = typeof summary === "number" && summary > sames ? summary - sames : 0;
  const unseen =
    lacking === 0 ? [] : [`${lacking} unchanged resources: the preview was made without --show-sames`];
  const error = errorOf(digest, failed);
  return {
    title,
    before: { ...before, notShown: [...before.notShown, ...unseen] },
    after: { ...after, notShown: [...after.notShown, ...unseen] },
    steps: [...planned].flatMap(([urn, one]) => stepOf(urn, one)),
    ...(error !== undefined && { error }),
  };
}

/** @param existing state of the object in the cluster; absent for one that is yet to be made. */
function resourceOf(urn: string, state: unknown, existing: unknown): Resource | undefined {
  if (!isObject(state)) return undefined;
  const { inputs, custom, provider } = state;
  const [type = "", ...name] = urn.split("::").slice(2);
  return {
    urn,
    type: typeof state.type === "string" ? state.type : (type.split("$").at(-1) ?? ""),
    name: name.join("::"),
    custom: custom === true,
    provider: typeof provider === "string" ? provider : "",
    inputs: created(isObject(inputs) ? inputs : {}, isObject(existing) ? existing.outputs : undefined),
  };
}

/** Adds when the object was created, by which Istio orders routes for one host. */
function created(
  inputs: Readonly<Record<string, unknown>>,
  outputs: unknown,
): Readonly<Record<string, unknown>> {
  const live =
    isObject(outputs) && isObject(outputs.metadata) ? outputs.metadata.creationTimestamp : undefined;
  if (typeof live !== "string" || !isObject(inputs.metadata)) return inputs;
  return { ...inputs, metadata: { ...inputs.metadata, creationTimestamp: live } };
}

function sideOf(title: string, resources: readonly (Resource | undefined)[]): Side {
  return {
    title,
    ...objectsOfResources(
      resources.filter((one) => one !== undefined),
      { rendered: true },
    ),
  };
}

function stepOf(urn: string, { operation, before, after }: Planned): Step[] {
  const resource = after ?? before;
  // A component is no more than its resources.
  if (operation === "same" || resource === undefined || !resource.custom) return [];
  const [object] = objectsOfResources([resource], { rendered: true }).objects;
  return [{ operation, object: object ? keyOf(object) : `${resource.type} ${resource.name}`, urn }];
}

function errorOf(digest: Digest, failed: string | undefined): string | undefined {
  const errors = (digest.diagnostics ?? []).flatMap((one) =>
    isObject(one) && one.severity === "error" && typeof one.message === "string" ? [one.message] : [],
  );
  const said = errors
    .map((message) =>
      withoutColours(message)
        .trim()
        .replace(/^error: /, ""),
    )
    .filter((message) => message !== "");
  return said.length > 0 ? said.join("\n") : failed?.replace(/^error: /, "");
}

/** Of a terminal, and Pulumi's own marks (`<{%reset%}>`). */
const withoutColours = (message: string): string =>
  stripVTControlCharacters(message).replaceAll(/<\{%[^%]*%\}>/g, "");
