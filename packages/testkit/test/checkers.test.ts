import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Prng } from '@holdfast/core';
import { type BlockOperation, checkBlockHistory, checkBySearch, checkZones } from '../src/index.js';

const write = (value: number, startedAt: number, endedAt: number, block = 0): BlockOperation => ({
  kind: 'write',
  block,
  value,
  startedAt,
  endedAt,
});
const read = (value: number, startedAt: number, endedAt: number, block = 0): BlockOperation => ({
  kind: 'read',
  block,
  value,
  startedAt,
  endedAt,
});

const stories: readonly [string, boolean, readonly BlockOperation[]][] = [
  ['nothing', true, []],
  ['a read of a fresh block', true, [read(0, 1, 2)]],
  ['a read after a write', true, [write(1, 1, 2), read(1, 3, 4)]],
  ['a stale read after an acknowledged write', false, [write(1, 1, 2), read(0, 3, 4)]],
  ['a read during a write may see either', true, [write(1, 1, 9), read(0, 2, 3), read(1, 4, 5)]],
  ['old after new, while the write is still going on', false, [write(1, 1, 9), read(1, 2, 3), read(0, 4, 5)]],
  ['a value from nowhere', false, [read(7, 1, 2)]],
  ['a value from the future', false, [read(1, 1, 2), write(1, 3, 4)]],
  [
    'two writes at once, and readers that disagree on the order',
    false,
    [write(1, 1, 9), write(2, 1, 9), read(1, 2, 3), read(2, 4, 5), read(1, 6, 7)],
  ],
  ['an acknowledged write that is gone', false, [write(1, 1, 2), write(2, 3, 4), read(1, 5, 6)]],
  ['a write without an answer that never happened', true, [write(1, 1, Infinity), read(0, 5, 6)]],
  [
    'a write without an answer that happened late',
    true,
    [write(1, 1, Infinity), read(0, 5, 6), read(1, 7, 8)],
  ],
  [
    'a write without an answer that came and went',
    false,
    [write(1, 1, Infinity), read(1, 5, 6), read(0, 7, 8)],
  ],
  [
    'an old write without an answer that comes back over a newer one is still one order',
    true,
    [write(1, 1, Infinity), write(2, 3, 4), read(2, 5, 6), read(1, 7, 8)],
  ],
  ['but not twice', false, [write(1, 1, Infinity), write(2, 3, 4), read(1, 5, 6), read(2, 7, 8)]],
  ['an end at the time of a start is an overlap', true, [write(1, 1, 5), read(0, 5, 6)]],
];

describe('a block is a register', () => {
  it.each(stories)('%s: %s', (_name, ok, history) => {
    expect(checkZones(0, history) === undefined).toBe(ok);
    expect(checkBySearch(0, history) === undefined).toBe(ok);
    expect(checkBlockHistory(history).ok).toBe(ok);
  });

  it('shows the operations that contradict each other', () => {
    const { violations } = checkBlockHistory([
      write(1, 1, 2),
      { ...read(0, 3, 4), client: 'host-a' },
      write(9, 50, 60),
    ]);
    expect(violations).toHaveLength(1);
    expect(violations[0]?.reason).toContain('write 1 [1 .. 2]');
    expect(violations[0]?.reason).toContain('host-a: read 0 [3 .. 4]');
    expect(violations[0]?.reason).not.toContain('write 9');
  });

  it('looks at each block alone', () => {
    const check = checkBlockHistory([
      write(1, 1, 2, 0),
      read(0, 3, 4, 1),
      read(0, 3, 4, 2),
      write(2, 1, 2, 2),
    ]);
    expect(check).toMatchObject({ ok: false, blocks: 3, operations: 4 });
    expect(check.violations.map(({ block }) => block)).toEqual([2]);
  });

  it('takes a repeated write of a client without numbers as two operations', () => {
    expect(
      checkBlockHistory([
        write(1, 1, Infinity),
        write(1, 5, 6),
        write(2, 7, 8),
        read(2, 9, 10),
        read(1, 11, 12),
      ]).ok,
    ).toBe(true);
    expect(checkBlockHistory([write(1, 1, 2), write(1, 5, 6), write(2, 7, 8), read(1, 11, 12)]).ok).toBe(
      false,
    );
  });

  it('refuses what is no history', () => {
    for (const wrong of [write(0, 1, 2), write(1, 3, 2), read(1, 3, Infinity), read(1, NaN, 2)]) {
      expect(() => checkBlockHistory([wrong])).toThrow(TypeError);
    }
  });
});

