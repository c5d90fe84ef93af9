/** How many may do something at once, and how many may wait for it. */
export interface TurnLimits {
  readonly atOnce: number;
  readonly waiting: number;
  /** How many of one client may wait. Default: all. */
  readonly waitingEach?: number;
  /** Longest wait, in milliseconds. */
  readonly patience: number;
}

interface Waiter {
  readonly begin: () => void;
  readonly refuse: () => void;
}

/**
 * Lets few do something at a time. The others wait as long as the limits let them: those of one client first come, first
 * served, and clients by turns, so that none of them takes the turns of the others.
 */
export class Turns {
  private free: number;
  /** Client → who waits; the client whose turn is next comes first. */
  private readonly queues = new Map<string, Waiter[]>();
  private waiting = 0;

  /** @param refusal what is thrown at those whose turn does not come. */
  constructor(
    private readonly limits: TurnLimits,
    private readonly refusal: () => Error,
  ) {
    this.free = limits.atOnce;
  }

  async take<T>(work: () => Promise<T>, client = ""): Promise<T> {
    if (this.free > 0) this.free -= 1;
    else await this.wait(client);
    try {
      return await work();
    } finally {
      const next = this.next();
      if (next) next.begin();
      else this.free += 1;
    }
  }

  private wait(client: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const own = this.queues.get(client) ?? [];
      const { waiting, waitingEach = waiting, patience } = this.limits;
      if (own.length >= waitingEach || (this.waiting >= waiting && !this.makeRoom(own.length))) {
        reject(this.refusal());
        return;
      }
      const leave = () => {
        clearTimeout(late);
        this.remove(client, waiter);
      };
      const waiter: Waiter = {
        begin: () => {
          leave();
          resolve();
        },
        refuse: () => {
          leave();
          reject(this.refusal());
        },
      };
      const late = setTimeout(waiter.refuse, patience);
      this.queues.set(client, [...own, waiter]);
      this.waiting += 1;
    });
  }

  /** Refuses the last of the client that has most waiting, where that is more than another one would have then. */
  private makeRoom(fewer: number): boolean {
    let longest: Waiter[] = [];
    for (const queue of this.queues.values()) if (queue.length > longest.length) longest = queue;
    if (longest.length <= fewer + 1) return false;
    longest.at(-1)?.refuse();
    return true;
  }

  /** Whose turn it is; the client comes last then. */
  private next(): Waiter | undefined {
    for (const [client, queue] of this.queues) {
      this.queues.delete(client);
      this.queues.set(client, queue);
      return queue[0];
    }
    return undefined;
  }

  private remove(client: string, waiter: Waiter): void {
    const left = (this.queues.get(client) ?? []).filter((other) => other !== waiter);
    if (left.length > 0) this.queues.set(client, left);
    else this.queues.delete(client);
    this.waiting -= 1;
  }
}
