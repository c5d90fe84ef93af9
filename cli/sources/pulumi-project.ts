import { isObject } from "../side";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { parseDocument } from "yaml";
import { found } from "./kubernetes-objects";
import { messageOf, SourceError } from "./source-error";

/** A program with the settings of a stack, as Pulumi gives them to its language host. */
export interface Project {
  readonly name: string;
  readonly organization: string;
  /** Working folder of the program. */
  readonly folder: string;
  /** File in it; `.`: what package.json says. */
  readonly main: string;
  /** Options of Node.js. */
  readonly nodeArguments: readonly string[];
  /** Of the language host: how TypeScript is loaded. */
  readonly environment: Readonly<Record<string, string>>;
  /** `namespace:key` → text, JSON for what is no text. */
  readonly config: Readonly<Record<string, string>>;
  /** Keys in `config` that are encrypted, at least in part, or declared as secret. */
  readonly secretKeys: readonly string[];
  /** Texts that no side may have: what stands for encrypted values, and values that are declared as secret. */
  readonly secrets: readonly string[];
  /** What of the settings cannot be read here, in words. */
  readonly notShown: readonly string[];
}

const FILES = ["Pulumi.yaml", "Pulumi.yml", "Pulumi.json"];

/**
 * Reads Pulumi.yaml and the stack file in `root`.
 *
 * @param title of the side, for messages.
 * @returns undefined where there is no project or no such stack.
 * @throws SourceError for files that cannot be read, and a program in another language.
 */
export function readProject(root: string, stack: string, title: string): Project | undefined {
  const file = FILES.find((name) => existsSync(path.join(root, name)));
  if (file === undefined) return undefined;
  const project = readYaml(path.join(root, file), `${file} of ${title}`);
  const stackFile = stackFiles(root, project).get(stack);
  if (stackFile === undefined) return undefined;
  const settings = readYaml(stackFile, `${path.basename(stackFile)} of ${title}`);
  const { name } = project;
  if (typeof name !== "string")
    throw new SourceError(`${file} of ${title}: found ${found(name)} as name, allowed: text`);
  const configured = new Configuration(name);
  for (const [key, value] of Object.entries(isObject(project.config) ? project.config : {}))
    configured.declare(key, value);
  for (const [key, value] of Object.entries(isObject(settings.config) ? settings.config : {}))
    configured.set(key, value);
  return {
    name,
    organization: "organization",
    ...entry(root, project.main),
    ...runtime(project.runtime, `${file} of ${title}`),
    config: Object.fromEntries(configured.values),
    secretKeys: [...configured.secret],
    secrets: configured.secrets(),
    notShown:
      settings.environment === undefined
        ? []
        : [`settings of the Pulumi ESC environment that ${path.basename(stackFile)} of ${title} names`],
  };
}

/** The stacks that have a file in `root`. */
export function stacksIn(root: string): string[] {
  const file = FILES.find((name) => existsSync(path.join(root, name)));
  return file === undefined ? [] : [...stackFiles(root, readYaml(path.join(root, file), file)).keys()].sort();
}

/** The file with the settings of a stack; undefined where there is no project or no such stack. */
export function stackFileIn(root: string, stack: string): string | undefined {
  const file = FILES.find((name) => existsSync(path.join(root, name)));
  return file === undefined ? undefined : stackFiles(root, readYaml(path.join(root, file), file)).get(stack);
}

