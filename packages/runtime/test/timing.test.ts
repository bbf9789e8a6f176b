import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HoldfastError } from '@holdfast/core';
import { VirtualClock, recordingTelemetry, seededRandom } from '@holdfast/testkit';
import {
  Deadline,
  Limiter,
  type RetryPolicy,
  retry,
  retryDelayMs,
  sleep,
  withDeadline,
} from '../src/index.js';

const busy = new HoldfastError('UNREACHABLE', 'busy', { retryable: true });
const after = <Result>(clock: VirtualClock, ms: number, result: Result): Promise<Result> =>
  new Promise((resolve) => void clock.setTimer(ms, () => resolve(result)));

describe('a deadline', () => {
  it('gives the result when there is one in time, and leaves no timer', async () => {
    const clock = new VirtualClock();
    expect(await clock.run(withDeadline(clock, after(clock, 5, 'done'), { deadlineMs: 10 }))).toBe('done');
    await clock.runUntilIdle();
    expect(clock.now()).toBe(5);
  });

  it('ends the waiting, tells the work, and drops its late result', async () => {
    const clock = new VirtualClock();
    let told = false;
    const waiting = withDeadline(
      clock,
      async (signal) => {
        signal.addEventListener('abort', () => (told = true));
        return after(clock, 50, 'late');
      },
      { deadlineMs: 10, what: 'Asking the witness' },
    );
    await expect(clock.run(waiting)).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: 'Asking the witness did not end within 10 ms.',
    });
    expect(clock.now()).toBe(10);
    expect(told).toBe(true);
    await clock.runUntilIdle();
  });

  it('ends by an abort, and begins nothing for a caller that has gone', async () => {
    const clock = new VirtualClock();
    const abort = new AbortController();
    const waiting = withDeadline(clock, () => new Promise(() => undefined), { signal: abort.signal });
    abort.abort('enough');
    await expect(waiting).rejects.toMatchObject({ code: 'ABORTED', cause: 'enough' });
    let begun = false;
    const late = withDeadline(
      clock,
      async () => {
        begun = true;
      },
      { signal: abort.signal },
    );
    await expect(late).rejects.toMatchObject({ code: 'ABORTED' });
    expect(begun).toBe(false);
  });

  it('is shared by several calls', async () => {
    const clock = new VirtualClock();
    const deadline = Deadline.after(clock, 100);
    await clock.advance(30);
    expect(deadline.options()).toEqual({ deadlineMs: 70 });
    expect(deadline.options(undefined, 50)).toEqual({ deadlineMs: 50 });
    await clock.advance(100);
    expect([deadline.remainingMs, deadline.passed]).toEqual([0, true]);
    expect(Deadline.after(clock, undefined).options()).toEqual({});
  });

  it('sleeps, and wakes by an abort', async () => {
    const clock = new VirtualClock();
    await clock.run(sleep(clock, 25));
    expect(clock.now()).toBe(25);
    const abort = new AbortController();
    const asleep = sleep(clock, 25, abort.signal);
    abort.abort();
    await expect(asleep).rejects.toMatchObject({ code: 'ABORTED' });
    expect(await clock.runUntilIdle()).toBe(true);
    expect(clock.now()).toBe(25);
  });
});

