import type { Clock, Timer } from '@holdfast/core';

/** Every wait is over in the next turn, and is written down. */
export class InstantClock implements Clock {
  readonly waits: number[] = [];
  private time = 0;

  now(): number {
    return this.time;
  }

  bootTime(): number {
    return this.time;
  }

  wallTime(): number {
    return this.time;
  }

  setTimer(afterMs: number, callback: () => void): Timer {
    this.waits.push(afterMs);
    const immediate = setImmediate(() => {
      this.time += afterMs;
      callback();
    });
    return { cancel: () => clearImmediate(immediate) };
  }
}
