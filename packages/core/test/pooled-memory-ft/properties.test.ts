import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pooledMemoryGuards } from '../../src/policies/pooled-memory-ft/guards.js';
import { stepWith } from '../../src/policies/pooled-memory-ft/step.js';
import { amount, picks, swarm, walk, type Picks } from '../support/walk.js';
import { comeToRest } from './calm.js';
import { choices, protectedMachine, type Budget, type Choice, type StepOf, type System } from './system.js';

/** More than an exploration can afford: several of everything in one run. */
const most: Budget = {
  crashes: 4,
  ends: 3,
  silences: 3,
  ticks: 12,
  seals: 6,
  losses: 2,
  writableStandbys: 1,
};

const isCalm = ({ name }: Choice): boolean =>
  !/^(the process|the standby|the controller ends|silence|never|a standby|time)/.test(name);

function happen(
  left: Budget,
  order: Picks,
  step: StepOf,
  seen?: Set<string>,
): { readonly system: System; readonly broken: string | undefined } {
  const { state, broken } = walk<System, Choice>(
    protectedMachine(left, step),
    {
      // Who writes records down always says how it ended.
      choices: (system) => choices(system, step).filter(({ name }) => name !== 'never hears persisted'),
      isCalm,
      apply: (_, { go }) => go(),
      brokenRule: ({ policy, broken: rule }) => {
        if (policy !== undefined) seen?.add(policy.mode);
        return rule;
      },
    },
    order,
  );
  return { system: state, broken };
}

const sound = stepWith(pooledMemoryGuards);

describe('whatever happens in whatever order', () => {
  test('one process writes, on a clone of what is sealed; and when all is well again, the machine runs protected', () => {
    const seen = new Set<string>();
    const ends: Record<string, number> = {};
    fc.assert(
      fc.property(swarm(most), picks(80), (left, order) => {
        const { system, broken } = happen(left, order, sound, seen);
        expect(broken).toBeUndefined();
        const { policy, writers, standby, epoch, broken: later } = comeToRest(system, sound);
        expect(later).toBeUndefined();
        // Where no other host may carry the machine, or no generation is written down yet, it waits for an operator.
        ends[policy?.mode ?? 'down'] = (ends[policy?.mode ?? 'down'] ?? 0) + 1;
        if (policy?.mode === 'failed' && (left.ends > 1 || policy.record.current === undefined)) return;
        const primary = policy?.record.primary ?? '';
        expect(policy?.mode).toBe('protected');
        expect(Object.keys(writers)).toEqual([primary]);
        expect(writers[primary]?.epoch).toBe(epoch);
        expect(standby).not.toBe(primary);
      }),
      amount(200),
    );
    expect(seen).toEqual(
      new Set(['starting', 'protected', 'needSecondary', 'fencing', 'promoting', 'failed']),
    );
    expect(ends['protected']).toBeGreaterThan(10 * (ends['failed'] ?? 0));
  }, 60_000);

  test.each([
    ['a clone is promoted, never the sealed file', { clones: false }],
    ['a takeover is durable before it happens', { recordIsDurableFirst: false }],
    ['the epoch is raised first', { epochIsRaisedFirst: false }],
  ] as const)(
    'and without a rule this is seen: %s',
    (_name, change) => {
      const step = stepWith({ ...pooledMemoryGuards, ...change });
      const property = fc.property(
        swarm(most),
        picks(80),
        (left, order) => happen(left, order, step).broken === undefined,
      );
      expect(fc.check(property, { numRuns: 1_000, seed: 19, endOnFailure: true }).failed).toBe(true);
    },
    60_000,
  );
});
