import { existsSync, globSync, readFileSync } from "node:fs";
import path from "node:path";

/**
 * Links within a built site whose page, file or anchor does not exist, each with the page that has it.
 *
 * VitePress looks at pages alone: it takes any anchor, and any link in HTML.
 */
export function deadLinks(site: string, base: string): string[] {
  const files = globSync("**/*.html", { cwd: site });
  const anchors = new Map<string, Set<string>>();
  const text = (file: string): string => readFileSync(path.join(site, file), "utf8");
  const has = (file: string, anchor: string): boolean => {
    let known = anchors.get(file);
    if (known === undefined) {
      known = new Set([...text(file).matchAll(/\sid="([^"]*)"/g)].map(([, id = ""]) => id));
      anchors.set(file, known);
    }
    return known.has(anchor);
  };
  return files.flatMap((page) =>
    [...text(page).matchAll(/<a\s[^>]*?href="([^"]*)"/g)].flatMap(([, href = ""]) => {
      if (/^[a-z]+:/.test(href)) return [];
      const { pathname, hash } = new URL(href.replaceAll("&amp;", "&"), `http://site${base}${page}`);
      const name = decodeURIComponent(pathname).slice(base.length);
      const file = name === "" || name.endsWith("/") ? `${name}index.html` : name;
      const anchor = decodeURIComponent(hash.slice(1));
      const alive = existsSync(path.join(site, file)) && (anchor === "" || has(file, anchor));
      return alive ? [] : [`${page}: ${href}`];
    }),
  );
}