function stackFiles(root: string, project: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> {
  const { stackConfigDir, config } = project;
  // Before there were declared settings, `config` was the folder of the stack files.
  const within = [stackConfigDir, config, ""].find((one) => typeof one === "string") as string;
  const folder = path.join(root, within);
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return new Map(
    names.flatMap((name) => {
      const stack = /^Pulumi\.(.+)\.(ya?ml|json)$/.exec(name)?.[1];
      return stack === undefined ? [] : [[stack, path.join(folder, name)] as const];
    }),
  );
}

function readYaml(file: string, title: string): Readonly<Record<string, unknown>> {
  const document = parseDocument(readFileSync(file, "utf8"), {
    merge: true,
    prettyErrors: false,
    logLevel: "silent",
  });
  const [error] = document.errors;
  if (error) throw new SourceError(`${title}: is not YAML: ${error.message}`);
  try {
    const value = document.toJS() as unknown;
    if (value === null || isObject(value)) return value ?? {};
    throw new SourceError(`${title}: found ${found(value)}, allowed: a map`);
  } catch (thrown) {
    throw thrown instanceof SourceError
      ? thrown
      : new SourceError(`${title}: is not YAML: ${messageOf(thrown)}`);
  }
}

/** Settings from their two files, with the namespaces that Pulumi gives to keys. */
class Configuration {
  readonly values = new Map<string, string>();
  readonly secret = new Set<string>();
  private readonly declaredSecret = new Set<string>();
  private readonly placeholders = new Set<string>();
  constructor(private readonly project: string) {}

  /** A key of `config` in Pulumi.yaml: a value, or a map that has one. */
  declare(key: string, declared: unknown): void {
    const declaration = isObject(declared) ? declared : { value: declared };
    const value = "value" in declaration ? declaration.value : declaration.default;
    if (value !== undefined && value !== null) this.set(key, value);
    if (declaration.secret === true)
      for (const keys of [this.secret, this.declaredSecret]) keys.add(this.qualified(key));
  }

  secrets(): string[] {
    const plain = [...this.declaredSecret].map((key) => this.values.get(key) ?? "");
    return [...this.placeholders, ...plain.filter((text) => text !== "")];
  }

  set(key: string, value: unknown): void {
    const plain = this.decrypted(value, this.qualified(key));
    const text = typeof plain === "string" ? plain : JSON.stringify(plain);
    this.values.set(this.qualified(key), text);
  }

  private qualified(key: string): string {
    return key.includes(":") ? key : `${this.project}:${key}`;
  }

  private decrypted(value: unknown, key: string): unknown {
    if (Array.isArray(value)) return value.map((item) => this.decrypted(item, key));
    if (!isObject(value)) return value;
    if (Object.keys(value).join() === "secure") {
      this.secret.add(key);
      const placeholder = placeholderOf(String(value.secure));
      this.placeholders.add(placeholder);
      return placeholder;
    }
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [name, this.decrypted(inner, key)]),
    );
  }
}

/**
 * Sixteen digits of an encrypted text: a text, a number and base64 all the same, so that they pass most checks of programs. The same
 * encrypted text gives the same digits.
 */
export function placeholderOf(encrypted: string): string {
  const digits = BigInt(`0x${createHash("sha256").update(encrypted).digest("hex")}`) % 1_000_000_000_000_000n;
  return `4${digits.toString().padStart(15, "0")}`;
}

/** `main` is a file or a folder; a file runs in its folder. */
function entry(root: string, main: unknown): Pick<Project, "folder" | "main"> {
  if (typeof main !== "string" || main === "") return { folder: root, main: "." };
  const file = path.resolve(root, main);
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) return { folder: file, main: "." };
  return { folder: path.dirname(file), main: path.basename(file) };
}

/** The options of Node.js' language host: https://www.pulumi.com/docs/iac/languages-sdks/javascript/ */
function runtime(given: unknown, title: string): Pick<Project, "nodeArguments" | "environment"> {
  const { name, options } = isObject(given) ? given : { name: given, options: undefined };
  if (name !== "nodejs") {
    throw new SourceError(
      `${title}: found runtime ${typeof name === "string" ? name : found(name)}\n` +
        "  allowed: nodejs, since only such a program can be run without Pulumi\n" +
        "  repair:  compare by a preview, which takes a program in any language",
    );
  }
  const { typescript, nodeargs, tsconfig } = isObject(options) ? options : {};
  return {
    nodeArguments: typeof nodeargs === "string" ? words(nodeargs) : [],
    environment: {
      PULUMI_NODEJS_TYPESCRIPT: String(typescript !== false && typescript !== "false"),
      ...(typeof tsconfig === "string" && { PULUMI_NODEJS_TSCONFIG_PATH: tsconfig }),
    },
  };
}

/** Splits as a shell does. */
function words(text: string): string[] {
  return Array.from(text.matchAll(/(?:[^\s"']|"[^"]*"|'[^']*')+/g), ([word]) =>
    word.replaceAll(/"([^"]*)"|'([^']*)'/g, (_, double?: string, single?: string) => double ?? single ?? ""),
  );
}
