/** The pages of the site: the project's own Markdown files, as they are, with links that fit where each page is there. */
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";

const ROOT = path.resolve(__dirname, "../..");

/** Where the project's files are shown that are no pages. */
export const REPOSITORY = `https://github.com/${process.env.GITHUB_REPOSITORY ?? "shopzier/shopzier-mesh"}`;

/** Where the site is below its host, with a slash at both ends. */
export const BASE = process.env.SITE_BASE ?? "/";

export interface Page {
  /** Path in the project. */
  readonly file: string;
  /** Path on the site. */
  readonly at: string;
  readonly title: string;
  readonly text: string;
  readonly anchors: ReadonlySet<string>;
}
export interface Section {
  readonly title: string;
  readonly pages: readonly Page[];
}

const ORDER: Readonly<Record<string, readonly string[]>> = {
  Start: ["README.md", "docs/lab.md", "docs/kind.md", "docs/shared-cluster.md", "docs/glossary.md"],
  Guides: ["docs/traffic.md", "docs/observability.md", "docs/upgrading.md", "docs/architecture.md"],
  "The command shopzier": [
    "docs/diff.md",
    "docs/pull-requests.md",
    "docs/requests.md",
    "docs/evidence.md",
    "docs/preview.md",
  ],
  Reference: [
    "docs/commands.md",
    "docs/configuration.md",
    "docs/errors.md",
    "docs/risks.md",
    "docs/lint.md",
    "components/README.md",
    "apps/category-api/README.md",
  ],
  Project: ["CHANGELOG.md", "docs/benchmarks.md", "docs/proof.md"],
};

const markdown = (folder: string): string[] =>
  readdirSync(path.join(ROOT, folder))
    .filter((name) => name.endsWith(".md"))
    .sort()
    .map((name) => `${folder}/${name}`);

const OWN_NAMES: Readonly<Record<string, string>> = {
  "README.md": "start.md",
  "CHANGELOG.md": "changelog.md",
  "components/README.md": "package.md",
  "apps/category-api/README.md": "category-api.md",
};
/** Files that pages show or link. */
export const ASSETS: readonly string[] = readdirSync(path.join(ROOT, "docs"))
  .filter((name) => /\.(png|svg|schema\.json)$/.test(name))
  .map((name) => `docs/${name}`);

const placeOf = (file: string): string =>
  OWN_NAMES[file] ?? file.replace(/^docs\//, "").replace(/\/README\.md$/, ".md");

function pageOf(file: string): Page {
  const text = readFileSync(path.join(ROOT, file), "utf8");
  const title = file === "README.md" ? "Get started" : /^# (.*)$/m.exec(text)?.[1];
  if (title === undefined) throw new Error(`${file} has no heading`);
  return { file, at: placeOf(file), title, text, anchors: anchors(text) };
}

/** All pages, in the order of the sidebar. A guide that ORDER does not list is the last of the guides. */
export function sections(): Section[] {
  const listed = new Set(Object.values(ORDER).flat());
  const others = markdown("docs").filter((file) => !listed.has(file));
  const section = (title: string, files: readonly string[]): Section => ({ title, pages: files.map(pageOf) });
  return [
    ...Object.entries(ORDER).map(([title, files]) =>
      section(title, title === "Guides" ? [...files, ...others] : files),
    ),
    section("Examples", globSync("examples/*/README.md", { cwd: ROOT }).sort()),
    section("Decisions", markdown("docs/decisions")),
  ];
}

/** What the package exports to programs, and the folder of its reference below api/. */
export function modules(): { name: string; entry: string; folder: string }[] {
  const { name, exports } = JSON.parse(readFileSync(path.join(ROOT, "components/package.json"), "utf8")) as {
    name: string;
    exports: Record<string, string | { types?: string }>;
  };
  return Object.entries(exports).flatMap(([key, value]) => {
    const types = typeof value === "string" ? undefined : value.types;
    if (types === undefined) return [];
    const entry = types.replace("./dist/", "components/").replace(/\.d\.ts$/, ".ts");
    return [
      { name: path.posix.join(name, key), entry, folder: key === "." ? "index" : path.posix.basename(key) },
    ];
  });
}

/** The anchor of a heading as GitHub makes it, so that a link works in both places. */
export const slug = (heading: string): string =>
  heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(/\s/g, "-");

const FENCE = /^( *)(```+)[^\n]*\n[\s\S]*?^\1\2$/gm;

function outsideFences(text: string, change: (prose: string) => string): string {
  const fences = text.match(FENCE) ?? [];
  return text
    .replaceAll(FENCE, "\0")
    .split("\0")
    .map((prose, i) => change(prose) + (fences[i] ?? ""))
    .join("");
}

/** Anchors of a page: those that it sets itself, and of each heading, numbered where it stands twice. */
export function anchors(text: string): Set<string> {
  const found = new Set([...text.matchAll(/<a id="([^"]*)">/g)].map(([, id = ""]) => id));
  for (const [, heading = ""] of text.replaceAll(FENCE, "").matchAll(/^#{1,6} (.*)$/gm)) {
    const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll("`", "");
    let anchor = slug(plain);
    for (let n = 1; found.has(anchor); n++) anchor = `${slug(plain)}-${n}`;
    found.add(anchor);
  }
  return found;
}

/**
 * The text of `page` for the site: a link to another page or to one of ASSETS leads there, one to another file of the project to REPOSITORY.
 *
 * Throws an Error that names the links that lead nowhere.
 */
export function linked(page: Page, pages: readonly Page[]): string {
  const wrong: string[] = [];
  const rewritten = (target: string): string => {
    const [name = "", anchor] = target.split("#");
    if (/^[a-z]+:/.test(target)) return target;
    const file = name === "" ? page.file : path.posix.join(path.posix.dirname(page.file), name);
    const other = pages.find((one) => one.file === file);
    const known = anchor === undefined || (other !== undefined && other.anchors.has(anchor));
    if (!known || !existsSync(path.join(ROOT, file))) wrong.push(target);
    if (name === "") return target;
    const folder = file === "docs/decisions" ? "decisions/index.md" : undefined;
    const place = other?.at ?? (ASSETS.includes(file) ? path.basename(file) : folder);
    if (place === undefined) return `${REPOSITORY}/blob/main/${file}`;
    return `./${path.posix.relative(path.posix.dirname(page.at), place)}${anchor === undefined ? "" : `#${anchor}`}`;
  };
  const text = outsideFences(page.text, (prose) =>
    prose.replaceAll(/\]\(([^)\s]+)\)/g, (_, target: string) => `](${rewritten(target)})`),
  );
  if (wrong.length > 0) throw new Error(`${page.file} has links that lead nowhere: ${wrong.join(", ")}`);
  return text;
}
