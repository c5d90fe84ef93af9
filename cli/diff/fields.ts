/** The fields in which two objects differ, as text of one line. */
import { isObject } from "../side";
import { defined } from "../../components/istio/without-undefined";
import type { SettingChange } from "./report";

type Field = Omit<SettingChange, "object">;

/** Longest text of a value that is shown. */
const LONGEST = 100;

/** By what items of a list are told apart (Kubernetes: merge keys; Istio: names). */
const IDENTITY = ["name", "number", "host", "key", "containerPort", "port", "issuer"] as const;

/**
 * What differs between two values, by path. Lists of texts and numbers are compared as sets and said by what is added and what
 * is taken out. Lists of objects are paired by their names, and without names by their places.
 */
export function fieldChanges(before: unknown, after: unknown, path = ""): Field[] {
  const [a, b] = [before ?? undefined, after ?? undefined];
  if (isObject(a) && isObject(b)) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
    return keys.flatMap((key) => fieldChanges(a[key], b[key], path === "" ? key : `${path}.${key}`));
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    const [left, right]: [unknown[], unknown[]] = [a, b];
    const plain = [...left, ...right].every((item) => !isObject(item) && !Array.isArray(item));
    return plain ? listChange(left, right, path) : itemChanges(left, right, path);
  }
  return text(a) === text(b) ? [] : [change(path, a, b)];
}

function listChange(a: readonly unknown[], b: readonly unknown[], path: string): Field[] {
  const [removed, added] = shortened(text(some(without(a, b))), text(some(without(b, a))));
  if (removed !== undefined || added !== undefined) return [defined({ field: path, removed, added })];
  return text(a) === text(b) ? [] : [change(`${path} (order)`, a, b)];
}

const without = (a: readonly unknown[], b: readonly unknown[]): unknown[] =>
  a.filter((item) => !b.includes(item));
const some = (items: readonly unknown[]): unknown => (items.length > 0 ? items : undefined);

function itemChanges(a: readonly unknown[], b: readonly unknown[], path: string): Field[] {
  const [left, right] = [named(a), named(b)];
  return [...new Set([...left.keys(), ...right.keys()])].flatMap((key) =>
    fieldChanges(left.get(key), right.get(key), `${path}[${key}]`),
  );
}

function named(items: readonly unknown[]): Map<string, unknown> {
  const found = new Map<string, unknown>();
  items.forEach((item, index) => {
    const name = identity(item) ?? String(index);
    found.set(found.has(name) ? `${name}#${index}` : name, item);
  });
  return found;
}

function identity(item: unknown): string | undefined {
  if (!isObject(item)) return undefined;
  const own = IDENTITY.map((name) => item[name]).find(isScalar);
  if (own !== undefined) return String(own);
  // A server of a Gateway.
  return isObject(item.port) ? [item.port.name, item.port.number].filter(isScalar).join(" ") : undefined;
}

function change(field: string, a: unknown, b: unknown): Field {
  const [before, after] = shortened(text(a), text(b));
  return defined({ field, before, after });
}

/** Of one line. Undefined for what is absent. */
function text(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value) && value.length === 0) return "[]";
  return Array.isArray(value) && !value.some(isObject) ? value.map(line).join(", ") : line(value);
}

/** Two texts that differ, so short that the first difference is seen. */
function shortened(a: string | undefined, b: string | undefined): [string | undefined, string | undefined] {
  let same = 0;
  while (a !== undefined && b !== undefined && same < a.length && a[same] === b[same]) same++;
  const from = Math.max(0, same - LONGEST / 2);
  const short = (whole: string | undefined): string | undefined => {
    if (whole === undefined || whole.length <= LONGEST) return whole;
    const part = whole.slice(from, from + LONGEST - 2);
    return `${from > 0 ? "…" : ""}${part}${from + LONGEST - 2 < whole.length ? "…" : ""}`;
  };
  return [short(a), short(b)];
}

/** As YAML of one line would have it, without quotes. */
function line(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(line).join(", ")}]`;
  if (isObject(value)) {
    return `{${Object.entries(value)
      .map(([key, item]) => `${key}: ${line(item)}`)
      .join(", ")}}`;
  }
  return String(value).replace(/\s+/g, " ").trim();
}

const isScalar = (value: unknown): value is string | number | boolean =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean";

/** A record without some of its fields. */
export const except = (value: object, ...fields: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).filter(([key]) => !fields.includes(key)));
