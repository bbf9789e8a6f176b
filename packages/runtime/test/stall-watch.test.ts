import { describe, expect, it } from 'vitest';
import { VirtualClock } from '@holdfast/testkit';
import { type Stall, watchStalls } from '../src/index.js';

function watched() {
  const truth = new VirtualClock();
  const process = truth.process();
  const stalls: Stall[] = [];
  const watch = watchStalls({
    clock: process,
    drainBoundMs: 100,
    windowMs: 1_000,
    stalled: (stall) => void stalls.push(stall),
  });
  return { truth, process, stalls, watch };
}

describe('watching for stalls', () => {
  it('sees nothing while all is well', async () => {
    const { truth, watch, stalls } = watched();
    await truth.advance(10_000);
    expect([watch.longestStallMs, stalls.length, watch.check()]).toEqual([0, 0, true]);
    await watch[Symbol.asyncDispose]();
    expect(await truth.runUntilIdle()).toBe(true);
  });

  it('tells of a stop longer than the bound, once, and remembers the shorter ones', async () => {
    const { truth, process, watch, stalls } = watched();
    process.pause();
    await truth.advance(90);
    process.resume();
    await truth.advance(50);
    expect(stalls).toEqual([]);
    expect(watch.longestStallMs).toBeCloseTo(65, 6);
    process.pause();
    await truth.advance(400);
    process.resume();
    await truth.advance(500);
    expect(stalls).toHaveLength(1);
    expect(stalls[0]?.stallMs).toBeGreaterThan(350);
    expect(stalls[0]?.sleptMs).toBe(0);
  });

  it('sees it at the very check, before any timer has fired', async () => {
    const { truth, process, watch, stalls } = watched();
    await truth.advance(25);
    process.pause();
    await truth.advance(300);
    process.resume();
    expect(watch.check()).toBe(false);
    expect(stalls).toMatchObject([{ kind: 'clock-stalled', stallMs: 275 }]);
    expect(watch.check()).toBe(true);
  });

  it('sees the sleep of a machine whose monotonic clock stood still', async () => {
    const { truth, process, watch, stalls } = watched();
    process.pause('monotonic');
    await truth.advance(5_000);
    process.resume();
    expect(watch.check()).toBe(false);
    expect(stalls).toMatchObject([{ stallMs: 4_975, sleptMs: 5_000 }]);
  });

  it('forgets after a while', async () => {
    const { truth, process, watch } = watched();
    process.pause();
    await truth.advance(90);
    process.resume();
    await truth.advance(900);
    expect(watch.longestStallMs).toBeGreaterThan(0);
    await truth.advance(2_000);
    expect(watch.longestStallMs).toBe(0);
  });
});
