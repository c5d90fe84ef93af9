/** Limits of {@link Turns}. */
export interface TurnLimits {
  readonly atOnce: number;
  readonly waiting: number;
  /** Maximum of waiting calls of one client. Default: that of all clients. */
  readonly waitingEach?: number;
  /** Time limit of the wait, in milliseconds. */
  readonly patience: number;
}

interface Waiter {
  readonly begin: () => void;
  readonly refuse: () => void;
}

/**
 * Limits concurrent calls. Further calls wait within the limits: those of one client in order of arrival, and clients take turns,
 * so that no client uses the turns of another.
 */
export class Turns {
  private free: number;
  /** Client → waiting calls; the client with the next turn comes first. */
  private readonly queues = new Map<string, Waiter[]>();
  private waiting = 0;

  /** @param refusal creates the error for calls that get no turn. */
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

  /** Refuses the last call of the client with the most waiting calls, if that is more than `fewer` + 1. Returns whether it did. */
  private makeRoom(fewer: number): boolean {
    let longest: Waiter[] = [];
    for (const queue of this.queues.values()) if (queue.length > longest.length) longest = queue;
    if (longest.length <= fewer + 1) return false;
    longest.at(-1)?.refuse();
    return true;
  }

  /** Takes the next call; its client comes last then. */
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
