/**
 * A check between settings names its inputs. It runs only if these were read without a problem, so it need not distinguish
 * missing values from wrong ones.
 */
import type { Path, Problem } from "../report/catalogue";
import { isObject } from "../schema/fields";
import type { Configuration } from "../schema/configuration";

/** A value that the schema refuses. */
export interface Refused {
  readonly path: Path;
  /** Whether nothing below the path was read. If false, the values below were read, and only their combination is refused. */
  readonly whole: boolean;
}

/**
 * An input of a check:
 *
 * - `gateway.nodePorts.http`: a value with all values below it. Undefined if it is not written and has no default.
 * - `traffic.rules.*.to`: that value of each entry of a list or map, as `[key, value]`. Empty if there is no list.
 * - `traffic.rules.*?.to`: the same, only for entries whose value was read.
 * - `keys of gateway`: the keys that are written or have a default, even if values below them are wrong. For an entry, `keys of`
 *   are the keys of the entry.
 * - `written gateway.drain`: the value in the stack file, even if it was refused, without a default.
 */
type Input = string;
type Needs = Readonly<Record<string, Input>>;

type Step<T, K> = K extends keyof NonNullable<T> ? NonNullable<T>[K] : never;
type At<T, P extends string> =
  (P extends `${infer K}.${infer Rest}` ? At<Step<T, K>, Rest> : Step<T, P>) | Extract<T, undefined>;
type Entry<T> =
  NonNullable<T> extends readonly (infer E)[]
    ? E
    : NonNullable<T> extends Readonly<Record<string, infer E>>
      ? E
      : never;
type Entries<T, V> = readonly (readonly [NonNullable<T> extends readonly unknown[] ? number : string, V])[];

/** The type of an input below `T`. */
type Value<T, I extends Input> = I extends `keys of${string}`
  ? readonly string[]
  : I extends `written ${string}`
    ? unknown
    : I extends `${infer P}.*${"?" | ""}.${infer Rest}`
      ? Entries<At<T, P>, At<Entry<At<T, P>>, Rest>>
      : I extends `${infer P}.*${"?" | ""}`
        ? Entries<At<T, P>, Entry<At<T, P>>>
        : At<T, I>;
type Values<T, N extends Needs> = { readonly [K in keyof N]: Value<T, N[K]> };

export interface Check {
  /** As {@link Input}; `[]` is each entry of a list or map. */
  readonly inputs: readonly Input[];
  readonly find: (settings: ReadSettings) => Iterable<Problem>;
}

/** A check that runs once. */
export const check = <const N extends Needs>(
  needs: N,
  find: (values: Values<Configuration, N>) => Iterable<Problem>,
): Check => {
  const wanted = parsedNeeds(needs);
  return {
    inputs: Object.values(needs),
    find: (settings) => {
      const values = settings.values(wanted, []);
      return values ? find(values as Values<Configuration, N>) : [];
    },
  };
};

/** A check that runs for each entry of a list or map: `own` are inputs below the entry, `others` all other inputs. */
export const checkEach = <const P extends string, const N extends Needs, const M extends Needs>(
  at: P,
  own: N,
  others: M,
  find: (
    path: Path,
    own: Values<Entry<At<Configuration, P>>, N>,
    others: Values<Configuration, M>,
  ) => Iterable<Problem>,
): Check => {
  const [list, wanted, wantedBeside] = [at.split("."), parsedNeeds(own), parsedNeeds(others)];
  return {
    inputs: [...Object.values(own).map((input) => below(`${at}.[]`, input)), ...Object.values(others)],
    find: (settings) => {
      const beside = settings.values(wantedBeside, []);
      if (!beside) return [];
      return settings.entries(list).flatMap((path) => {
        const values = settings.values(wanted, path);
        if (!values) return [];
        return [
          ...find(path, values as Values<Entry<At<Configuration, P>>, N>, beside as Values<Configuration, M>),
        ];
      });
    },
  };
};

/** An input, parsed once, since the same checks run for every configuration. */
interface Wanted {
  readonly name: string;
  readonly kind: "value" | "keys of" | "written";
  readonly path: Path;
  /** Index of `*` or `*?` in the path; -1 if there is none. */
  readonly star: number;
}

const parsedNeeds = (needs: Needs): readonly Wanted[] =>
  Object.entries(needs).map(([name, input]) => {
    const [, kind = "value", text = ""] = /^(keys of|written)? ?(.*)$/.exec(input) ?? [];
    const path = text === "" ? [] : text.split(".");
    const star = path.findIndex((key) => key === "*" || key === "*?");
    return { name, kind: kind as Wanted["kind"], path, star };
  });

const below = (at: string, input: Input): Input =>
  input === "keys of" ? `keys of ${at}` : input.replace(/^(keys of |written )?/, (kind) => `${kind}${at}.`);

/** A configuration, parts of which may be refused. */
export class ReadSettings {
  /**
   * @param value the configuration. Its values at refused paths are never used.
   * @param written the configuration as it was given, without defaults.
   */
  constructor(
    private readonly value: unknown,
    private readonly written: unknown,
    private readonly refused: readonly Refused[],
  ) {}

  /** The values of inputs below `at`; undefined if one of them was not read. */
  values(needs: readonly Wanted[], at: Path): Readonly<Record<string, unknown>> | undefined {
    const values: Record<string, unknown> = {};
    for (const wanted of needs) {
      const found = this.input(wanted, at);
      if (!found) return undefined;
      values[wanted.name] = found.value;
    }
    return values;
  }

  /** Paths of the entries of a list or map; empty if it was not read. */
  entries(at: Path): Path[] {
    if (!this.isThere(at)) return [];
    const value = valueAt(this.value, at);
    if (Array.isArray(value)) return value.map((_, i) => [...at, i]);
    return isObject(value) ? Object.keys(value).map((key) => [...at, key]) : [];
  }

  private input({ kind, path: own, star: place }: Wanted, at: Path): { readonly value: unknown } | undefined {
    const path = at.length === 0 ? own : [...at, ...own];
    if (kind === "written") return { value: valueAt(this.written, path) };
    if (kind === "keys of")
      return this.isThere(path)
        ? { value: this.entries(path).map((entry) => String(entry.at(-1))) }
        : undefined;
    const star = place < 0 ? place : at.length + place;
    if (star < 0) return this.isRead(path) ? { value: valueAt(this.value, path) } : undefined;
    const list = path.slice(0, star);
    if (!this.isThere(list)) return undefined;
    const all = this.entries(list).map((entry) => [...entry, ...path.slice(star + 1)]);
    const read = all.filter((entry) => this.isRead(entry));
    if (path[star] === "*" && read.length < all.length) return undefined;
    return { value: read.map((entry) => [entry[star], valueAt(this.value, entry)]) };
  }

  /** Whether nothing at, above or below the path is refused. */
  private isRead(path: Path): boolean {
    return this.isThere(path) && !this.refused.some((other) => isBelow(other.path, path));
  }

  /** Whether the value at the path was read; values below it may be refused. */
  private isThere(path: Path): boolean {
    return !this.refused.some((other) => other.whole && isBelow(path, other.path));
  }
}

const isBelow = (path: Path, above: Path): boolean => above.every((key, i) => key === path[i]);

function valueAt(value: unknown, path: Path): unknown {
  let inner = value;
  for (const key of path) {
    if (typeof inner !== "object" || inner === null || !Object.hasOwn(inner, key)) return undefined;
    inner = (inner as Readonly<Record<PropertyKey, unknown>>)[key];
  }
  return inner;
}
