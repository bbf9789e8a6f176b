import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Plant, Trouble } from './plant.js';
import { run } from './run.js';

const numRuns = Number(process.env['HOLDFAST_RUNS'] ?? 60);

/** Either all of the new, or the old one to the byte: nothing between, and exactly one of the two serves. */
function judge(plant: Plant): 'completed' | 'reverted' {
  const { record } = plant.state;
  const text = plant.lines.join('\n');
  expect(record?.end, text).toBeDefined();
  expect(plant.locked, text).toBe(false);
  expect(plant.highlyAvailable, text).toBe(true);
  if (record?.end === 'completed') {
    expect(plant.serves, text).toEqual({ first: false, second: true });
    expect(plant.identity.owner, text).toBe('second');
    expect(plant.second.get('db'), text).toEqual(['as it was', 'add-column', 'the last write']);
    return 'completed';
  }
  expect(plant.serves, text).toEqual({ first: true, second: false });
  expect(plant.identity.owner, text).toBe('first');
  expect(plant.contents(), text).toBe(plant.baseline);
  expect(plant.snapshots.size, text).toBe(0);
  return 'reverted';
}

describe('interrupted at every effect', () => {
  const quiet = run(() => undefined);
  const failing: Trouble = { step: 'check-second', what: 'final', times: 1 };
  const goingBack = run((plant) => plant.troubles.push({ ...failing }));

  test('a run without trouble completes, and one whose new version is not healthy is reverted', () => {
    expect(judge(quiet)).toBe('completed');
    expect(judge(goingBack)).toBe('reverted');
  });

  test.each(['abort', 'resume'] as const)('forward, and after a crash: %s', (afterCrash) => {
    const ends = { completed: 0, reverted: 0 };
    for (let index = 1; index <= quiet.effects; index += 1) {
      for (const moment of ['before', 'after'] as const) {
        const plant = run((one) => (one.crashAt = { index, moment }), { options: { afterCrash } });
        // The very first crash comes before anything was written down: the command was never accepted.
        if (plant.state.record === undefined) continue;
        ends[judge(plant)] += 1;
      }
    }
    expect(ends.completed).toBeGreaterThan(afterCrash === 'abort' ? 10 : 50);
    expect(ends.reverted).toBeGreaterThan(afterCrash === 'abort' ? 30 : 0);
  });

  test('on the way back: every interruption ends with the same bytes', () => {
    let count = 0;
    for (let index = 1; index <= goingBack.effects; index += 1) {
      for (const moment of ['before', 'after'] as const) {
        const plant = run((one) => {
          one.crashAt = { index, moment };
          one.troubles.push({ ...failing });
        });
        if (plant.state.record === undefined) continue;
        judge(plant);
        count += 1;
      }
    }
    expect(count).toBeGreaterThan(80);
  });
});

const steps = [
  'take-lock',
  'precheck',
  'deploy-second',
  'snapshot',
  'sync-base:db',
  'expand:add-column',
  'self-test-first',
  'send-delta:1',
  'undeploy-ha',
  'quiesce-first',
  'send-final-delta',
  'verify-replica',
  'take-identity',
  'start-second',
  'check-second',
  'contract-second',
  'redeploy-ha',
  'clean-up',
  'release-lock',
  'stop-second',
  'fence-second',
  'return-identity',
  'revert-volume:db',
  'revert-volume:conf',
  'start-first',
  'check-first',
  'discard-second',
  'discard-snapshots',
];

test(
  'whatever fails, is silent or is interrupted, all of the new or all of the old comes out',
  () => {
    const trouble = fc.record({
      step: fc.constantFrom(...steps),
      what: fc.constantFrom<Trouble['what'][]>(
        'retry',
        'partial-replica',
        'parent-missing',
        'final',
        'silent',
        'crash-before',
        'crash-after',
      ),
      times: fc.integer({ min: 1, max: 4 }),
    });
    const afterCrash = fc.constantFrom<('abort' | 'resume')[]>('abort', 'resume');
    fc.assert(
      fc.property(fc.array(trouble, { maxLength: 6 }), afterCrash, (troubles, how) => {
        const plant = run((one) => one.troubles.push(...troubles.map((one_) => ({ ...one_ }))), {
          options: { afterCrash: how },
        });
        for (let round = 0; round < 12 && plant.state.record?.end === undefined; round += 1) {
          plant.pass(2_000_000);
          if (plant.state.confirmBy !== undefined) plant.command({ kind: 'confirm' });
        }
        if (plant.state.record !== undefined && plant.state.record.end !== 'refused') judge(plant);
      }),
      { numRuns, seed: 3 },
    );
  },
  20_000 + 100 * numRuns,
);
