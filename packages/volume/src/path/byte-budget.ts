/** Somebody who waits for room in a budget. */
export interface ByteBudgetWaiter {
  /** Room may have appeared. True when it now waits no longer. */
  roomAppeared(): boolean;
}

/** One bound on the bytes held for all who bring requests to a node; an `NbdByteBudget` is one, so both share it. */
export interface ByteBudget {
  readonly totalBytes: number;
  tryTake(lengthBytes: number): boolean;
  give(lengthBytes: number): void;
  /** Told in the order of their coming until each says that it waits no longer. */
  addWaiter(waiter: ByteBudgetWaiter): void;
  removeWaiter(waiter: ByteBudgetWaiter): void;
}
