/** The pages for programs that read text: https://llmstxt.org. */
import type { Section } from "./pages";

/** llms.txt: each page with its title, as a link to its Markdown. */
export function overview(sections: readonly Section[]): string {
  const lists = sections.map(
    ({ title, pages }) => `## ${title}\n\n${pages.map((page) => `- [${page.title}](${page.at})`).join("\n")}`,
  );
  return `# shopzier-mesh

> A Pulumi program and its components that put a service behind Istio and shift traffic between its versions. Stack configuration holds the
> weights and all other settings.

All pages in one file: [llms-full.txt](llms-full.txt)

${lists.join("\n\n")}
`;
}

/** llms-full.txt: all pages as they are, each below the name of its file. */
export function fullText(sections: readonly Section[]): string {
  return sections
    .flatMap(({ pages }) => pages)
    .map(({ file, text }) => `<!-- ${file} -->\n\n${text.trim()}\n`)
    .join("\n");
}
