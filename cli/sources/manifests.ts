import { readdir, readFile, stat } from "node:fs/promises";
import { CORE_SCHEMA, load, Type, YAMLException, type Mark } from "js-yaml";
import path from "node:path";
import { text } from "node:stream/consumers";
import { isObject, keyOf, type KubernetesObject, type Side } from "../side";
import { clusterKinds, notAnObject, sideObject } from "./kubernetes-objects";
import { messageOf, SourceError } from "./source-error";

/** Of the document, in words: `before.yaml, document 3 (line 40)`. */
interface Found {
  readonly value: unknown;
  readonly where: string;
}

/**
 * The objects of manifests: YAML with any number of documents, JSON, and lists of either (`kind: List`).
 * A namespace that is not written is `default`, as for `kubectl apply` without one.
 *
 * @param paths of files, of folders (all *.yaml, *.yml and *.json in them and below), or `-` for standard input. None, or an
 *   empty file: a side with nothing.
 * @throws SourceError for a missing file, text that is neither YAML nor JSON, and a document that is no Kubernetes object.
 */
export async function fromManifests(paths: readonly string[]): Promise<Side> {
  const files = (await Promise.all(paths.map(filesOf))).flat();
  const texts = await Promise.all(files.map(async (file) => ({ file, text: await contentsOf(file) })));
  return {
    title: paths.map((one) => (one === "-" ? "standard input" : one)).join(", ") || "nothing",
    ...objectsOf(texts),
  };
}

/**
 * The objects of texts, in their order. Of two with the same key the last counts, which `notShown` says.
 *
 * @throws SourceError as {@link fromManifests}.
 */
export function objectsOf(
  texts: readonly { readonly file: string; readonly text: string }[],
  namespace?: string,
): Pick<Side, "objects" | "notShown"> {
  const all = texts.flatMap(({ file, text }) => documents(file, text)).flatMap(items);
  const ofCluster = clusterKinds(all.map(({ value }) => value));
  const byKey = new Map<string, { object: KubernetesObject; where: string }>();
  const notShown: string[] = [];
  for (const { value, where } of all) {
    const problem = notAnObject(value);
    if (problem !== undefined) throw new SourceError(`${where}: ${problem}${hint(value)}`);
    const object = sideObject(value as KubernetesObject, { namespace, ofCluster });
    const key = `${object.apiVersion.split("/").slice(0, -1).join("")} ${keyOf(object)}`;
    const earlier = byKey.get(key);
    if (earlier)
      notShown.push(`${keyOf(object)} of ${earlier.where}: ${where} has it again, and the last counts`);
    byKey.set(key, { object, where });
  }
  return { objects: [...byKey.values()].map(({ object }) => object), notShown };
}

async function filesOf(given: string): Promise<string[]> {
  if (given === "-") return ["-"];
  try {
    if (!(await stat(given)).isDirectory()) return [given];
    const inside = await readdir(given, { recursive: true, withFileTypes: true });
    return inside
      .filter((entry) => !entry.isDirectory() && /\.(ya?ml|json)$/i.test(entry.name))
      .map((entry) => path.join(entry.parentPath, entry.name))
      .sort();
  } catch (error) {
    throw unreadable(given, error);
  }
}

async function contentsOf(file: string): Promise<string> {
  try {
    const contents = file === "-" ? await text(process.stdin) : await readFile(file, "utf8");
    return contents.replace(/^\uFEFF/, "");
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(file: string, error: unknown): SourceError {
  const { code } = error as NodeJS.ErrnoException;
  const why =
    code === "ENOENT"
      ? "there is no such file or folder"
      : code === "EACCES"
        ? "may not be read"
        : messageOf(error);
  return new SourceError(`${file}: ${why}`);
}

function documents(file: string, contents: string): Found[] {
  const name = file === "-" ? "standard input" : file;
  if (/^\s*[{[]/.test(contents)) {
    try {
      const value = JSON.parse(contents) as unknown;
      if (excess(value) === undefined) return [{ value, where: name }];
    } catch {
      // YAML's parser names the place of an error.
    }
  }
  // A line that begins so always ends a document; within a text of several lines it would be indented.
  const lines = contents.replaceAll(/^\.\.\.(?=\s|$)/gm, "---").replaceAll(/^%/gm, "#%");
  let next = 1;
  return lines.split(/^(?=---(?:\s|$))/m).flatMap((document, i) => {
    const start = next;
    const within = document.split("\n");
    next += within.length - 1;
    const at = (offset: number): string => `${name}, document ${i + 1} (line ${start + offset})`;
    const first = Math.max(
      0,
      within.findIndex((one) => !/^(---)?\s*(#.*)?$/.test(one)),
    );
    try {
      const value = load(document, { schema: SCHEMA });
      const problem = excess(value);
      if (problem !== undefined) throw new SourceError(`${at(first)}: ${problem}`);
      return value === null || value === undefined ? [] : [{ value, where: at(first) }];
    } catch (error) {
      if (!(error instanceof YAMLException)) throw error;
      // The library's message shows the lines around the error, which may have secrets. Its types say that the mark is always there.
      const mark = error.mark as Partial<Mark> | undefined;
      throw new SourceError(`${at(mark?.line ?? 0)}: is not YAML: ${error.reason}`);
    }
  });
}

/** YAML 1.2, and `<<`, which Kubernetes reads too. Dates stay text. */
const MERGE = new Type("tag:yaml.org,2002:merge", { kind: "scalar", resolve: (key) => key === "<<" });
const SCHEMA = CORE_SCHEMA.extend({ implicit: [MERGE] });

/** Far more than any cluster takes in one object. An alias counts as all that it stands for. */
const [VALUES, DEPTH] = [1_000_000, 500];

/** Why a value cannot be worked with, in words. */
function excess(value: unknown): string | undefined {
  const left: [value: unknown, depth: number][] = [[value, 0]];
  for (let seen = 0, next = left.pop(); next !== undefined; seen++, next = left.pop()) {
    const [one, depth] = next;
    if (seen === VALUES) return "has too many values, or aliases (*) for them";
    if (depth > DEPTH) return "is nested too deeply, or has an alias (*) for what it is in";
    if (typeof one === "object" && one !== null)
      for (const inner of Object.values(one)) left.push([inner, depth + 1]);
  }
  return undefined;
}

/** The objects of a list; anything else as it is. */
function items({ value, where }: Found): Found[] {
  if (
    !isObject(value) ||
    typeof value.kind !== "string" ||
    !value.kind.endsWith("List") ||
    !("items" in value)
  )
    return [{ value, where }];
  const { items: within, kind, apiVersion } = value;
  if (within === null) return [];
  if (!Array.isArray(within)) throw new SourceError(`${where}: a ${kind} whose items are no list`);
  // Items of a list of one kind (ConfigMapList) do not repeat it.
  const common = kind === "List" ? {} : { apiVersion, kind: kind.slice(0, -"List".length) };
  return within.flatMap((item: unknown, i) =>
    items({ value: isObject(item) ? { ...common, ...item } : item, where: `${where}, item ${i + 1}` }),
  );
}

/** How to get objects from a file that has none. */
function hint(value: unknown): string {
  if (!isObject(value)) return "";
  if (typeof value.kind === "string" && /^(Kustomization|Component)$/.test(value.kind))
    return ". Give the output of `kustomize build`";
  if ("name" in value && "version" in value && !("kind" in value))
    return ". Of a Helm chart give the output of `helm template`";
  if (isObject(value.metadata) && typeof value.metadata.generateName === "string")
    return ". An object with generateName has no name before it is created, so it cannot be compared";
  return "";
}