/** Any small history at all: most of these are impossible. */
const anyHistory = fc
  .array(
    fc.record({
      isWrite: fc.boolean(),
      pick: fc.nat({ max: 5 }),
      start: fc.nat({ max: 12 }),
      length: fc.nat({ max: 8 }),
      answered: fc.boolean(),
    }),
    {
      maxLength: 9,
    },
  )
  .map((raw): BlockOperation[] => {
    let stamp = 0;
    return raw.map(({ isWrite, pick, start, length, answered }) =>
      isWrite
        ? write((stamp += 1), start, answered ? start + length : Infinity)
        : read(pick, start, start + length),
    );
  });

/** What a real register would have given: each operation takes effect at one moment inside it. */
function honestHistory(seed: number, count: number, clients: number): BlockOperation[] {
  const random = new Prng(seed);
  const planned = Array.from({ length: count }, (_, index) => {
    const startedAt = Math.floor(index / clients) * 10 + random.below(10);
    const endedAt = startedAt + random.below(25);
    return {
      isWrite: random.below(2) === 0,
      startedAt,
      endedAt,
      at: startedAt + random.unit() * (endedAt - startedAt),
      lost: random.below(8) === 0,
    };
  });
  let value = 0;
  let stamp = 0;
  return planned
    .sort((a, b) => a.at - b.at)
    .map(({ isWrite, startedAt, endedAt, lost }) => {
      if (!isWrite) return read(value, startedAt, endedAt);
      value = stamp += 1;
      return write(value, startedAt, lost ? Infinity : endedAt);
    });
}

describe('the two checkers', () => {
  it('agree on any small history (property)', () => {
    const verdicts = { possible: 0, impossible: 0 };
    fc.assert(
      fc.property(anyHistory, (history) => {
        const byZones = checkZones(0, history) === undefined;
        expect(checkBySearch(0, history) === undefined).toBe(byZones);
        verdicts[byZones ? 'possible' : 'impossible'] += 1;
      }),
      { numRuns: 3_000 },
    );
    expect(verdicts.possible).toBeGreaterThan(100);
    expect(verdicts.impossible).toBeGreaterThan(100);
  });

  it('accept what a register did, and agree when one read is falsified (property)', () => {
    let caught = 0;
    fc.assert(
      fc.property(fc.nat(), fc.nat({ max: 11 }), fc.integer({ min: 0, max: 6 }), (seed, at, value) => {
        const history = honestHistory(seed, 12, 3);
        expect(checkZones(0, history)).toBeUndefined();
        expect(checkBySearch(0, history)).toBeUndefined();
        const falsified = history.map((operation, index) =>
          index === at && operation.kind === 'read' ? { ...operation, value } : operation,
        );
        const byZones = checkZones(0, falsified) === undefined;
        expect(checkBySearch(0, falsified) === undefined).toBe(byZones);
        if (!byZones) caught += 1;
      }),
      { numRuns: 500 },
    );
    expect(caught).toBeGreaterThan(50);
  });

  it('the fast one takes a long history', () => {
    const history = honestHistory(5, 200_000, 16);
    expect(checkBlockHistory(history)).toMatchObject({ ok: true, operations: 200_000 });
    const middle = history.findIndex(({ kind }, index) => index > 100_000 && kind === 'read');
    const stale = history.map((operation, index) =>
      index === middle ? { ...operation, value: 0 } : operation,
    );
    expect(checkBlockHistory(stale).ok).toBe(false);
  });
});
