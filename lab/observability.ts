import fs from "node:fs";
import path from "node:path";
import { isMap, isScalar, parse, parseDocument, stringify } from "yaml";
import { Fault } from "./fault";
import { folders, shown } from "./folders";

/** The stack file of `make up`. */
const stackFile = path.join(folders.checkout, "Pulumi.lab.yaml");
const key = "shopzier:observability";
/** The settings that `make observability` adds. */
const settings = path.join(__dirname, "observability.yaml");

/** Whether the stack file has Prometheus or Jaeger, so that `pulumi up` needs their images. */
export function isObserved(text = fs.readFileSync(stackFile, "utf8")): boolean {
  const block = parseDocument(text).getIn(["config", key]);
  return isMap(block) && (block.has("prometheus") || block.has("jaeger"));
}

/** Adds the settings of Prometheus, Jaeger and tracing to the stack file. */
export function observe(): void {
  fs.writeFileSync(stackFile, withObservability(fs.readFileSync(stackFile, "utf8")));
}

/** A stack file with the settings that it lacks; every other character stays as it is. Throws a Fault if it cannot be edited. */
export function withObservability(text: string, added = fs.readFileSync(settings, "utf8")): string {
  const config = parseDocument(text).get("config");
  const block = isMap(config) ? config.get(key) : undefined;
  const wanted = Object.entries(parse(added) as Record<string, unknown>);
  if (isMap(block)) {
    const missing = wanted.filter(([name]) => !block.has(name));
    return missing.length === 0 ? text : insertedInto(block, Object.fromEntries(missing), text);
  }
  return insertedInto(config, { [key]: Object.fromEntries(wanted) }, text);
}

/** The text with more entries at the start of a map, which has one entry a line. */
function insertedInto(map: unknown, entries: object, text: string): string {
  const first = isMap(map) && map.flow !== true ? map.items[0]?.key : undefined;
  if (!isScalar(first) || !first.range)
    throw new Fault(
      `Pulumi.lab.yaml is not as it was committed: git checkout it, or add by hand what ${shown(settings)} has.`,
    );
  const start = text.lastIndexOf("\n", first.range[0]) + 1;
  const indent = text.slice(start, first.range[0]);
  const lines = stringify(entries).replace(/^/gm, indent).trimEnd();
  return `${text.slice(0, start)}${lines}\n${text.slice(start)}`;
}
