import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { amount, picks, swarm, walk, type Picks } from '../support/walk.js';
import { comeToRest, isFault, type Run } from './calm.js';
import { brokenInvariant, exploring, isWell, violation } from './explore.js';
import * as mutants from './mutants.js';
import { apply, begin, choices, type Budget, type Setting, type System } from './system.js';

/** More than an exploration can afford: several of everything in one run. */
const most: Budget = {
  crashes: 3,
  cuts: 2,
  drops: 3,
  repeats: 3,
  writes: 5,
  starts: 2,
  aborts: 1,
  refusals: 1,
  storeFailures: 2,
  timeouts: 2,
};

/** Every choice is made where it can be seen: nothing is done at once. */
const random: Setting = { ...exploring, eager: false };

function happen(setting: Setting, budget: Budget, order: Picks, between = false): Run {
  const { state, broken } = walk<System, string>(
    begin(setting, { ...budget, starts: budget.starts + 1 }),
    {
      choices: (system) => choices(system, setting),
      isCalm: (choice) => !isFault(choice) || choice.startsWith('start'),
      apply: (system, choice) => apply(system, choice, setting),
      brokenRule: (system) => violation(system) ?? (between ? undefined : brokenInvariant(system)),
    },
    order,
  );
  return { system: state, broken };
}

describe('whatever happens in whatever order', () => {
  test('one orders, nothing is lost, and when all is well again both mirror under the same roles', () => {
    const outcomes = new Set<string>();
    fc.assert(
      fc.property(swarm(most), picks(100), (budget, order) => {
        const { system, broken } = happen(random, budget, order);
        expect(broken).toBeUndefined();
        const rest = comeToRest(system, random);
        expect(rest.broken).toBeUndefined();
        expect(isWell(rest.system)).toBe(true);
        const { a, b } = rest.system.nodes;
        expect(a.disk.roles).toEqual(b.disk.roles);
        for (const outcome of rest.system.outcomes) outcomes.add(outcome.replace(/^\S+ /, ''));
      }),
      amount(120),
    );
    expect(outcomes).toEqual(new Set(['committed', 'rolled back']));
  }, 60_000);

  test.each([
    ['nobody is told of a commit that is not durable', { policy: mutants.grantedBeforeDurable }],
    ['a rollback serves nothing by itself', { policy: mutants.rollbackServes }],
    ['a commit that may stand on the disk is not overwritten', { policy: mutants.commitOverwritten }],
    ['the preference moves with the sequencer', { policy: mutants.preferenceStays, arbiter: 'preferred' }],
    ['source and witness give the same lineage', { claim: () => undefined }],
  ] as const)(
    'and without a rule this is seen: %s',
    (_name, change) => {
      const property = fc.property(
        swarm(most),
        picks(100),
        (budget, order) => happen({ ...random, ...change }, budget, order, true).broken === undefined,
      );
      expect(fc.check(property, { numRuns: 2_000, seed: 19, endOnFailure: true }).failed).toBe(true);
    },
    60_000,
  );
});
