import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OperationRanges } from './operation-ranges.js';
import { UnconfirmedWrites } from './unconfirmed-writes.js';

describe('writes that may be repeated', () => {
  it('are in the way of what overlaps them until their clients have the answers', () => {
    const happening = fc.oneof(
      fc.record({
        kind: fc.constant('write' as const),
        from: fc.nat(40),
        length: fc.integer({ min: 1, max: 8 }),
      }),
      fc.record({ kind: fc.constant('confirm' as const), upTo: fc.nat(200) }),
    );
    fc.assert(
      fc.property(
        fc.array(happening, { maxLength: 200 }),
        fc.nat(40),
        fc.integer({ min: 1, max: 8 }),
        (all, from, length) => {
          const done = new OperationRanges();
          const writes = new UnconfirmedWrites();
          // The dumb reference keeps them all.
          const kept: { from: number; end: number; operation: number }[] = [];
          for (const each of all) {
            if (each.kind === 'confirm') {
              done.raiseFloor(Math.min(each.upTo, kept.length + 1));
              continue;
            }
            const operation = kept.length + 1;
            kept.push({ from: each.from, end: each.from + each.length, operation });
            writes.add(each.from, each.from + each.length, operation, done);
          }
          const open = kept.filter(({ operation }) => operation >= done.floor);
          expect(writes.isEmpty).toBe(open.length === 0);
          expect(writes.overlaps(from, from + length)).toBe(
            open.some((one) => one.from < from + length && from < one.end),
          );
        },
      ),
    );
  });

  it('do not pile up while they are confirmed', () => {
    const done = new OperationRanges();
    const writes = new UnconfirmedWrites();
    for (let operation = 1; operation <= 100_000; operation += 1) {
      writes.add(operation, operation + 1, operation, done);
      done.raiseFloor(operation - 8);
    }
    expect((writes as unknown as { writes: unknown[] }).writes.length).toBeLessThanOrEqual(64);
  });
});
