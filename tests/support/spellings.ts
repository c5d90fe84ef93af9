/** Ways to write a path that may reach the same handler, or only look as if they did. */
import fc from "fast-check";

const SEPARATORS = ["/", "//", "/./", "/x/../", "/x/y/../../", "\\", "%2f", "%2F", "%5c", "%5C", "%252f"];
const SEGMENTS = ["/.", "/..", "/%2e", "/%2E%2e", "/..;", "/.;x=1", "/x/..", "/%2e%2e/category", "/product"];
const ENDS = [
  "/",
  "//",
  "/.",
  "/./",
  "/x/..",
  "%2f",
  "%2F/",
  "\\",
  "?",
  "?lang=en",
  "/?x=/..",
  "#x",
  ".json",
];
const MARKS = [
  ";",
  ";x=1",
  ";/",
  "%3b",
  "%3Bx=1",
  "%00",
  "%20",
  "%09",
  "%0a",
  "+",
  "%",
  "%2",
  "%zz",
  "%23",
  "%3f",
];
const UNICODE = ["\u00e9", "%C3%A9", "%e2%80%8b", "%ef%bc%8f", "%c0%af", "%c0%ae", "%u002f", "%ef%bc%95"];

const pick = (values: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...values);
const hex = (character: string): string => character.charCodeAt(0).toString(16);

/** One change of a character: another way to write it, or another one. */
const CHARACTERS: readonly ((character: string) => string)[] = [
  (c) => `%${hex(c)}`,
  (c) => `%${hex(c).toUpperCase()}`,
  (c) => `%25${hex(c)}`,
  (c) => `%%${hex(c)}${hex(c)}`,
  (c) => c.toUpperCase(),
  (c) => String.fromCharCode(c.charCodeAt(0) + 0x80),
];

type Change = (path: string) => string;
const at = (change: (path: string, index: number) => string): fc.Arbitrary<Change> =>
  fc.nat(1000).map((n) => (path: string) => change(path, 1 + (n % path.length)));
const inserted = (values: readonly string[]): fc.Arbitrary<Change> =>
  pick(values).chain((text) => at((path, i) => path.slice(0, i) + text + path.slice(i)));
/** In place of, or beside, one of the path's own slashes. */
const slash = pick([...SEPARATORS, ...SEGMENTS.map((s) => `${s}/`)]).chain((text) =>
  fc.nat(20).map((n) => (path: string) => {
    const slashes = [...path.matchAll(/\//g)].map(({ index }) => index);
    const i = slashes[n % slashes.length] ?? 0;
    // A request starts with a slash.
    return path.slice(0, i) + (i === 0 && !text.startsWith("/") ? `/${text}` : text) + path.slice(i + 1);
  }),
);
const character = fc
  .constantFrom(...CHARACTERS)
  .chain((write) =>
    at((path, i) => path.slice(0, i) + path.slice(i, i + 1).replace(/\w/, write) + path.slice(i + 1)),
  );
/** A number with zeros, or with a sign, before it. */
const number = pick(["0", "00", "%30", "+", "%2B", "-"]).map(
  (text) => (path: string) => path.replace(/\/(?=\d)/, `/${text}`),
);
const end = pick([...ENDS, ...SEGMENTS, ...MARKS]).map((text) => (path: string) => path + text);

const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 4, arbitrary: slash },
  { weight: 3, arbitrary: end },
  { weight: 3, arbitrary: character },
  number,
  inserted(MARKS),
  inserted(UNICODE),
  inserted(SEGMENTS),
);

/** A path of `paths` in another spelling, and sometimes in none that means it. */
export const spelling = (paths: readonly string[]): fc.Arbitrary<string> =>
  fc
    .tuple(pick(paths), fc.array(change, { minLength: 1, maxLength: 3 }))
    .map(([path, changes]) => changes.reduce((written, write) => write(written), path));
