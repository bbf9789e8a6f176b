import type { Clock, Millis, Timer } from '@holdfast/core';

/** The process did not run for longer than it may, without its own doing: a stop, a long collection, a sleep of the machine. */
export interface Stall {
  readonly kind: 'clock-stalled';
  /** How long it did not run, by boot time. */
  readonly stallMs: number;
  /** How much of that its machine slept. */
  readonly sleptMs: number;
}

export interface StallWatchOptions {
  readonly clock: Clock;
  /** A stall longer than this is told. */
  readonly drainBoundMs: number;
  /** How often it looks; stalls shorter than this are not seen. Default: a quarter of `drainBoundMs`. */
  readonly sampleEveryMs?: number;
  /** `longestStallMs` looks back at least so far and at most twice as far. Default 60,000. */
  readonly windowMs?: number;
  /** Told of each long stall, once, as soon as the process runs again. Fit for `driver.dispatch`. */
  readonly stalled: (stall: Stall) => void;
}

export interface StallWatch {
  /** The longest stall of the last while, for status pages. */
  readonly longestStallMs: number;
  /**
   * Looks now. After a stop, input that has piled up may be handled before any timer fires: who acts on input only as long as
   * the process was awake asks here first. Costs two readings of the clock. True: all is well.
   */
  check(): boolean;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Watches whether this process gets to run in time. */
export function watchStalls(options: StallWatchOptions): StallWatch {
  return new Watch(options);
}

class Watch implements StallWatch {
  private readonly options: StallWatchOptions;
  private readonly sampleEveryMs: number;
  private readonly windowMs: number;
  private timer: Timer | undefined;
  private lastBoot: Millis;
  private lastNow: Millis;
  private windowBegan: Millis;
  private longestNow = 0;
  private longestBefore = 0;

  constructor(options: StallWatchOptions) {
    this.options = options;
    this.sampleEveryMs = options.sampleEveryMs ?? options.drainBoundMs / 4;
    this.windowMs = options.windowMs ?? 60_000;
    this.lastNow = options.clock.now();
    this.lastBoot = options.clock.bootTime();
    this.windowBegan = this.lastBoot;
    this.arm();
  }

  get longestStallMs(): number {
    return Math.max(this.longestNow, this.longestBefore);
  }

  check(): boolean {
    const { clock, drainBoundMs, stalled } = this.options;
    const now = clock.now();
    const boot = clock.bootTime();
    // Up to the next sample the process had nothing to do here; only what is beyond counts.
    const stallMs = Math.max(0, boot - this.lastBoot - this.sampleEveryMs);
    const sleptMs = Math.max(0, boot - this.lastBoot - (now - this.lastNow));
    if (stallMs === 0) return true;
    this.lastNow = now;
    this.lastBoot = boot;
    this.remember(stallMs, boot);
    if (stallMs <= drainBoundMs) return true;
    stalled({ kind: 'clock-stalled', stallMs, sleptMs });
    return false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.timer?.cancel();
    this.timer = undefined;
  }

  private arm(): void {
    this.timer = this.options.clock.setTimer(this.sampleEveryMs, () => {
      this.arm();
      this.check();
      this.lastNow = this.options.clock.now();
      this.lastBoot = this.options.clock.bootTime();
      this.remember(0, this.lastBoot);
    });
  }

  private remember(stallMs: number, boot: Millis): void {
    if (boot - this.windowBegan >= this.windowMs) {
      this.longestBefore = boot - this.windowBegan >= 2 * this.windowMs ? 0 : this.longestNow;
      this.longestNow = 0;
      this.windowBegan = boot;
    }
    this.longestNow = Math.max(this.longestNow, stallMs);
  }
}
