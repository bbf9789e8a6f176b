import { HoldfastError } from '@holdfast/core';

/** Runs work one at a time per key, in the order it came; different keys do not wait for each other. */
export class SerialByKey {
  private readonly tails = new Map<string, { waiting: number; tail: Promise<unknown> }>();

  constructor(private readonly waitingMax: number) {}

  /** @throws HoldfastError REFUSED when too many wait for this key already. */
  async run<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
    const lane = this.tails.get(key) ?? { waiting: 0, tail: Promise.resolve() };
    if (lane.waiting >= this.waitingMax) {
      throw new HoldfastError(
        'REFUSED',
        `${lane.waiting} requests wait for ${key} already. Ask again later.`,
        { retryable: true },
      );
    }
    lane.waiting += 1;
    this.tails.set(key, lane);
    const turn = lane.tail.then(work);
    lane.tail = turn.then(
      () => undefined,
      () => undefined,
    );
    try {
      return await turn;
    } finally {
      lane.waiting -= 1;
      if (lane.waiting === 0) this.tails.delete(key);
    }
  }

  /** Settles when everything that has been asked for so far has ended, well or not. */
  async idle(): Promise<void> {
    await Promise.all([...this.tails.values()].map((lane) => lane.tail));
  }
}
