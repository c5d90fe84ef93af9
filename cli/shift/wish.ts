/** Ctrl-C: the first holds, the second goes back. */
import type { Wish } from "./next-action";

/** After the first, so long a second one is waited for, in milliseconds. */
const GRACE_MS = 5000;

export class Wishes {
  private signals = 0;
  private heldAt = 0;
  private wake: (() => void) | undefined;

  constructor(private readonly say: (words: string) => void) {}

  listen(): () => void {
    const heard = (): void => {
      this.heard();
    };
    const signals = ["SIGINT", "SIGTERM"] as const;
    for (const signal of signals) process.on(signal, heard);
    return () => {
      for (const signal of signals) process.off(signal, heard);
    };
  }

  heard(): void {
    this.signals++;
    if (this.signals === 1) {
      this.heldAt = performance.now();
      this.say(`Held in ${GRACE_MS / 1000} s, with the shares as they are. Ctrl-C again goes back.`);
    } else if (this.signals === 2) this.say("Goes back.");
    this.wake?.();
  }

  wish(): Wish {
    if (this.signals >= 2) return "back";
    const held = this.signals === 1 && performance.now() - this.heldAt >= GRACE_MS;
    return held ? "hold" : "go on";
  }

  /** For `ms`, or until there is a wish. */
  async pause(ms: number): Promise<void> {
    const left = this.signals === 1 ? Math.max(0, GRACE_MS - (performance.now() - this.heldAt)) : ms;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(ms, left) + 1);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wake = undefined;
  }
}
