import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pooledMemoryGuards } from '../../src/policies/pooled-memory-ft/guards.js';
import { stepWith } from '../../src/policies/pooled-memory-ft/step.js';
import { amount } from '../support/walk.js';
import { calmly, isAtRest, watch } from './calm.js';
import { endWriter, perform, protectedMachine, type StepOf, type System } from './system.js';

const none = { crashes: 0, ends: 0, silences: 0, ticks: 0, seals: 0, losses: 0, writableStandbys: 0 };

interface Interruption {
  readonly at: number;
  readonly when: 'before' | 'after';
}

/** The primary's process ends, the secondary takes over and finds another; the controller ends at some of its wishes. */
function run(
  interruptions: readonly Interruption[],
  step: StepOf = stepWith(pooledMemoryGuards),
): { readonly system: System; readonly wishes: number } {
  let system = protectedMachine(none, step);
  while (!isAtRest(system)) system = calmly(system, step) ?? watch(system, step);
  system = endWriter(system, 'h1');
  let wishes = 0;
  for (let turn = 0; turn < 400; turn += 1) {
    const [effect] = system.pending;
    if (system.policy !== undefined && effect !== undefined) {
      wishes += 1;
      const hit = interruptions.find(({ at }) => at === wishes);
      if (hit?.when !== 'before') system = perform(system, effect, step);
      if (hit !== undefined) system = { ...system, policy: undefined, pending: [], answers: [] };
    } else if (isAtRest(system) && system.policy?.record.primary !== 'h1') break;
    else system = calmly(system, step) ?? watch(system, step);
  }
  return { system, wishes };
}

const endOf = ({ policy, disk, writers, standby, broken }: System): unknown => ({
  mode: policy?.mode,
  epoch: disk.epoch,
  primary: disk.primary,
  formerWriters: disk.formerWriters,
  writers: Object.entries(writers).map(([host, { epoch }]) => `${host} in epoch ${epoch}`),
  isApart: standby !== undefined && standby !== disk.primary,
  broken,
});

describe('a controller that ends at any wish, and starts from its record', () => {
  const plain = run([]);

  test('goes on to one process in the next epoch, protected by another host', () => {
    expect(endOf(plain.system)).toEqual({
      mode: 'protected',
      epoch: 2,
      primary: 'h2',
      formerWriters: [],
      writers: ['h2 in epoch 2'],
      isApart: true,
      broken: undefined,
    });
    expect(plain.wishes).toBeGreaterThan(6);
    for (const when of ['before', 'after'] as const)
      for (let at = 1; at <= plain.wishes; at += 1)
        expect(endOf(run([{ at, when }]).system), `${when} wish ${at}`).toEqual(endOf(plain.system));
  });

  test('and so it does when it ends again and again', () => {
    const interruption = fc.record({
      at: fc.integer({ min: 1, max: 40 }),
      when: fc.constantFrom('before' as const, 'after' as const),
    });
    fc.assert(
      fc.property(fc.array(interruption, { minLength: 2, maxLength: 6 }), (interruptions) => {
        expect(endOf(run(interruptions).system)).toEqual(endOf(plain.system));
      }),
      amount(150),
    );
  }, 60_000);
});
