import { spawn } from 'node:child_process';
import type * as os from 'node:os';
import { uptime } from 'node:os';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock, systemRandom } from '../src/index.js';
import { eventually } from './eventually.js';

// Real sockets, files and processes take their time on a busy machine.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

afterEach(() => vi.restoreAllMocks());

/** The machine's clocks under the test's hand: sleeping stops the monotonic one only. */
function machine() {
  const time = { monotonic: 1_000, boot: 51_000, wall: 1_700_000_000_000 };
  vi.spyOn(performance, 'now').mockImplementation(() => time.monotonic);
  vi.spyOn(Date, 'now').mockImplementation(() => Math.floor(time.wall));
  mocked.uptime = () => {
    // Asking takes a moment, as it does in the system.
    time.monotonic += 0.004;
    time.boot += 0.004;
    time.wall += 0.004;
    return Math.floor(time.boot / 10) / 100;
  };
  return {
    time,
    run: (ms: number) => {
      time.monotonic += ms;
      time.boot += ms;
      time.wall += ms;
    },
    sleep: (ms: number) => {
      time.boot += ms;
      time.wall += ms;
    },
  };
}

const mocked: { uptime: (() => number) | undefined; asked: number } = { uptime: undefined, asked: 0 };
vi.mock('node:os', async (original) => {
  const real = await original<typeof os>();
  return {
    ...real,
    uptime: () => {
      mocked.asked += 1;
      return mocked.uptime?.() ?? real.uptime();
    },
  };
});
afterEach(() => (mocked.uptime = undefined));

describe('the clock of this machine', () => {
  it('never goes back, and tells boot and wall time', () => {
    const clock = systemClock();
    let last = clock.now();
    for (let count = 0; count < 10_000; count += 1) {
      const now = clock.now();
      expect(now).toBeGreaterThanOrEqual(last);
      last = now;
    }
    expect(Math.abs(clock.bootTime() - uptime() * 1000)).toBeLessThan(50);
    expect(Math.abs(clock.wallTime() - Date.now())).toBeLessThan(50);
  });

  it('fires timers in time and never early, even by a fraction', async () => {
    const clock = systemClock();
    const waits = Array.from({ length: 100 }, (_, index) => (index * 7.3) % 20);
    const lateness = await Promise.all(
      waits.map(
        (wait) =>
          new Promise<number>((resolve) => {
            const due = clock.now() + wait;
            clock.setTimer(wait, () => resolve(clock.now() - due));
          }),
      ),
    );
    expect(Math.min(...lateness)).toBeGreaterThanOrEqual(0);
  });

  it('cancels a timer, also one that had to be set again', async () => {
    const clock = systemClock();
    let fired = 0;
    const timer = clock.setTimer(5, () => (fired += 1));
    timer.cancel();
    await new Promise((resolve) => setTimeout(resolve, 15));
    expect(fired).toBe(0);
  });

  it('takes a timer longer than Node can: it is not fired at once', async () => {
    const clock = systemClock();
    let fired = false;
    const timer = clock.setTimer(2 ** 40, () => (fired = true));
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(fired).toBe(false);
    timer.cancel();
  });
});

describe('a machine that sleeps', () => {
  it('is seen at the very first call after it woke, within the resolution of the system', () => {
    const { run, sleep } = machine();
    const clock = systemClock();
    const before = clock.bootTime() - clock.now();
    run(3);
    sleep(5_000);
    const slept = clock.bootTime() - clock.now() - before;
    expect(slept).toBeGreaterThan(5_000 - 10);
    expect(slept).toBeLessThanOrEqual(5_000 + 10);
  });

  it('is seen within ten milliseconds even if the wall clock was set back by just the time slept', () => {
    const { run, sleep, time } = machine();
    const clock = systemClock();
    const before = clock.bootTime() - clock.now();
    run(1);
    sleep(5_000);
    time.wall -= 5_000;
    run(11);
    expect(clock.bootTime() - clock.now() - before).toBeGreaterThan(4_980);
  });

  it('is not imagined: a wall clock that is set changes nothing', () => {
    const { run, time } = machine();
    const clock = systemClock();
    const before = clock.bootTime() - clock.now();
    for (let count = 0; count < 1_000; count += 1) {
      run(0.7);
      if (count % 100 === 0) time.wall += count % 200 === 0 ? 3_600_000 : -3_600_000;
      const offset = clock.bootTime() - clock.now();
      // It may grow by the step of the first measurement, and by no more.
      expect(offset - before).toBeGreaterThan(-0.1);
      expect(offset - before).toBeLessThan(10.1);
    }
  });

  it('costs a question to the system at most every ten milliseconds', () => {
    const { run } = machine();
    const clock = systemClock();
    mocked.asked = 0;
    for (let count = 0; count < 10_000; count += 1) {
      run(0.01);
      clock.bootTime();
    }
    expect(mocked.asked).toBeLessThanOrEqual(11);
  });
});

describe('a process that was stopped', () => {
  it('finds that its clock has run on', async () => {
    // Stopped for real: SIGSTOP and SIGCONT, in a process of its own.
    const script = `
      const begin = performance.now();
      process.stdout.write('ready');
      const look = () => {
        const now = performance.now();
        if (now - last > 200) { process.stdout.write(' jumped'); process.exit(); }
        last = now;
        setTimeout(look, 1);
      };
      let last = begin;
      look();`;
    const child = spawn(process.execPath, ['-e', script]);
    let output = '';
    child.stdout.on('data', (chunk: Uint8Array) => (output += new TextDecoder().decode(chunk)));
    await eventually(() => output).toContain('ready');
    child.kill('SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 300));
    child.kill('SIGCONT');
    await new Promise((resolve) => child.once('exit', resolve));
    expect(output).toBe('ready jumped');
  });
});

describe('the randomness of this machine', () => {
  it('fills bytes and makes identities that do not repeat', () => {
    const random = systemRandom();
    const into = new Uint8Array(64);
    expect(random.bytes(into)).toBe(into);
    expect(new Set(into).size).toBeGreaterThan(10);
    const ids = new Set(Array.from({ length: 1_000 }, () => random.id()));
    expect(ids.size).toBe(1_000);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
  });
});
