import type { Clock } from '@holdfast/core';

export interface RateLimit {
  /** Requests that one caller may make at once after a rest. */
  readonly burst: number;
  /** Requests a second that one caller may keep up. */
  readonly perSecond: number;
}

/** A budget per caller that refills with time. Remembers at most `callersMax` callers; the longest silent one is forgotten. */
export class RateLimiter {
  private readonly budgets = new Map<string, { left: number; at: number }>();

  constructor(
    private readonly limit: RateLimit,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly callersMax = 1024,
  ) {}

  /** Whether this caller may go on. Costs one of its budget when it may. */
  take(caller: string): boolean {
    const now = this.clock.now();
    const known = this.budgets.get(caller);
    const rested =
      known === undefined ? this.limit.burst : known.left + ((now - known.at) / 1000) * this.limit.perSecond;
    const left = Math.min(this.limit.burst, rested);
    // Set anew, so that the map's order is the order of last use.
    this.budgets.delete(caller);
    this.budgets.set(caller, { left: left < 1 ? left : left - 1, at: now });
    if (this.budgets.size > this.callersMax) {
      const [oldest] = this.budgets.keys();
      if (oldest !== undefined) this.budgets.delete(oldest);
    }
    return left >= 1;
  }
}
