import type { Clock } from '@holdfast/core';
import { check } from './expect.js';
import type {
  CaseContext,
  ConformanceCase,
  ConformanceFixture,
  ConformanceSuite,
  ConformanceTime,
} from './suite.js';

export interface ClockFixture extends ConformanceFixture {
  readonly clock: Clock;
  /** Needed when the clock under test is a virtual one: it moves it. Otherwise the suite waits in real time. */
  readonly time?: ConformanceTime;
}

type ClockContext = CaseContext<ClockFixture>;
type ClockCase = ConformanceCase<ClockFixture>;

/** Readings go through arithmetic; less than this is rounding. */
const ROUNDING_MS = 0.001;

/** bootTime may be read from a coarser source than now. */
const BOOT_TIME_STEP_MS = 20;

function fired(clock: Clock, afterMs: number): Promise<number> {
  return new Promise((resolve) => void clock.setTimer(afterMs, () => resolve(clock.now())));
}

const neverBack: ClockCase = {
  name: 'never goes back, neither now nor bootTime',
  run: async ({ fixture: { clock } }) => {
    let now = clock.now();
    let boot = clock.bootTime();
    for (let count = 0; count < 2000; count += 1) {
      if (count % 200 === 0) await fired(clock, 1);
      const [nextNow, nextBoot] = [clock.now(), clock.bootTime()];
      check(nextNow >= now, `now goes back from ${String(now)} to ${String(nextNow)} ms`);
      check(nextBoot >= boot, `bootTime goes back from ${String(boot)} to ${String(nextBoot)} ms`);
      [now, boot] = [nextNow, nextBoot];
    }
  },
};

const neverEarly: ClockCase = {
  name: 'fires a timer once, never before its time, and not inside setTimer',
  run: async ({ fixture: { clock }, random, sleep }: ClockContext) => {
    const counts: number[] = [];
    await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const afterMs = index < 3 ? 0 : random.unit() * 30;
        const setAt = clock.now();
        let inside = true;
        const at = await new Promise<number>((resolve) => {
          clock.setTimer(afterMs, () => {
            counts[index] = (counts[index] ?? 0) + 1;
            resolve(inside ? Number.NaN : clock.now());
          });
          inside = false;
        });
        check(!Number.isNaN(at), 'a timer fires before setTimer has returned');
        check(
          at - setAt >= afterMs - ROUNDING_MS,
          `a timer of ${String(afterMs)} ms fires after ${String(at - setAt)} ms`,
        );
      }),
    );
    await sleep(40);
    check(
      counts.every((count) => count === 1),
      'a timer fires more than once',
    );
  },
};

const cancelled: ClockCase = {
  name: 'does not call a timer that was cancelled, whenever and however often',
  run: async ({ fixture: { clock }, sleep }) => {
    let calls = 0;
    const count = (): void => void (calls += 1);
    clock.setTimer(0, count).cancel();
    const twice = clock.setTimer(5, count);
    twice.cancel();
    twice.cancel();
    // Both are due together: the first to fire cancels the other.
    const pair: { cancel(): void }[] = [];
    const first = clock.setTimer(10, () => pair[0]?.cancel());
    pair.push(clock.setTimer(10, count));
    const over = clock.setTimer(1, () => undefined);
    await sleep(30);
    over.cancel();
    first.cancel();
    await sleep(10);
    check(calls === 0, `${String(calls)} timers fired that had been cancelled`);
  },
};

const farAway: ClockCase = {
  name: 'does not fire a timer of years at once',
  run: async ({ fixture: { clock }, sleep }) => {
    let isFired = false;
    const timers = [2 ** 31, 2 ** 32 + 5, 1e12].map((afterMs) =>
      clock.setTimer(afterMs, () => {
        isFired = true;
      }),
    );
    await sleep(30);
    for (const timer of timers) timer.cancel();
    check(!isFired, 'a timer of 2^31 ms or more fired after 30 ms');
  },
};

const bootCountsAll: ClockCase = {
  name: 'counts in bootTime at least what it counts in now',
  run: async ({ fixture: { clock }, sleep }) => {
    const [now, boot] = [clock.now(), clock.bootTime()];
    await sleep(60);
    const lag = clock.now() - now - (clock.bootTime() - boot);
    check(
      lag <= BOOT_TIME_STEP_MS,
      `over 60 ms bootTime has fallen ${String(lag)} ms behind now: a lease would look younger than it is`,
    );
  },
};

const wall: ClockCase = {
  name: 'gives wallTime in milliseconds since 1970',
  run: async ({ fixture: { clock } }) => {
    const at = clock.wallTime();
    check(
      at > Date.UTC(2020, 0) && at < Date.UTC(2200, 0),
      `wallTime is ${String(at)}, which is no time of this or the next century in milliseconds since 1970`,
    );
  },
};

const nested: ClockCase = {
  name: 'goes on with its other timers when one of their callbacks sets another',
  run: async ({ fixture: { clock }, sleep }) => {
    const order: string[] = [];
    clock.setTimer(5, () => {
      order.push('first');
      clock.setTimer(0, () => order.push('set by the first'));
    });
    clock.setTimer(6, () => order.push('second'));
    await sleep(40);
    check(order.length === 3, `of three timers these fired: ${order.join(', ')}`);
  },
};

/** What `Clock` promises. */
export const clockSuite: ConformanceSuite<ClockFixture> = {
  port: 'clock',
  cases: [neverBack, neverEarly, cancelled, farAway, bootCountsAll, wall, nested],
};
