import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  heatLeft,
  mirroringDefaults,
  mirroringHeatFlags,
  selectHotBlocks,
  warmHeat,
  type HotBlockRules,
} from '../../src/index.js';
import { heatOf, rowNames, rules, type Row } from './heat-maker.js';

const numRuns = Number(process.env['HOLDFAST_RUNS'] ?? 200);

/** The same choice, said as simply as possible. */
function dumbChoice(
  rows: readonly Row[],
  { budgetBytes, isMirrored, tuning }: HotBlockRules,
  takenAt: number,
) {
  const worthOf = (row: Row): number => {
    const label = row.label ?? 'internal';
    const flags = row.flags ?? 0;
    const kind = row.kind ?? 'data';
    if (!tuning.allowedLabels.includes(label)) return 0;
    if ((flags & (mirroringHeatFlags.sequential | mirroringHeatFlags.fastThere)) !== 0) return 0;
    const left = heatLeft(takenAt - (row.lastAt ?? takenAt), tuning.halfLifeMs);
    const fresh = row.reads * left + tuning.writeWeight * (row.writes ?? 0) * left;
    const used = Math.max(fresh, tuning.essentialClasses.includes(kind) ? 1 : 0);
    const weight = (tuning.classWeights[kind] ?? 1) * (tuning.qualityWeights[row.quality ?? 'bronze'] ?? 1);
    const worth = Math.fround((used * weight) / (row.sizeBytes ?? 4_096));
    return isMirrored(row.block) ? Math.fround(worth * tuning.hysteresisFactor) : worth;
  };
  const isPinned = (row: Row): boolean =>
    ((row.flags ?? 0) & mirroringHeatFlags.pinned) !== 0 &&
    tuning.allowedLabels.includes(row.label ?? 'internal');
  const ranked = rows
    .map((row) => ({ row, worth: worthOf(row), pinned: isPinned(row), isIn: isMirrored(row.block) }))
    .filter(({ worth, pinned }) => worth > 0 || pinned)
    .sort(
      (a, b) =>
        Number(b.pinned) - Number(a.pinned) ||
        b.worth - a.worth ||
        Number(b.isIn) - Number(a.isIn) ||
        a.row.block - b.row.block,
    );
  const chosen: number[] = [];
  let remaining = budgetBytes;
  for (const { row } of ranked) {
    if ((row.sizeBytes ?? 4_096) > remaining) continue;
    remaining -= row.sizeBytes ?? 4_096;
    chosen.push(row.block);
  }
  return chosen;
}

function choice(rows: readonly Row[], change: Partial<HotBlockRules> = {}): number[] {
  const snapshot = heatOf(rows);
  return [...selectHotBlocks(snapshot, { ...rules, ...change }).rows].map((row) => snapshot.block[row]!);
}

const anyRow = fc.record({
  reads: fc.oneof(fc.nat({ max: 40 }), fc.constant(0)),
  writes: fc.nat({ max: 8 }),
  lastAt: fc.integer({ min: 0, max: 1_000_000 }),
  sizeBytes: fc.constantFrom(512, 4_096, 4_096, 16_384),
  kind: fc.constantFrom(...rowNames.kinds),
  quality: fc.constantFrom(...rowNames.qualities),
  label: fc.constantFrom(...rowNames.labels),
  flags: fc.constantFrom(0, 0, 0, 1, 2, 4, 3),
});

describe('the choice of blocks', () => {
  test('is the one that a dumb sort makes', () => {
    fc.assert(
      fc.property(
        fc.array(anyRow, { maxLength: 60 }),
        fc.nat({ max: 200_000 }),
        fc.nat({ max: 7 }),
        (given, budgetBytes, every) => {
          const rows = given.map((row, index) => ({ ...row, block: index * 3 }));
          const used: HotBlockRules = {
            ...rules,
            budgetBytes,
            tuning: { ...mirroringDefaults, qualityWeights: { gold: 3 } },
            isMirrored: (block) => every > 0 && block % every === 0,
          };
          expect(choice(rows, used)).toEqual(dumbChoice(rows, used, 1_000_000));
        },
      ),
      { numRuns, seed: 11 },
    );
  });

  test('keeps a block until another is worth more than 1.25 times as much', () => {
    const rows = (newcomer: number): Row[] => [
      { block: 1, reads: 100 },
      { block: 2, reads: newcomer },
    ];
    const one = { budgetBytes: 4_096, isMirrored: (block: number) => block === 1 };
    expect(choice(rows(125), one)).toEqual([1]);
    expect(choice(rows(126), one)).toEqual([2]);
  });

  test('never moves a thing when nothing has changed', () => {
    fc.assert(
      fc.property(fc.array(anyRow, { maxLength: 40 }), fc.nat({ max: 100_000 }), (given, budgetBytes) => {
        const rows = given.map((row, index) => ({ ...row, sizeBytes: 4_096, block: index }));
        const first = new Set(choice(rows, { budgetBytes }));
        const again = choice(rows, { budgetBytes, isMirrored: (block) => first.has(block) });
        expect(new Set(again)).toEqual(first);
      }),
      { numRuns: Math.ceil(numRuns / 2), seed: 5 },
    );
  });

  test('forgets half of it every half-life', () => {
    const heat = warmHeat(
      { reads: 8, writes: 2, lastAt: 0 },
      'read',
      mirroringDefaults.halfLifeMs,
      mirroringDefaults.halfLifeMs,
    );
    expect(heat.reads).toBeCloseTo(5);
    expect(heat.writes).toBeCloseTo(1);
    expect(heat.lastAt).toBe(mirroringDefaults.halfLifeMs);
    const old = { block: 1, reads: 19, lastAt: 100_000 };
    expect(choice([old, { block: 2, reads: 10 }], { budgetBytes: 4_096 })).toEqual([2]);
    expect(
      choice(
        [
          { ...old, reads: 21 },
          { block: 2, reads: 10 },
        ],
        { budgetBytes: 4_096 },
      ),
    ).toEqual([1]);
  });

  test('puts pinned blocks first, whatever they are worth, and leaves out what may not or need not go', () => {
    const rows: Row[] = [
      { block: 1, reads: 900 },
      { block: 2, reads: 0, flags: mirroringHeatFlags.pinned },
      { block: 3, reads: 999, label: 'secret' },
      { block: 4, reads: 999, flags: mirroringHeatFlags.sequential },
      { block: 5, reads: 999, flags: mirroringHeatFlags.fastThere },
      { block: 6, reads: 0, flags: mirroringHeatFlags.pinned, label: 'secret' },
      { block: 7, reads: 0 },
      { block: 8, reads: 0, kind: 'boot' },
    ];
    expect(choice(rows)).toEqual([2, 1, 8]);
  });

  test('takes only what every start needs while there is no history', () => {
    const rows: Row[] = [
      { block: 1, reads: 900 },
      { block: 2, reads: 0, kind: 'metadata' },
      { block: 3, reads: 2, kind: 'boot' },
    ];
    const young = heatOf(rows, { observedMs: 10_000 });
    expect([...selectHotBlocks(young, rules).rows]).toEqual([2, 1]);
  });

  test('says what part of the reads it will serve', () => {
    const rows: Row[] = [1, 2, 3, 4].map((block) => ({ block, reads: block * 10 }));
    const selected = selectHotBlocks(heatOf(rows), { ...rules, budgetBytes: 2 * 4_096 });
    expect(selected.expectedWarmShare).toBeCloseTo(0.7);
    expect(selected).toMatchObject({ candidates: 4, sizeBytes: 8_192 });
  });
});
