import measured from "./durations.json";
import type { Report } from "./steps";

/** Seconds of a program's build when `npm run bench:cold` last ran, beside another one, and what its module's programs share. */
const seconds: Readonly<Record<string, number | undefined>> = measured.seconds;

/** What is being built: how long so far, how long it took when measured, and how many programs are left. */
export class BuildProgress {
  private readonly begun = new Map<string, number>();
  constructor(
    private left: number,
    private readonly report: Report,
  ) {}

  begin(name: string): void {
    this.left -= 1;
    this.begun.set(name, performance.now());
    this.report(() => this.text());
  }

  end(name: string): void {
    this.report(`built ${name} in ${this.since(name)} s`);
    this.begun.delete(name);
    if (this.begun.size > 0) this.report(() => this.text());
  }

  private text(): string {
    const builds = [...this.begun.keys()].map((name) => {
      const once = seconds[name];
      const known = once === undefined ? "" : ` (measured: ${once} s on ${measured.cores} cores)`;
      return `${name}, ${this.since(name)} s so far${known}`;
    });
    return `building ${builds.join(" and ")}; ${this.left} more to build`;
  }

  private since(name: string): number {
    return Math.round((performance.now() - (this.begun.get(name) ?? 0)) / 1000);
  }
}
