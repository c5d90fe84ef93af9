/** A comment that an API does not take, cut at the end of a line, with what is open then closed. */
export function shortened(text: string, most: number): string {
  const end = text.lastIndexOf("\n", most);
  const kept = text.slice(0, end > 0 ? end : most);
  let fence = "";
  let details = 0;
  for (const line of kept.split("\n")) {
    const [row = ""] = /^`{3,}/.exec(line) ?? [];
    if (fence !== "") fence = line === fence ? "" : fence;
    else if (row !== "") fence = row;
    else if (line.startsWith("<details>")) details += 1;
    else if (line.startsWith("</details>")) details -= 1;
  }
  const close = [fence, ...Array<string>(details).fill("</details>")].filter(Boolean);
  const note = `**Cut**: ${kept.length} of ${text.length} characters fit into a comment. The run has the whole report.`;
  return [kept, ...close, note].join("\n\n") + "\n";
}
