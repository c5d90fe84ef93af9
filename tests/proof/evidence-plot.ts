/** A dot for each rule and scenario, as SVG. */

export interface Panel {
  readonly title: string;
  /** Scenario → rule → value; undefined values are not drawn. */
  readonly rows: readonly (readonly [string, Readonly<Record<string, number>>])[];
  /** The axis; its ends are the first and the last, and it is logarithmic where the first is above 0. */
  readonly ticks: readonly number[];
  readonly unit: string;
}

// Okabe and Ito's colours, which people with any colour vision tell apart.
const COLOURS = ["#0072B2", "#D55E00", "#E69F00", "#009E73", "#CC79A7"];
const [LABELS, PLOT, RIGHT, ROW, HEAD] = [330, 520, 40, 20, 46];

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

export function plot(rules: readonly string[], panels: readonly Panel[]): string {
  const width = LABELS + PLOT + RIGHT;
  const parts: string[] = [];
  const text = (x: number, y: number, words: string, more = ""): void => {
    parts.push(`<text x="${x}" y="${y}" ${more}>${escape(words)}</text>`);
  };
  rules.forEach((rule, i) => {
    const x = 20 + i * 172;
    parts.push(`<circle cx="${x}" cy="20" r="5" fill="${COLOURS[i] ?? "black"}"/>`);
    text(x + 10, 24, rule);
  });
  let top = 40;
  for (const { title, rows, ticks, unit } of panels) {
    const [first, last] = [ticks[0] ?? 0, ticks.at(-1) ?? 1];
    const scale = first > 0 ? Math.log : (v: number): number => v;
    const at = (value: number): number =>
      LABELS +
      (PLOT * (scale(Math.min(last, Math.max(first, value))) - scale(first))) / (scale(last) - scale(first));
    const bottom = top + HEAD + rows.length * ROW;
    text(20, top + 20, title, 'font-weight="bold"');
    for (const tick of ticks) {
      parts.push(`<path d="M${at(tick)} ${top + HEAD - 8}V${bottom}" stroke="#ddd"/>`);
      text(
        at(tick),
        top + HEAD - 12,
        `${tick.toLocaleString("en-US")}${unit}`,
        'text-anchor="middle" fill="#555"',
      );
    }
    rows.forEach(([name, values], row) => {
      const y = top + HEAD + row * ROW + 8;
      text(LABELS - 12, y + 4, name, 'text-anchor="end"');
      // The first rule lies on top, and marks that meet are seen side by side.
      [...rules.entries()].reverse().forEach(([i, rule]) => {
        const value = values[rule];
        if (value === undefined) return;
        const [x, dy] = [at(value).toFixed(1), (i - (rules.length - 1) / 2) * 2.5];
        parts.push(
          `<circle cx="${x}" cy="${y + dy}" r="4" fill="${COLOURS[i] ?? "black"}" fill-opacity="0.85"/>`,
        );
      });
    });
    top = bottom + 20;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${top}" width="${width}" height="${top}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${top}" fill="white"/>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}
