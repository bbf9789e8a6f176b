import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../src/index.js';

describe('virtual time', () => {
  it('stands still until it is moved, and then every clock moves alike', async () => {
    const clock = new VirtualClock({ startMs: 500, wallStartMs: 1_000_000 });
    expect([clock.now(), clock.bootTime(), clock.wallTime()]).toEqual([500, 500, 1_000_000]);
    await clock.advance(250.5);
    expect([clock.now(), clock.bootTime(), clock.wallTime()]).toEqual([750.5, 750.5, 1_000_250.5]);
  });

  it('fires timers in the order of their times, and equal ones in the order they were set', async () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    clock.setTimer(20, () => fired.push('c'));
    clock.setTimer(10, () => fired.push('a'));
    clock.setTimer(10, () => fired.push('b'));
    clock.setTimer(15, () => fired.push('never')).cancel();
    await clock.advance(19);
    expect(fired).toEqual(['a', 'b']);
    await clock.advance(1);
    expect(fired).toEqual(['a', 'b', 'c']);
  });

  it('lets every promise run its course between two timers, however long its chain', async () => {
    const clock = new VirtualClock();
    const order: string[] = [];
    clock.setTimer(1, () => {
      void (async () => {
        for (let hop = 0; hop < 1_000; hop += 1) await Promise.resolve();
        order.push(`chain done at ${String(clock.now())}`);
      })();
    });
    clock.setTimer(1, () => order.push('second timer'));
    await clock.advance(1);
    expect(order).toEqual(['chain done at 1', 'second timer']);
  });

  it('fires timers that timers set, within the same move', async () => {
    const clock = new VirtualClock();
    const fired: number[] = [];
    const again = (): void => {
      fired.push(clock.now());
      if (fired.length < 5) clock.setTimer(10, again);
    };
    clock.setTimer(10, again);
    await clock.advance(1_000);
    expect(fired).toEqual([10, 20, 30, 40, 50]);
    expect(clock.now()).toBe(1_000);
  });

  it('runs until nothing is left, and says when something always is', async () => {
    const clock = new VirtualClock();
    clock.setTimer(300, () => undefined);
    expect(await clock.runUntilIdle()).toBe(true);
    expect(clock.now()).toBe(300);
    const renew = (): void => void clock.setTimer(10, renew);
    renew();
    expect(await clock.runUntilIdle(100)).toBe(false);
  });

  it('runs until a promise has settled', async () => {
    const clock = new VirtualClock();
    const late = new Promise<string>((resolve) => void clock.setTimer(40, () => resolve('there')));
    expect(await clock.run(late)).toBe('there');
    expect(clock.now()).toBe(40);
    await expect(clock.run(new Promise(() => undefined), 10)).rejects.toThrow(/no timer is left/);
    await expect(clock.run(Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  });

  it('is moved by one hand at a time and never back', async () => {
    const clock = new VirtualClock();
    const moving = clock.advance(10);
    await expect(clock.advance(10)).rejects.toThrow(TypeError);
    await moving;
    await expect(clock.advance(-1)).rejects.toThrow(TypeError);
    await clock.advance(5);
    expect(clock.now()).toBe(15);
  });

  it('never fires early and keeps order, for any timers (property)', async () => {
    const delays = fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { maxLength: 30 });
    const drifts = fc.array(fc.integer({ min: -500, max: 500 }), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(delays, drifts, async (afters, ppm) => {
        const clock = new VirtualClock();
        const views = ppm.map((driftPpm) => clock.process({ driftPpm }));
        const trueTimes: number[] = [];
        let early = 0;
        afters.forEach((after, index) => {
          const view = views[index % views.length]!;
          const due = view.now() + after;
          view.setTimer(after, () => {
            if (view.now() < due) early += 1;
            trueTimes.push(clock.now());
          });
        });
        expect(await clock.runUntilIdle(200)).toBe(true);
        expect(early).toBe(0);
        expect(trueTimes).toHaveLength(afters.length);
        expect(trueTimes).toEqual(trueTimes.slice().sort((a, b) => a - b));
      }),
      { numRuns: 50 },
    );
  });
});

describe('the clocks of one process', () => {
  it('drift: a fast clock sees more time pass and its timers come sooner', async () => {
    const clock = new VirtualClock();
    const fast = clock.process({ driftPpm: 100_000 });
    let firedAt = 0;
    fast.setTimer(110, () => (firedAt = clock.now()));
    await clock.advance(1_000);
    expect(fast.now()).toBeCloseTo(1_100, 6);
    expect(firedAt).toBeCloseTo(100, 6);
    fast.setDriftPpm(0);
    await clock.advance(1_000);
    expect(fast.now()).toBeCloseTo(2_100, 6);
  });

  it('drift: rounding does not let a timer see a time before its own', async () => {
    const clock = new VirtualClock();
    const slow = clock.process({ driftPpm: -500 });
    const seen: number[] = [];
    for (const after of [1, 2, 4]) slow.setTimer(after, () => seen.push(slow.now()));
    await clock.runUntilIdle();
    // One divided by this rate and multiplied by it again is a little less than one.
    expect(seen).toEqual([1, 2, 4]);
  });

  it('stopped: timers fire late, all at resume, and time has jumped', async () => {
    const clock = new VirtualClock();
    const process = clock.process({ name: 'alpha' });
    const fired: number[] = [];
    for (const after of [10, 20, 900]) process.setTimer(after, () => fired.push(process.now()));
    process.pause();
    await clock.advance(500);
    expect(fired).toEqual([]);
    process.resume();
    await clock.advance(0);
    expect(fired).toEqual([500, 500]);
    expect(process.bootTime()).toBe(500);
    await clock.advance(400);
    expect(fired).toEqual([500, 500, 900]);
  });

  it('asleep: the monotonic clock stands, boot time does not, and timers wait out the rest', async () => {
    const clock = new VirtualClock();
    const laptop = clock.process();
    let firedAt = -1;
    laptop.setTimer(100, () => (firedAt = clock.now()));
    await clock.advance(40);
    laptop.pause('monotonic');
    await clock.advance(1_000);
    laptop.resume();
    expect([laptop.now(), laptop.bootTime()]).toEqual([40, 1_040]);
    await clock.advance(60);
    expect(firedAt).toBe(1_100);
  });

  it('frozen by a hypervisor: no clock of it shows anything', async () => {
    const clock = new VirtualClock();
    const guest = clock.process();
    await clock.advance(5);
    guest.pause('all');
    await clock.advance(1_000);
    guest.resume();
    await clock.advance(5);
    expect([guest.now(), guest.bootTime(), guest.wallTime() - Date.UTC(2026, 0, 1)]).toEqual([10, 10, 10]);
  });

  it('a step moves the wall clock alone', async () => {
    const clock = new VirtualClock();
    const process = clock.process();
    process.stepWallTime(-3_600_000);
    expect(process.wallTime()).toBe(Date.UTC(2025, 11, 31, 23));
    expect(process.now()).toBe(0);
  });
});
