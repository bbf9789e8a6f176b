import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { operationWindow } from '../path/messages.js';
import { frameTypes } from '../wire/index.js';
import { LatencyHistogram } from './latency.js';
import { PendingRequest } from './pending-request.js';
import { RequestTable } from './request-table.js';

function request(type: number, lengthBytes = 512): PendingRequest {
  const write = type === frameTypes.pathWrite;
  const frameType = write ? frameTypes.pathWrite : frameTypes.pathRead;
  return new PendingRequest(
    frameType,
    0,
    0,
    lengthBytes,
    new Uint8Array(write ? lengthBytes : 0),
    0,
    0,
    () => undefined,
  );
}

describe('the table of requests', () => {
  it('knows below which number every write was answered, in whatever order answers come', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(20))), (acts) => {
        const table = new RequestTable(1_000, 1_000_000);
        const unanswered = new Set<PendingRequest>();
        let writes = 0;
        for (const [add, pick] of acts) {
          if (add || unanswered.size === 0) {
            const next = request(pick % 3 === 0 ? frameTypes.pathRead : frameTypes.pathWrite);
            table.add(next);
            unanswered.add(next);
            if (next.isWrite) writes++;
          } else {
            const answered = [...unanswered][pick % unanswered.size];
            if (answered === undefined) continue;
            table.remove(answered);
            unanswered.delete(answered);
          }
          const open = [...unanswered].filter(({ isWrite }) => isWrite).map(({ operation }) => operation);
          expect(table.acknowledgedBelow).toBe(Math.min(writes + 1, ...open));
          expect([...table.all()].map(({ id }) => id)).toEqual([...unanswered].map(({ id }) => id));
        }
      }),
    );
  });

  it('lets nobody overtake one that waits for room', () => {
    const table = new RequestTable(10, 1_000);
    const [large, larger, small] = [800, 900, 10].map((lengthBytes) =>
      request(frameTypes.pathWrite, lengthBytes),
    );
    if (large === undefined || larger === undefined || small === undefined) throw new Error('three');
    expect([large, larger, small].map((one) => table.add(one))).toEqual([true, false, false]);
    expect(table.next()).toBeUndefined();
    table.remove(large);
    expect(table.next()).toBe(larger);
    expect(table.next()).toBe(small);
    expect(small.operation).toBe(3);
  });

  it('lets one request through that is larger than the bound, alone', () => {
    const table = new RequestTable(10, 1_000);
    expect(table.add(request(frameTypes.pathRead, 5_000))).toBe(true);
    expect(table.add(request(frameTypes.pathRead, 1))).toBe(false);
  });

  it('stops numbering writes too far ahead of the oldest unanswered one', () => {
    const table = new RequestTable(10, 1_000_000);
    const stuck = request(frameTypes.pathWrite);
    table.add(stuck);
    for (let count = 1; count < operationWindow; count++) {
      const next = request(frameTypes.pathWrite, 0);
      if (!table.add(next)) throw new Error(`write ${String(count)} has to wait`);
      table.remove(next);
    }
    expect(table.add(request(frameTypes.pathWrite))).toBe(false);
    table.remove(stuck);
    expect(table.next()).toBeDefined();
  }, 30_000);
});

describe('the histogram of latencies', () => {
  it('is right to a few percent, from microseconds to minutes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.001, max: 100_000, noNaN: true }), { minLength: 1 }),
        (times) => {
          const histogram = new LatencyHistogram();
          for (const time of times) histogram.record(time);
          const window = histogram.take();
          const sorted = [...times].sort((a, b) => a - b);
          const exact = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
          expect(window.count).toBe(times.length);
          expect(window.maxMs).toBe(exact(1));
          for (const [got, wanted] of [
            [window.p50Ms, exact(0.5)],
            [window.p99Ms, exact(0.99)],
          ] as const) {
            expect(Math.abs(got - wanted) / wanted).toBeLessThan(0.05);
          }
          expect(histogram.take()).toEqual({ count: 0, meanMs: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 });
        },
      ),
    );
  });
});