describe('retrying', () => {
  const policy: RetryPolicy = { maxAttempts: 4, firstDelayMs: 100, factor: 2, maxDelayMs: 300, jitter: 0 };
  const setting = (overrides = {}) => {
    const clock = new VirtualClock();
    const telemetry = recordingTelemetry();
    return {
      clock,
      telemetry,
      options: { clock, random: seededRandom(1), policy, what: 'attach', telemetry, ...overrides },
    };
  };

  it('waits longer each time, up to the longest, and says so', async () => {
    const { clock, telemetry, options } = setting();
    const tries: number[] = [];
    const result = retry(async (attempt) => {
      tries.push(clock.now());
      if (attempt < 4) throw busy;
      return 'attached';
    }, options);
    expect(await clock.run(result)).toBe('attached');
    expect(tries).toEqual([0, 100, 300, 600]);
    expect(telemetry.ofKind('retry-progress').map((event) => event['delayMs'])).toEqual([100, 200, 300]);
    expect(telemetry.ofKind('retry-ended')).toMatchObject([{ attempts: 4, succeeded: true }]);
  });

  it('gives up after the last try with its error, and at once when no try can help', async () => {
    const { clock, options } = setting();
    let tries = 0;
    const failing = async (): Promise<never> => {
      tries += 1;
      throw busy;
    };
    await expect(clock.run(retry(failing, options))).rejects.toBe(busy);
    expect(tries).toBe(4);
    const wrong = new HoldfastError('CONFIG_INVALID', 'no such zone');
    tries = 0;
    const broken = async (): Promise<never> => {
      tries += 1;
      throw wrong;
    };
    await expect(clock.run(retry(broken, options))).rejects.toBe(wrong);
    expect(tries).toBe(1);
  });

  it('keeps to one deadline for all tries and waits', async () => {
    const { clock, options } = setting({ deadlineMs: 250 });
    await expect(clock.run(retry(async () => Promise.reject(busy), options))).rejects.toBe(busy);
    expect(clock.now()).toBeLessThanOrEqual(250);
    const hanging = retry(() => new Promise(() => undefined), options);
    await expect(clock.run(hanging)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  it('stops waiting at an abort', async () => {
    const abort = new AbortController();
    const { clock, options } = setting({ signal: abort.signal });
    const trying = retry(async () => Promise.reject(busy), options);
    const failure = expect(trying).rejects.toMatchObject({ code: 'ABORTED' });
    await clock.advance(50);
    abort.abort();
    await failure;
  });

  it('waits between the full delay and what the jitter leaves of it (property)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), async (seed, jitter) => {
        const { clock, telemetry, options } = setting({
          random: seededRandom(seed),
          policy: { ...policy, jitter },
        });
        await expect(clock.run(retry(async () => Promise.reject(busy), options))).rejects.toBe(busy);
        telemetry.ofKind('retry-progress').forEach((event, index) => {
          const full = retryDelayMs(policy, index + 1);
          expect(event['delayMs']).toBeLessThanOrEqual(full);
          expect(event['delayMs']).toBeGreaterThanOrEqual(full * (1 - jitter) - 1e-9);
        });
      }),
      { numRuns: 30 },
    );
  });

  it.each([
    [{ maxAttempts: 0 }, 'maxAttempts >= 1'],
    [{ factor: 0.5 }, 'factor >= 1'],
    [{ maxDelayMs: 1 }, 'firstDelayMs <= maxDelayMs'],
    [{ jitter: 2 }, 'jitter <= 1'],
  ])('refuses %o', async (wrong, relation) => {
    const { options } = setting({ policy: { ...policy, ...wrong } });
    await expect(retry(async () => undefined, options)).rejects.toThrow(relation);
  });
});

describe('a limiter', () => {
  it('lets so many go on, the others in order of arrival, and none overtakes a heavy one', async () => {
    const clock = new VirtualClock();
    const limiter = new Limiter({ maxRunning: 10 });
    const began: string[] = [];
    const call = (name: string, weight: number): Promise<void> =>
      limiter.run(
        async () => {
          began.push(`${name} ${String(clock.now())}`);
          await sleep(clock, 10);
        },
        { weight },
      );
    const all = Promise.all([call('a', 5), call('b', 4), call('heavy', 8), call('light', 1)]);
    await clock.run(all);
    expect(began).toEqual(['a 0', 'b 0', 'heavy 10', 'light 10']);
    expect(limiter.running).toBe(0);
  });

  it('never has more under way than it may, whatever comes and goes (property)', async () => {
    const job = fc.record({
      weight: fc.integer({ min: 1, max: 5 }),
      ms: fc.nat({ max: 20 }),
      abortAt: fc.option(fc.nat({ max: 20 })),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(job, { maxLength: 20 }), async (jobs) => {
        const clock = new VirtualClock();
        const limiter = new Limiter({ maxRunning: 5 });
        let under = 0;
        let most = 0;
        const results = jobs.map(({ weight, ms, abortAt }) => {
          const abort = new AbortController();
          if (abortAt !== null) clock.setTimer(abortAt, () => abort.abort());
          const work = async (): Promise<void> => {
            under += weight;
            most = Math.max(most, under);
            await sleep(clock, ms);
            under -= weight;
          };
          return limiter.run(work, { weight, signal: abort.signal }).catch(() => undefined);
        });
        await clock.run(Promise.all(results).then(() => undefined));
        expect(most).toBeLessThanOrEqual(5);
        expect([limiter.running, limiter.waiting]).toEqual([0, 0]);
      }),
      { numRuns: 50 },
    );
  });

  it('refuses what could never go, and a queue that is too long', async () => {
    const limiter = new Limiter({ maxRunning: 1, maxWaiting: 1 });
    await expect(limiter.run(async () => undefined, { weight: 2 })).rejects.toMatchObject({
      code: 'REFUSED',
      retryable: false,
    });
    const forever = new Promise<void>(() => undefined);
    void limiter.run(() => forever);
    void limiter.run(() => forever);
    await expect(limiter.run(() => forever)).rejects.toMatchObject({ code: 'REFUSED', retryable: true });
  });

  it('makes room after work that failed', async () => {
    const limiter = new Limiter({ maxRunning: 1 });
    await expect(limiter.run(async () => Promise.reject(busy))).rejects.toBe(busy);
    expect(await limiter.run(async () => 'next')).toBe('next');
  });
});
