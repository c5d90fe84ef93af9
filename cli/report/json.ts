/** Reports for programs; docs/report.schema.json says what is in them. */
import type { Report, ReportFile } from "../diff/report";

/** Ends with a line break. */
export function json(reports: readonly Report[]): string {
  const file: ReportFile = { version: 1, reports };
  return `${JSON.stringify(file, null, 2)}\n`;
}
