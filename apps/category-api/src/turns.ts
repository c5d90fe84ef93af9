/** How many may do something at once, and how many may wait for it. */
export interface TurnLimits {
  readonly atOnce: number;
  readonly waiting: number;
  /** Longest wait, in milliseconds. */
  readonly patience: number;
}

/** Lets few do something at a time. The others wait, first come, first served, as long as the limits let them. */
export class Turns {
  private free: number;
  private readonly queue: (() => void)[] = [];

  /** @param refusal what is thrown at those whose turn does not come. */
  constructor(
    private readonly limits: TurnLimits,
    private readonly refusal: () => Error,
  ) {
    this.free = limits.atOnce;
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free -= 1;
    else await this.wait();
    try {
      return await work();
    } finally {
      const next = this.queue.shift();
      if (next) next();
      else this.free += 1;
    }
  }

  private wait(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.queue.length >= this.limits.waiting) {
        reject(this.refusal());
        return;
      }
      const begin = () => {
        clearTimeout(late);
        resolve();
      };
      const late = setTimeout(() => {
        this.queue.splice(this.queue.indexOf(begin), 1);
        reject(this.refusal());
      }, this.limits.patience);
      this.queue.push(begin);
    });
  }
}
