import { Prng } from '@holdfast/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type RangeHold, RangeLocks } from './range-lock.js';

describe('range locks', () => {
  it('lets readers of one range in together, and a writer only after them', () => {
    const locks = new RangeLocks();
    const order: string[] = [];
    const first = locks.acquire(0, 4096, false, () => order.push('reader 1'));
    const second = locks.acquire(0, 4096, false, () => order.push('reader 2'));
    locks.acquire(0, 4096, true, () => order.push('writer'));
    expect(order).toEqual(['reader 1', 'reader 2']);
    locks.release(first);
    expect(order).toHaveLength(2);
    locks.release(second);
    expect(order).toEqual(['reader 1', 'reader 2', 'writer']);
  });

  it('does not let a reader overtake a waiting writer', () => {
    const locks = new RangeLocks();
    const order: string[] = [];
    const reader = locks.acquire(0, 10, false, () => order.push('reader 1'));
    const writer = locks.acquire(5, 10, true, () => order.push('writer'));
    locks.acquire(12, 1, false, () => order.push('reader 2'));
    locks.release(reader);
    expect(order).toEqual(['reader 1', 'writer']);
    locks.release(writer);
    expect(order).toEqual(['reader 1', 'writer', 'reader 2']);
  });

  it('grants nothing to a hold that was given back while it waited', () => {
    const locks = new RangeLocks();
    const first = locks.acquire(0, 1, true, () => undefined);
    let granted = false;
    const second = locks.acquire(0, 1, true, () => (granted = true));
    locks.release(second);
    locks.release(first);
    expect(granted).toBe(false);
    expect(locks.size).toBe(0);
  });

  it('opens a range to writers and not to readers, until it is given back', () => {
    const locks = new RangeLocks();
    const order: string[] = [];
    const kept = locks.acquire(0, 10, true, () => order.push('first'));
    const writer = locks.acquire(5, 10, true, () => order.push('waiting writer'));
    locks.admitWriters(kept);
    expect(order).toEqual(['first', 'waiting writer']);
    locks.release(writer);
    locks.acquire(0, 1, false, () => order.push('reader'));
    const later = locks.acquire(5, 1, true, () => order.push('later writer'));
    expect(order).toEqual(['first', 'waiting writer', 'later writer']);
    locks.release(later);
    locks.release(kept);
    expect(order.at(-1)).toBe('reader');
    expect(locks.size).toBe(1);
  });

  it('agrees with a list that is searched from the front, whatever comes', () => {
    const mib = 1024 * 1024;
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = new Prng(seed);
        const locks = new RangeLocks();
        const dumb: {
          from: number;
          to: number;
          exclusive: boolean;
          granted: boolean;
          hold: RangeHold | undefined;
        }[] = [];
        const conflicts = (a: (typeof dumb)[number], b: (typeof dumb)[number]): boolean =>
          a.from < b.to && b.from < a.to && (a.exclusive || b.exclusive);
        for (let step = 0; step < 60; step += 1) {
          if (random.below(3) > 0 || dumb.length === 0) {
            const from = random.below(4) * mib - random.below(2) * Math.min(1, step) + 1;
            const entry = {
              from,
              to: from + 1 + random.below(2 * mib),
              exclusive: random.below(2) === 0,
              granted: false,
              hold: undefined as RangeHold | undefined,
            };
            dumb.push(entry);
            entry.hold = locks.acquire(
              entry.from,
              entry.to - entry.from,
              entry.exclusive,
              () => (entry.granted = true),
            );
          } else {
            const [gone] = dumb.splice(random.below(dumb.length), 1);
            if (gone?.hold !== undefined) locks.release(gone.hold);
          }
          const wrong = dumb.findIndex(
            (entry, index) =>
              entry.granted === dumb.slice(0, index).some((earlier) => conflicts(earlier, entry)),
          );
          if (wrong >= 0)
            throw new Error(
              `step ${String(step)}: hold ${String(wrong)} is ${dumb[wrong]?.granted ? '' : 'not '}granted`,
            );
        }
      }),
      { numRuns: 200 },
    );
  });
});
