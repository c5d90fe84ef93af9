import { setTimeout as pause } from "node:timers/promises";

/** Waits for a condition, at most 20 seconds. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const limit = Date.now() + 20_000;
  while (!(await condition())) {
    if (Date.now() > limit) throw new Error(`waited in vain until ${what}`);
    await pause(10);
  }
}
