import { renderMermaidSVG } from "beautiful-mermaid";
import { defineConfig } from "vitepress";
import { BASE, modules, REPOSITORY, sections, slug } from "../pages.ts";

const link = (at) => `/${at.replace(/\.md$/, "")}`;

/** A diagram as a picture: the page needs no script for it, and no font of another host, which the library would ask for. */
const diagram = (text) =>
  renderMermaidSVG(text, {
    bg: "var(--vp-c-bg)",
    fg: "var(--vp-c-text-1)",
    muted: "var(--vp-c-text-2)",
    transparent: true,
    padding: 8,
    nodeSpacing: 20,
    layerSpacing: 24,
  }).replace(/@import url\([^)]*\);/g, "");

export default defineConfig({
  title: "shopzier-mesh",
  description: "Canary shifts behind Istio as Pulumi configuration, without a lost request",
  base: BASE,
  srcDir: "dist/pages",
  outDir: "dist/site",
  cacheDir: "dist/cache",
  markdown: {
    anchor: { slugify: slug },
    config: (md) => {
      const { fence, code_inline: code } = md.renderer.rules;
      // A long key or path breaks behind a dot or a slash.
      md.renderer.rules.code_inline = (...args) => code(...args).replace(/(?<=\w[./])(?=\w)/g, "<wbr>");
      md.renderer.rules.fence = (tokens, at, ...rest) =>
        tokens[at].info === "mermaid"
          ? `<div class="diagram" v-html="${md.utils.escapeHtml(JSON.stringify(diagram(tokens[at].content)))}"></div>`
          : fence(tokens, at, ...rest);
    },
  },
  themeConfig: {
    search: {
      provider: "local",
      options: {
        miniSearch: {
          // A guide says more of a term than a catalogue that has it a hundred times.
          searchOptions: { boostDocument: (id) => (/^\/(errors|lint|api|changelog)\b/.test(id) ? 0.3 : 1) },
        },
      },
    },
    outline: [2, 3],
    externalLinkIcon: true,
    socialLinks: [{ icon: "github", link: REPOSITORY }],
    nav: [
      { text: "Get started", link: "/start" },
      { text: "Configuration", link: "/configuration" },
      { text: "API", link: "/api/" },
      { text: "Changelog", link: "/changelog" },
    ],
    sidebar: [
      ...sections().map(({ title, pages }) => ({
        text: title,
        collapsed: title === "Decisions",
        items: pages.map((page) => ({ text: page.title, link: link(page.at) })),
      })),
      {
        text: "API",
        items: modules().map(({ name, folder }) => ({ text: name, link: `/api/${folder}/` })),
      },
    ],
  },
});
