import { NbdError } from '../errors.js';

/** Someone who waits for room in a budget. */
export interface NbdBudgetWaiter {
  /** Room may have appeared. Returns true when it now waits no longer. */
  roomAppeared(): boolean;
}

/**
 * One bound on the payload bytes held for all connections of a server, or of several servers that share the object.
 * A server sets aside an allowance for each connection it may have, so that nobody's progress depends on what another
 * client does; only what goes beyond the allowances is first come, first served.
 */
export class NbdByteBudget {
  readonly totalBytes: number;
  #usedBytes = 0;
  #peakBytes = 0;
  #waking = false;
  readonly #waiters = new Set<NbdBudgetWaiter>();

  /** @param totalBytes - allowances of all connections plus what they share. */
  constructor(totalBytes: number) {
    if (!Number.isSafeInteger(totalBytes) || totalBytes < 1) {
      throw new NbdError(
        'CONFIG',
        `a byte budget must be a positive whole number, got ${String(totalBytes)}`,
      );
    }
    this.totalBytes = totalBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** The most that was ever used. */
  get peakBytes(): number {
    return this.#peakBytes;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  tryTake(lengthBytes: number): boolean {
    const used = this.#usedBytes + lengthBytes;
    if (used > this.totalBytes) return false;
    this.#usedBytes = used;
    if (used > this.#peakBytes) this.#peakBytes = used;
    return true;
  }

  give(lengthBytes: number): void {
    this.#usedBytes -= lengthBytes;
    if (this.#waiters.size > 0 && !this.#waking) this.#wake();
  }

  addWaiter(waiter: NbdBudgetWaiter): void {
    this.#waiters.add(waiter);
  }

  removeWaiter(waiter: NbdBudgetWaiter): void {
    this.#waiters.delete(waiter);
  }

  #wake(): void {
    this.#waking = true;
    try {
      // Oldest first, and nobody overtakes: a large wish would never be granted otherwise.
      for (const waiter of this.#waiters) {
        if (!waiter.roomAppeared()) break;
        this.#waiters.delete(waiter);
      }
    } finally {
      this.#waking = false;
    }
  }
}

/** One connection's view of the budget: first its own allowance, then the shared part. */
export class BudgetAccount {
  readonly budget: NbdByteBudget;
  readonly #allowanceBytes: number;
  #usedBytes = 0;

  /** @param allowanceBytes - set aside for this connection already. */
  constructor(budget: NbdByteBudget, allowanceBytes: number) {
    this.budget = budget;
    this.#allowanceBytes = allowanceBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  tryTake(lengthBytes: number): boolean {
    const used = this.#usedBytes + lengthBytes;
    if (used > this.#allowanceBytes) {
      const shared = used - Math.max(this.#usedBytes, this.#allowanceBytes);
      if (!this.budget.tryTake(shared)) return false;
    }
    this.#usedBytes = used;
    return true;
  }

  give(lengthBytes: number): void {
    const before = this.#usedBytes;
    this.#usedBytes = before - lengthBytes;
    if (before > this.#allowanceBytes)
      this.budget.give(before - Math.max(this.#usedBytes, this.#allowanceBytes));
  }
}
