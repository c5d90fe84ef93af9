import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { goYaml } from "./go-yaml";

/** A wrong stack file and its report. */
export interface WrongSettings {
  readonly title: string;
  /** Stack whose file `config` is merged into. Default dev. */
  readonly stack?: "dev" | "prod";
  /** The lines of the stack file that are wrong. */
  readonly config: string;
  /** The report without its first line. */
  readonly report: string;
}

type Config = Readonly<Record<string, unknown>>;

const FOLDER = path.join(__dirname, "wrong-settings");
const read = (file: string): unknown => parse(readFileSync(path.join(FOLDER, file), "utf8"));

interface Section {
  readonly name: string;
  readonly entries: readonly WrongSettings[];
}

/** The wrong stack files by topic; each topic is a file. */
export const WRONG_SETTINGS = readdirSync(FOLDER)
  .filter((file) => file !== "stacks.yaml")
  .sort()
  .map((file) => read(file) as Section);

/** The valid stack files that they are based on; keys without namespace. */
export const RIGHT_SETTINGS = read("stacks.yaml") as Readonly<Record<"dev" | "prod", Config>>;

/** The configuration that Pulumi passes to a program for a wrong stack file. */
export function wrongConfig({ stack = "dev", config }: WrongSettings): Record<string, unknown> {
  return asPulumiGives(merge(RIGHT_SETTINGS[stack], withoutNamespace(goYaml(config) as Config)));
}

/** The text of the wrong lines, as a stack file of its own. */
export const wrongText = ({ config }: WrongSettings): string => `config:\n${config.replaceAll(/^/gm, "  ")}`;

/** The whole wrong stack file. */
export function wrongStackFile({ stack = "dev", config }: WrongSettings): {
  config: Record<string, unknown>;
} {
  const merged = merge(RIGHT_SETTINGS[stack], withoutNamespace(goYaml(config) as Config));
  return {
    config: Object.fromEntries(Object.entries(merged).map(([key, value]) => [`shopzier:${key}`, value])),
  };
}

/** The configuration of a stack file, as Pulumi passes it to a program. */
export function stackFileConfig(text: string): Record<string, unknown> {
  return asPulumiGives(withoutNamespace((goYaml(text) as { config: Config }).config));
}

function withoutNamespace(config: Config): Config {
  return Object.fromEntries(
    Object.entries(config)
      .filter(([key]) => key.startsWith("shopzier:"))
      .map(([key, value]) => [key.slice("shopzier:".length), value]),
  );
}

/** Objects become JSON text, scalars text, and an absent value empty text. */
function asPulumiGives(config: Config): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [
      key,
      typeof value === "string" ? value : value === null ? "" : JSON.stringify(value),
    ]),
  );
}

/** JSON merge patch (RFC 7386) below the top level. */
function merge(base: unknown, patch: unknown): Config {
  const merged: Record<string, unknown> = { ...(base as Config) };
  for (const [key, value] of Object.entries(patch as Config)) {
    const object = typeof value === "object" && value !== null && !Array.isArray(value);
    if (value === null && typeof merged[key] !== "undefined") Reflect.deleteProperty(merged, key);
    else merged[key] = object ? merge(typeof merged[key] === "object" ? merged[key] : {}, value) : value;
  }
  return merged;
}
