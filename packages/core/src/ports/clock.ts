import type { Millis } from '../kernel/time.js';

/** Guarantee: `now` never goes back; a timer never fires before its time, and may fire late without bound. */
export interface Clock {
  /** Monotonic milliseconds. May stand still while the machine sleeps. */
  now(): Millis;
  /** Milliseconds since the machine started, counting the time it slept. Compared with `now` at every lease check. */
  bootTime(): Millis;
  /** Milliseconds since 1970, for people to read. Never for a decision. */
  wallTime(): number;
  /** Calls back once, `afterMs` milliseconds from now or later, and never before this call has returned. */
  setTimer(afterMs: number, callback: () => void): Timer;
}

export interface Timer {
  /** After this the callback is not called any more. */
  cancel(): void;
}
