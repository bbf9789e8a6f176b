import type { Clock, DurationMs, Millis, Timer } from '@holdfast/core';
import { ProcessClock, type ProcessClockOptions } from './process-clock.js';
import { settle } from './settle.js';

export interface VirtualClockOptions {
  /** What `now` and `bootTime` begin with. Default 0. */
  readonly startMs?: Millis;
  /** What `wallTime` begins with, in milliseconds since 1970. Default 2026-01-01T00:00:00Z. */
  readonly wallStartMs?: number;
}

/** Timers that may fire in one call of `advance` before it is taken to be caught in a loop. */
const MAX_TIMERS_PER_ADVANCE = 50_000_000;

/**
 * Time that stands still until a test moves it. Timers fire in the order of their times, and after each one every promise
 * that it settled has run its course, so that a test sees the same order on every run.
 *
 * The clock itself is true time. Each process of a simulation takes its own view with `process`, which may drift, pause and step.
 */
export class VirtualClock implements Clock {
  private trueNow: Millis = 0;
  private timerCount = 0;
  private moving = false;
  private readonly views: ProcessClock[] = [];
  private readonly truth: ProcessClock;
  private readonly startMs: Millis;
  private readonly wallStartMs: number;

  constructor(options: VirtualClockOptions = {}) {
    this.startMs = options.startMs ?? 0;
    this.wallStartMs = options.wallStartMs ?? Date.UTC(2026, 0, 1);
    this.truth = this.process({ name: 'true time' });
  }

  now(): Millis {
    return this.truth.now();
  }

  bootTime(): Millis {
    return this.truth.bootTime();
  }

  wallTime(): number {
    return this.truth.wallTime();
  }

  setTimer(afterMs: number, callback: () => void): Timer {
    return this.truth.setTimer(afterMs, callback);
  }

  /** A view of its own for one process. Its clocks begin where the true ones stand now. */
  process(options: ProcessClockOptions = {}): ProcessClock {
    const view = new ProcessClock(
      {
        trueNow: () => this.trueNow,
        nextTimerNumber: () => (this.timerCount += 1),
      },
      { monotonic: this.startMs + this.trueNow, wall: this.wallStartMs + this.trueNow },
      options,
    );
    this.views.push(view);
    return view;
  }

  /** Lets everything run that waits for no timer. Time stands still. */
  async settle(): Promise<void> {
    await settle();
  }

  /** Moves true time by `durationMs` and fires what falls due, in order. */
  async advance(durationMs: DurationMs): Promise<void> {
    const target = this.trueNow + durationMs;
    await this.move(target, () => false);
    this.trueNow = target;
    await settle();
  }

  /**
   * Fires timers until none is left, at most `limitMs` of true time.
   * False: at the limit there were still timers, as with everything that renews a lease for ever.
   */
  async runUntilIdle(limitMs: DurationMs = 60_000): Promise<boolean> {
    await this.move(this.trueNow + limitMs, () => false);
    return this.next() === undefined;
  }

  /** Fires timers until `reached` says so. @throws TypeError when it has not after `limitMs` or when nothing is left to happen. */
  async runUntil(reached: () => boolean, limitMs: DurationMs = 60_000): Promise<void> {
    const startedAt = this.trueNow;
    await this.move(startedAt + limitMs, reached);
    if (!reached()) {
      const left = this.next() === undefined ? 'no timer is left' : 'timers are left';
      throw new TypeError(
        `Not reached after ${String(limitMs)} virtual ms from ${String(startedAt)} ms on; ${left}.`,
      );
    }
  }

  /** Moves time until `work` has settled, and gives back what came out. @throws what it rejects with; TypeError after `limitMs`. */
  async run<Result>(work: Promise<Result>, limitMs: DurationMs = 60_000): Promise<Result> {
    let settled = false;
    const done = (): void => {
      settled = true;
    };
    work.then(done, done);
    await this.runUntil(() => settled, limitMs);
    return work;
  }

  private async move(target: Millis, reached: () => boolean): Promise<void> {
    if (this.moving) throw new TypeError('Time is already being moved: await the call before.');
    if (!(target >= this.trueNow)) throw new TypeError(`Time does not go back to ${String(target)} ms.`);
    this.moving = true;
    try {
      await settle();
      for (let fired = 0; !reached(); fired += 1) {
        const next = this.next();
        if (next === undefined || next.dueAt > target) return;
        if (fired > MAX_TIMERS_PER_ADVANCE) throw new TypeError('Timers set each other without end.');
        this.trueNow = Math.max(this.trueNow, next.dueAt);
        next.view.fireNext();
        await settle();
      }
    } finally {
      this.moving = false;
    }
  }

  private next(): { readonly view: ProcessClock; readonly dueAt: Millis } | undefined {
    let best: ProcessClock | undefined;
    let bestDueAt = Number.POSITIVE_INFINITY;
    let bestNumber = 0;
    for (const view of this.views) {
      const head = view.nextTimer();
      if (head === undefined) continue;
      if (head.dueAt < bestDueAt || (head.dueAt === bestDueAt && head.number < bestNumber)) {
        best = view;
        bestDueAt = head.dueAt;
        bestNumber = head.number;
      }
    }
    return best === undefined ? undefined : { view: best, dueAt: bestDueAt };
  }
}
