import measured from "./durations.json";
import type { Report } from "./steps";

/** Seconds that each program took when `npm run bench:cold` last ran, beside another build and after the earlier ones of its module. */
const seconds: Readonly<Record<string, number | undefined>> = measured.seconds;

/** What is being built: how long so far, how long it took when measured, and how many programs are left. */
export class BuildProgress {
  private readonly begun = new Map<string, number>();
  private readonly besides = new Map<string, string>();
  constructor(
    private left: number,
    private readonly report: Report,
  ) {}

  begin(name: string): void {
    this.left -= 1;
    this.begun.set(name, performance.now());
    this.report(() => this.text());
  }

  /** Does work beside the builds, and shows what it reports as long as it lasts. */
  async beside<T>(name: string, work: (report: Report) => Promise<T>): Promise<T> {
    try {
      return await work((text) => {
        this.besides.set(name, typeof text === "string" ? text : text());
        this.report(() => this.text());
      });
    } finally {
      this.besides.delete(name);
    }
  }

  end(name: string): void {
    const built = `built ${name} in ${this.since(name)} s`;
    this.begun.delete(name);
    this.report(() => `${built}; ${this.text()}`);
  }

  private text(): string {
    const builds = [...this.begun.keys()].map((name) => {
      const once = seconds[name];
      const known = once === undefined ? "" : ` (measured: ${once} s on ${measured.cores} cores)`;
      return `${name}, ${this.since(name)} s so far${known}`;
    });
    const building = builds.length > 0 ? [`building ${builds.join(" and ")}`] : [];
    return [...building, ...this.besides.values(), `${this.left} more to build`].join("; ");
  }

  private since(name: string): number {
    return Math.round((performance.now() - (this.begun.get(name) ?? 0)) / 1000);
  }
}
