import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DELIVERIES_LIMIT } from '../../src/group/turn.js';
import { consistencyGroup } from '../../src/index.js';
import { watch } from './checks.js';
import { act, calm, type Happening } from './happenings.js';
import { every, ids, World } from './world.js';

const RUNS = Number(process.env['HOLDFAST_RUNS'] ?? 25);

const node = fc.constantFrom('a' as const, 'b' as const);
const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('run' as const),
      forMs: fc.constantFrom(1, 2, 5, 20, 150, 700, 2_500),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('move' as const), node, id: fc.nat(3) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('crash' as const, 'start' as const),
      node,
      landed: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('cut' as const),
      way: fc.constantFrom('a>b', 'b>a', 'm1', 'a>w', 'b>w'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('heal' as const),
      way: fc.constantFrom('a>b', 'b>a', 'm1', 'a>w', 'b>w'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('reset' as const, 'calm' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('condition' as const),
      site: fc.constantFrom('first' as const, 'second' as const),
      open: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('sick' as const),
      node,
      level: fc.constantFrom('ok' as const, 'unhealthySoft' as const, 'unhealthyHard' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('disk' as const),
      node,
      fails: fc.boolean(),
      persistMs: fc.constantFrom(1, 40, 400),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('redirect' as const), node }) },
);

/** A world in which failback and recovery do not take minutes. */
function quickWorld(): World {
  return watch(
    new World({
      policies: {
        ...every,
        swapRecovery: {
          first: 'a',
          tuning: {
            pollMs: 100,
            stableMs: 500,
            expectedResyncMs: 10,
            holdDownMs: 700,
            freezeTimeoutMs: 3_000,
          },
        },
        latencyFailback: {
          tuning: {
            linkStableMs: 50,
            dwellMs: 100,
            prepareTimeoutMs: 2_000,
            maxOutOfSyncBytes: 1e9,
            abortRetryMs: 100,
          },
        },
      },
      resyncMs: 300,
    }),
  ).mirrored();
}

describe('whatever happens, in whatever order', () => {
  test('the rules hold in every state, no step is long, and service comes back when it is calm', () => {
    fc.assert(
      fc.property(fc.array(happening, { minLength: 4, maxLength: 24 }), (happenings) => {
        const world = quickWorld();
        for (const one of happenings) act(world, one);
        calm(world);
        expect(
          ids.map((id) => world.nodes[id].gate.mode),
          world.lines.join('\n'),
        ).toEqual(['mirrored', 'mirrored']);
        const epochs = ids.map((id) => world.nodes[id].disk.epoch);
        expect(Math.min(...epochs)).toBeGreaterThan(0);
      }),
      { numRuns: RUNS, seed: Number(process.env['HOLDFAST_SEED'] ?? 7) },
    );
  }, 120_000);

  test('the same events give the same states and wishes, also through JSON at every step', () => {
    fc.assert(
      fc.property(fc.array(happening, { minLength: 4, maxLength: 16 }), (happenings) => {
        const world = quickWorld();
        for (const one of happenings) act(world, one);
        for (const id of ids) {
          const life = world.nodes[id].history.at(-1);
          if (life === undefined) continue;
          let state = consistencyGroup.init(life.options, life.at);
          let restored = throughJson(state);
          const seen = new Set<string>();
          for (const event of life.events) {
            const straight = consistencyGroup.step(state, event);
            const again = consistencyGroup.step(restored, throughJson(event));
            expect(again).toEqual(straight);
            for (const effect of straight.effects) {
              expect(seen.has(effect.id), effect.id).toBe(false);
              seen.add(effect.id);
              expect(consistencyGroup.explain(effect)).toMatch(/\S/);
            }
            expect(straight.state.deliveries - state.deliveries).toBeLessThanOrEqual(DELIVERIES_LIMIT / 2);
            state = straight.state;
            restored = throughJson(again.state);
          }
        }
      }),
      { numRuns: Math.ceil(RUNS / 5), seed: Number(process.env['HOLDFAST_SEED'] ?? 7) },
    );
  }, 120_000);
});

function throughJson<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value;
}
