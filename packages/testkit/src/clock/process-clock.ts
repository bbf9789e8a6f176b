import type { Clock, Millis, Timer } from '@holdfast/core';
import { TimerHeap } from './timer-heap.js';

export interface ProcessClockOptions {
  /** For people. */
  readonly name?: string;
  /** How much faster (or, negative, slower) this process's clocks run than true time, in parts per million. Default 0. */
  readonly driftPpm?: number;
}

/**
 * Which clocks of the process stand still while it is paused. `none`: it was stopped (SIGSTOP, a long garbage collection) and
 * every clock runs on. `monotonic`: its machine sleeps, and only boot and wall time run on. `all`: a hypervisor froze the machine,
 * and no clock of it shows that.
 */
export type PauseStops = 'none' | 'monotonic' | 'all';

export interface TrueTime {
  trueNow(): Millis;
  nextTimerNumber(): number;
}

/** The clocks of one process in a simulation, with what happens to clocks: drift, pauses and steps. */
export class ProcessClock implements Clock {
  readonly name: string;
  private readonly truth: TrueTime;
  private readonly timers = new TimerHeap();
  private rate: number;
  private pausedBy: PauseStops | undefined;
  /** Readings at `anchoredAt`; between two changes every clock is a straight line. */
  private anchoredAt: Millis;
  private monotonic: Millis;
  private boot: Millis;
  private wall: number;
  private notBefore: Millis = Number.NEGATIVE_INFINITY;

  constructor(
    truth: TrueTime,
    start: { readonly monotonic: Millis; readonly wall: number },
    options: ProcessClockOptions,
  ) {
    this.name = options.name ?? 'process';
    this.truth = truth;
    this.rate = 1 + (options.driftPpm ?? 0) / 1_000_000;
    this.anchoredAt = truth.trueNow();
    this.monotonic = start.monotonic;
    this.boot = start.monotonic;
    this.wall = start.wall;
  }

  get paused(): boolean {
    return this.pausedBy !== undefined;
  }

  now(): Millis {
    return this.pausedBy === 'all' || this.pausedBy === 'monotonic'
      ? this.monotonic
      : Math.max(this.notBefore, this.monotonic + this.passed());
  }

  bootTime(): Millis {
    return this.boot + (this.pausedBy === 'all' ? 0 : this.passed());
  }

  wallTime(): number {
    return this.wall + (this.pausedBy === 'all' ? 0 : this.passed());
  }

  setTimer(afterMs: number, callback: () => void): Timer {
    const timer = {
      localDueAt: this.now() + Math.max(0, afterMs),
      number: this.truth.nextTimerNumber(),
      callback: callback as (() => void) | undefined,
    };
    this.timers.push(timer);
    return { cancel: () => (timer.callback = undefined) };
  }

  /** From now on. */
  setDriftPpm(driftPpm: number): void {
    this.anchor();
    this.rate = 1 + driftPpm / 1_000_000;
  }

  /** Somebody sets the wall clock: it jumps, the others do not. */
  stepWallTime(byMs: number): void {
    this.anchor();
    this.wall += byMs;
  }

  /** From now on no timer of this process fires; those that fall due do so at `resume`, late. Whatever else calls into it is the test's matter. */
  pause(stops: PauseStops = 'none'): void {
    this.anchor();
    this.pausedBy = stops;
  }

  resume(): void {
    this.anchor();
    this.pausedBy = undefined;
  }

  /** In true time; undefined when nothing will fire as things stand. Used by the virtual clock. */
  nextTimer(): { readonly dueAt: Millis; readonly number: number } | undefined {
    if (this.pausedBy !== undefined) return undefined;
    const head = this.timers.peek();
    if (head === undefined) return undefined;
    const waitMs = Math.max(0, head.localDueAt - this.monotonic) / this.rate;
    return { dueAt: this.anchoredAt + waitMs, number: head.number };
  }

  /** Used by the virtual clock, when true time has come. */
  fireNext(): void {
    const timer = this.timers.pop();
    if (timer?.callback === undefined) return;
    // Rounding must not let a timer see a time before its own.
    this.notBefore = Math.max(this.notBefore, timer.localDueAt);
    const { callback } = timer;
    timer.callback = undefined;
    callback();
  }

  /** On this process's clocks, since the last change. */
  private passed(): Millis {
    return (this.truth.trueNow() - this.anchoredAt) * this.rate;
  }

  /** Before every change: what was passed at the old rate is passed. Only then, so that sums of roundings stay out of the readings. */
  private anchor(): void {
    const monotonic = this.now();
    const boot = this.bootTime();
    this.wall = this.wallTime();
    this.monotonic = monotonic;
    this.boot = boot;
    this.anchoredAt = this.truth.trueNow();
  }
}
