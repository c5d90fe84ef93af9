import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { anchors, linked, modules, sections, slug, type Page } from "../../docs/site/pages";

const pages = sections().flatMap((section) => section.pages);
const page = (file: string, at: string, text: string): Page => ({
  file,
  at,
  text,
  title: "",
  anchors: anchors(text),
});

describe("the pages of the site", () => {
  it("have links that lead somewhere, anchors too", () => {
    assert.ok(pages.length > 30);
    for (const one of pages) linked(one, pages);
  });

  it("are at places of their own", () => {
    assert.equal(new Set(pages.map(({ at }) => at)).size, pages.length);
  });

  it("link a page, a picture, a folder and another file of the project", () => {
    const text = [
      "[a](../traffic.md#weights) ![b](../report.png) [c](.) [d](../../Pulumi.dev.yaml) [e](https://example.com)",
      "```md\n[f](no.md)\n```",
      "[g](../../README.md)",
    ].join("\n");
    const blob = "https://github.com/shopzier/shopzier-mesh/blob/main/Pulumi.dev.yaml";
    assert.equal(
      linked(page("docs/decisions/x.md", "decisions/x.md", text), pages).replace(
        /github.com\/[^/]*\/[^/]*/,
        "github.com/shopzier/shopzier-mesh",
      ),
      [
        `[a](./../traffic.md#weights) ![b](./../report.png) [c](./index.md) [d](${blob}) [e](https://example.com)`,
        "```md\n[f](no.md)\n```",
        "[g](./../start.md)",
      ].join("\n"),
    );
  });

  it("name the links that lead nowhere: a file, an anchor, an anchor of the page itself", () => {
    const text = "[a](no.md) [b](traffic.md#no) [c](#no) [d](#yes)\n\n## Yes\n";
    const own = page("docs/preview.md", "preview.md", text);
    assert.throws(
      () => linked(own, [own, ...pages]),
      new Error("docs/preview.md has links that lead nowhere: no.md, traffic.md#no, #no"),
    );
  });

  it("have the anchors that GitHub makes of headings", () => {
    assert.equal(
      slug("After an interruption, and after `destroy`"),
      "after-an-interruption-and-after-destroy",
    );
    assert.equal(slug("shopzier:traffic"), "shopziertraffic");
    const text = '## A [b](c.md)\n\n```sh\n# no\n```\n\n## A b\n\n<a id="SL001"></a>';
    assert.deepEqual([...anchors(text)], ["SL001", "a-b", "a-b-1"]);
  });

  it("show pictures that a script makes", () => {
    const folder = path.join(__dirname, "../proof");
    const scripts = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => readFileSync(path.join(folder, name), "utf8"))
      .join("\n");
    const shown = pages.flatMap(({ text }) =>
      [...text.matchAll(/!\[[^\]]*\]\(([^)]*)\)/g)].map(([, at = ""]) => at),
    );
    assert.ok(shown.length >= 2);
    assert.deepEqual(
      shown.filter((at) => !scripts.includes(path.basename(at))),
      [],
    );
  });

  it("have a reference for each module that the package exports", () => {
    assert.deepEqual(modules()[0], { name: "shopzier-mesh", entry: "components/index.ts", folder: "index" });
    assert.ok(modules().some(({ name }) => name === "shopzier-mesh/evidence"));
  });
});
