import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { reconcile, type FaultModel } from '../../src/index.js';
import { checkReplay, watch } from '../support/checks.js';
import { calm, run, schedules, type Planned } from '../support/schedule.js';
import { World, type WorldOptions } from '../support/world.js';

const numRuns = Number(process.env['HOLDFAST_RUNS'] ?? 60);
const timeout = 20_000 + 200 * numRuns;

function play(options: WorldOptions, planned: Parameters<typeof run>[1], quietMs = 400): World {
  const world = new World(options);
  watch(world);
  world.start('a');
  world.start('b');
  world.runUntil(quietMs);
  run(world, planned);
  return world;
}

const rates = fc.record({
  a: fc.double({ min: 0.991, max: 1.009, noNaN: true }),
  b: fc.double({ min: 0.991, max: 1.009, noNaN: true }),
});

/** A copy that lost power or a leg may not stand in for one that has given way: that takes an operator, and both say so. */
function deadEnd(world: World, planned: readonly Planned[]): boolean {
  const { a, b } = world.nodes;
  const dataStates = [a.live.record.dataState, b.live.record.dataState];
  const lostLeg = planned.some(({ mishap }) => mishap.kind === 'leg-fails');
  if (!dataStates.includes('consistent') && !lostLeg) return false;
  if (reconcile(a.introduction(), b.introduction()).kind !== 'nobody') return false;
  for (const id of ['a', 'b'])
    expect(world.lines.some((line) => line.includes(`${id}: ALARM: No copy may serve`))).toBe(true);
  return true;
}

const faultModels = fc.constantFrom<FaultModel>(
  { kind: 'mediator' },
  { kind: 'mediator' },
  { kind: 'preElected', node: 'a' },
);

describe('whatever happens', () => {
  test(
    'one survivor at most, no stale read, no acknowledged write lost',
    () => {
      fc.assert(
        fc.property(
          schedules,
          rates,
          fc.constantFrom(1, 5, 20),
          faultModels,
          fc.constantFrom(0, 400),
          (planned, clocks, delayMs, faultModel, quietMs) => {
            play({ rates: clocks, delayMs, faultModel }, planned, quietMs);
          },
        ),
        { numRuns },
      );
    },
    timeout,
  );

  test(
    'when everything works again, both mirror again',
    () => {
      fc.assert(
        fc.property(schedules, rates, faultModels, (planned, clocks, faultModel) => {
          const world = play({ rates: clocks, faultModel }, planned);
          calm(world);
          if (deadEnd(world, planned)) return;
          expect([world.nodes.a.live.mode, world.nodes.b.live.mode], world.lines.join('\n')).toEqual([
            'mirrored',
            'mirrored',
          ]);
          expect([world.write('a'), world.write('b')], 'hosts can write at both').toEqual([true, true]);
        }),
        { numRuns },
      );
    },
    timeout,
  );

  test(
    'every life can be replayed from its events, also through JSON at every step',
    () => {
      fc.assert(
        fc.property(schedules, (planned) => {
          checkReplay(play({}, planned));
        }),
        { numRuns: Math.ceil(numRuns / 4) },
      );
    },
    timeout,
  );
});
