/**
 * Builds the documentation's site: `npm run docs:site`. `-- --serve` then shows it.
 *
 * What builds it has a lock file of its own and is installed here, so that `npm ci` of the project stays as light as it is.
 */
import { execa } from "execa";
import { cpSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { deadLinks } from "./dead-links";
import { fullText, overview } from "./llms";
import { ASSETS, BASE, linked, modules, sections, type Section } from "./pages";

const ROOT = path.resolve(__dirname, "../..");
const PAGES = path.join(__dirname, "dist/pages");
const SITE = path.join(__dirname, "dist/site");

async function run(command: string, ...args: string[]): Promise<void> {
  await execa(command, args, { cwd: __dirname, preferLocal: true, stdio: "inherit" });
}

async function install(): Promise<void> {
  const installed = statSync(path.join(__dirname, "node_modules/.package-lock.json"), {
    throwIfNoEntry: false,
  });
  const wanted = statSync(path.join(__dirname, "package-lock.json"));
  if (installed === undefined || installed.mtimeMs < wanted.mtimeMs)
    await run("npm", "ci", "--no-audit", "--no-fund");
}

function write(folder: string, file: string, text: string): void {
  mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
  writeFileSync(path.join(folder, file), text);
}

function writePages(all: readonly Section[]): void {
  rmSync(path.join(__dirname, "dist"), { recursive: true, force: true });
  const pages = all.flatMap((section) => section.pages);
  for (const page of pages) write(PAGES, page.at, linked(page, pages));
  for (const file of ASSETS) cpSync(path.join(ROOT, file), path.join(PAGES, path.basename(file)));
  cpSync(path.join(__dirname, "index.md"), path.join(PAGES, "index.md"));
  const decisions = all.find(({ title }) => title === "Decisions")?.pages ?? [];
  write(
    PAGES,
    "decisions/index.md",
    list(
      "Decisions",
      "What was decided, and why.",
      decisions.map(({ at, title }) => [title, path.basename(at)]),
    ),
  );
}

const list = (title: string, about: string, links: readonly (readonly [string, string])[]): string =>
  `# ${title}\n\n${about}\n\n${links.map(([name, to]) => `- [${name}](./${to})`).join("\n")}\n`;

/** The reference of what the package exports, from its source. */
async function writeApi(): Promise<void> {
  const all = modules();
  await run("typedoc", ...all.flatMap(({ entry }) => ["--entryPoints", path.join(ROOT, entry)]));
  for (const { name, folder } of all) {
    const page = path.join(PAGES, "api", folder, "index.md");
    writeFileSync(page, readFileSync(page, "utf8").replace(/^# .*/, `# ${name}`));
  }
  const about = "What a program imports from the package, from its source.";
  write(
    PAGES,
    "api/index.md",
    list(
      "API",
      about,
      all.map(({ name, folder }) => [name, `${folder}/index.md`]),
    ),
  );
}

async function main(serve: boolean): Promise<void> {
  await install();
  const all = sections();
  writePages(all);
  await writeApi();
  await run("vitepress", "build");
  // Beside each page its Markdown, and the files that pages link.
  cpSync(PAGES, SITE, { recursive: true });
  write(SITE, "llms.txt", overview(all));
  write(SITE, "llms-full.txt", fullText(all));
  const dead = deadLinks(SITE, BASE);
  if (dead.length > 0) throw new Error(`links that lead nowhere:\n${dead.join("\n")}`);
  if (serve) await run("vitepress", "preview");
}

main(process.argv.includes("--serve")).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
