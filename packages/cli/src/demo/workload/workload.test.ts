import { describe, expect, it } from 'vitest';
import { PauseMeter } from './pauses.js';
import { LatencyTimeline } from './samples.js';
import { type BlockClient, Workload } from './workload.js';

const mebibyte = 1024 * 1024;

/** Memory that answers in a later turn; `spoil` may refuse to keep a write, or fail. */
function memory(
  sizeBytes: number,
  spoil: (offset: number, count: number) => 'keep' | 'lose' | 'fail',
): BlockClient {
  const bytes = new Uint8Array(sizeBytes);
  const laterTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  let writes = 0;
  return {
    read: async (offset, length) => {
      await laterTurn();
      return bytes.slice(offset, offset + length);
    },
    write: async (offset, data) => {
      await laterTurn();
      writes += 1;
      const outcome = spoil(offset, writes);
      if (outcome === 'fail') throw new Error('the cable was pulled');
      if (outcome === 'keep') bytes.set(data, offset);
    },
    flush: async () => undefined,
  };
}

function workload(client: BlockClient, seed = 3): Workload {
  return new Workload({
    client,
    sizeBytes: 4 * mebibyte,
    seed,
    queueDepth: 16,
    requestsPerSecond: 0,
    hotBytes: mebibyte,
    scatteredSpots: 4,
    scatteredShare: 0.05,
    now: () => performance.now(),
    wait: () => Promise.resolve(),
  });
}

async function runFor(requests: number, client: BlockClient): Promise<Workload> {
  const load = workload(client);
  load.start();
  while (load.requests < requests) await new Promise((resolve) => setImmediate(resolve));
  await load.stop();
  await load.readAllBack();
  return load;
}

describe('the verifying workload', () => {
  it('finds nothing wrong with memory that keeps what it is given', async () => {
    const load = await runFor(
      400,
      memory(4 * mebibyte, () => 'keep'),
    );
    expect(load.faultCount).toBe(0);
    expect(load.errors).toEqual([]);
    expect(load.ledger.acknowledgedWrites).toBeGreaterThan(200);
  });

  it('finds the one write in ten that was acknowledged and dropped', async () => {
    const load = await runFor(
      400,
      memory(4 * mebibyte, (_offset, count) => (count % 10 === 0 ? 'lose' : 'keep')),
    );
    expect(load.faultCount).toBeGreaterThan(0);
    expect(load.faults[0]?.kind).toBe('lost');
  });

  it('counts a write that failed as one of unknown outcome, not as acknowledged, and blames nobody for it', async () => {
    const load = await runFor(
      400,
      memory(4 * mebibyte, (_offset, count) => (count % 50 === 0 ? 'fail' : 'keep')),
    );
    expect(load.faultCount).toBe(0);
    expect(load.ledger.indeterminateWrites).toBe(load.errors.length);
    expect(load.errors.length).toBeGreaterThan(0);
  });

  it('chooses the same requests for the same seed', async () => {
    const offsets = async (seed: number): Promise<readonly number[]> => {
      const seen: number[] = [];
      const load = workload(
        memory(4 * mebibyte, (offset) => (seen.push(offset), 'keep')),
        seed,
      );
      load.start();
      await load.stop();
      return seen.slice(0, 8);
    };
    expect(await offsets(1)).toEqual(await offsets(1));
    expect(await offsets(1)).not.toEqual(await offsets(2));
  });
});

describe('the meter of pauses', () => {
  it('counts the time between completions while something is outstanding, and no idle time', () => {
    let at = 0;
    const meter = new PauseMeter(() => at);
    meter.started();
    meter.started();
    at = 10;
    meter.completed();
    at = 700;
    meter.completed();
    at = 5000;
    meter.started();
    at = 5020;
    meter.completed();
    expect(meter.longest(0, 6000)).toEqual({ fromMs: 10, untilMs: 700 });
    expect(meter.longest(800, 6000)).toEqual({ fromMs: 5000, untilMs: 5020 });
  });

  it('counts a pause that has not ended', () => {
    let at = 0;
    const meter = new PauseMeter(() => at);
    meter.started();
    at = 900;
    expect(meter.runningMs).toBe(900);
    expect(meter.longest(0, 1000).untilMs).toBe(900);
  });
});

describe('the time line', () => {
  it('has a bin for every stretch, also for those without a completion', () => {
    const timeline = new LatencyTimeline(50);
    timeline.add(10, 1);
    timeline.add(20, 3);
    timeline.add(120, 90);
    expect(timeline.timeline()).toEqual([
      { fromMs: 0, completed: 2, medianMs: 3, longestMs: 3 },
      { fromMs: 50, completed: 0, medianMs: undefined, longestMs: undefined },
      { fromMs: 100, completed: 1, medianMs: 90, longestMs: 90 },
    ]);
  });
});
