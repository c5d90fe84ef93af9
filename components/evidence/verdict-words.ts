/** Numbers as people read them. */

/** A count: "12,345". */
export const count = (value: number): string => value.toLocaleString("en-US", { maximumFractionDigits: 0 });

/** To two significant digits: "0.13", "1,200"; "1.2e+9" from a million on. */
export const about = (value: number): string =>
  value < 1e6 ? value.toLocaleString("en-US", { maximumSignificantDigits: 2 }) : value.toExponential(1);

/** Of a ratio: 0.0012 is "0.12 %". */
export const percent = (ratio: number): string => `${about(ratio * 100)} %`;

/** Of seconds: "40 s", "12 min", "3.5 h". */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "never";
  if (seconds < 120) return `${Math.ceil(seconds)} s`;
  if (seconds < 7200) return `${Math.ceil(seconds / 60)} min`;
  return `${about(seconds / 3600)} h`;
}
