/** A timer that can be taken back. */
export interface NbdTimer {
  cancel(): void;
}

/** Monotonic time and timers, so that everything with a deadline can run on a virtual clock. */
export interface NbdClock {
  /** Monotonic milliseconds from an arbitrary origin. */
  now(): number;
  setTimer(afterMs: number, callback: () => void): NbdTimer;
}
