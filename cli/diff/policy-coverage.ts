/** Whether a rule of an AuthorizationPolicy matches no request that another does not match. */
import { BlockList, isIP } from "node:net";
import type { WrittenSource } from "./policy-words";

type Values = Readonly<Record<string, unknown>>;

/** False where that cannot be decided. */
export function isWithin(a: WrittenSource, b: WrittenSource): boolean {
  const parts = (rule: WrittenSource): [Values[], Values[]] => [
    (rule.from ?? []).map(({ source }) => source ?? {}),
    (rule.to ?? []).map(({ operation }) => operation ?? {}),
  ];
  const [[fromA, toA], [fromB, toB]] = [parts(a), parts(b)];
  return (
    anyWithin(fromA, fromB) &&
    anyWithin(toA, toB) &&
    (b.when ?? []).every((wanted) =>
      (a.when ?? []).some(
        ({ key, values, notValues }) =>
          key === wanted.key &&
          fieldWithin("values", values, wanted.values) &&
          fieldWithin("notValues", notValues, wanted.notValues),
      ),
    )
  );
}

/** No alternatives: every request. */
const anyWithin = (a: readonly Values[], b: readonly Values[]): boolean =>
  b.length === 0 || (a.length > 0 && a.every((one) => b.some((other) => allWithin(one, other))));

const allWithin = (a: Values, b: Values): boolean =>
  Object.entries(b).every(([field, values]) => fieldWithin(field, a[field], values));

function fieldWithin(field: string, given: unknown, wanted: unknown): boolean {
  const [a, b] = [texts(given), texts(wanted)];
  if (b.length === 0) return true;
  // What is excluded has to be excluded by both.
  if (field.startsWith("not")) return b.every((value) => a.includes(value));
  return a.length > 0 && a.every((value) => b.some((other) => valueWithin(value, other)));
}

const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);

function valueWithin(value: string, other: string): boolean {
  if (value === other || other === "*") return true;
  if (other.endsWith("*")) return value.startsWith(other.slice(0, -1));
  if (other.startsWith("*")) return value.endsWith(other.slice(1));
  return blockWithin(value, other);
}

function blockWithin(value: string, other: string): boolean {
  const [[address = "", size], [network = "", length]] = [value.split("/"), other.split("/")];
  const family = isIP(network) === 6 ? "ipv6" : "ipv4";
  if (isIP(address) === 0 || isIP(address) !== isIP(network)) return false;
  const whole = family === "ipv6" ? 128 : 32;
  if (Number(size ?? whole) < Number(length ?? whole)) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(length ?? whole), family);
  return list.check(address, family);
}
