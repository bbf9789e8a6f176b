import { type Clock, type Millis, type Timer } from '@holdfast/core';
import { uptime } from 'node:os';

/** How far the wall clock may run away from the monotonic one before sleep is suspected. It is read in whole milliseconds. */
const WALL_JUMP_MS = 2;

/** Without suspicion the time slept is measured again after this long, so that a sleep hidden by a wall clock set back shows. */
const REMEASURE_AFTER_MS = 10;

/**
 * The clocks of this machine. Make one per process and hand it on.
 *
 * `now` is CLOCK_MONOTONIC counted from the start of the process, exact to the microsecond. `bootTime` is CLOCK_BOOTTIME as far as Node shows
 * it: the operating system tells its uptime in steps of 10 ms and at some microseconds per question, too coarse and too dear
 * for a question per read. So `bootTime` is `now` plus the time slept, and the time slept is measured again
 *
 * - at every call where the wall clock has moved 2 ms more or less than `now` since the last measurement. The kernel adds a
 *   sleep to the wall clock and to boot time in one and the same update, so the first call after a sleep sees it;
 * - and 10 ms after the last measurement in any case, in case somebody set the wall clock back by just the time slept.
 *
 * The time slept never shrinks, so the largest measurement stands: right after a sleep `bootTime` may be 10 ms short of the truth,
 * and never ahead of it. A hypervisor that stops every clock of the machine is not seen: no clock of the guest shows it.
 */
export function systemClock(): Clock {
  return new SystemClock();
}

class SystemClock implements Clock {
  private sleptMs: number;
  /** Wall clock minus monotonic clock at the last measurement. */
  private wallOffset: number;
  private measuredAt: Millis;

  constructor() {
    this.sleptMs = measureFromStepToStep();
    this.measuredAt = performance.now();
    this.wallOffset = Date.now() - this.measuredAt;
  }

  now(): Millis {
    return performance.now();
  }

  bootTime(): Millis {
    const now = performance.now();
    const wallOffset = Date.now() - now;
    if (
      Math.abs(wallOffset - this.wallOffset) >= WALL_JUMP_MS ||
      now - this.measuredAt >= REMEASURE_AFTER_MS
    ) {
      this.sleptMs = Math.max(this.sleptMs, uptime() * 1000 - performance.now());
      this.measuredAt = now;
      this.wallOffset = wallOffset;
    }
    return now + this.sleptMs;
  }

  wallTime(): number {
    return Date.now();
  }

  setTimer(afterMs: number, callback: () => void): Timer {
    return new SystemTimer(afterMs, callback);
  }
}

/** Node's timers count whole milliseconds of a cached clock and may fire up to one early; the Clock port forbids that. */
class SystemTimer implements Timer {
  private readonly dueAt: Millis;
  private readonly callback: () => void;
  private handle: ReturnType<typeof setTimeout>;

  constructor(afterMs: number, callback: () => void) {
    this.dueAt = performance.now() + afterMs;
    this.callback = callback;
    this.handle = setTimeout(this.fire, Math.min(afterMs, LONGEST_TIMEOUT_MS));
  }

  cancel(): void {
    clearTimeout(this.handle);
  }

  private readonly fire = (): void => {
    const missingMs = this.dueAt - performance.now();
    if (missingMs <= 0) this.callback();
    else this.handle = setTimeout(this.fire, Math.min(Math.ceil(missingMs), LONGEST_TIMEOUT_MS));
  };
}

/** Node fires a longer timeout at once. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** Some ten milliseconds' worth, where a question takes a few microseconds. */
const MAX_QUESTIONS = 10_000;

/** Waits for the uptime to step, at most some 10 ms, so that the first value is not up to one step short. */
function measureFromStepToStep(): number {
  const first = uptime();
  let second = uptime();
  for (let count = 0; second === first && count < MAX_QUESTIONS; count += 1) second = uptime();
  return second * 1000 - performance.now();
}
