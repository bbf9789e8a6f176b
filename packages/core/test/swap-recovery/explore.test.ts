import { describe, expect, test } from 'vitest';
import { explore, type Exploration } from '../support/explorer.js';
import { choices, keyOf, type Choice } from './choices.js';
import { inDuplex, soundRules, start, type Budget, type Rules, type System } from './model.js';
import { mutants } from './mutants.js';

const nothing: Budget = {
  writes: 1,
  swaps: 1,
  crashes: 0,
  ticks: 4,
  hostFailures: 0,
  damages: 0,
  replacements: 0,
  refusals: 0,
  duplicates: 0,
};

function exploreWith(budget: Partial<Budget>, rules: Rules): Exploration<System, Choice> {
  return explore<System, Choice>(
    start(inDuplex({ ...nothing, ...budget }), rules),
    {
      choices: (system) => choices(system, rules),
      apply: (_, { go }) => go(),
      keyOf,
      brokenRule: ({ broken }) => broken,
    },
    200_000,
  );
}

describe('whatever happens in whatever order, all hosts are at one site, no read is old, and equal means equal', () => {
  test.each<[Partial<Budget>, number]>([
    [{ ticks: 0 }, 100],
    [{ ticks: 1, crashes: 1 }, 1_500],
    [{ ticks: 0, hostFailures: 1, refusals: 1 }, 200],
    [{ ticks: 3, writes: 0, damages: 1 }, 1_000],
    [{ ticks: 0, duplicates: 1 }, 200],
    [{ ticks: 3, swaps: 0, writes: 0, replacements: 1 }, 3_500],
    [{ ticks: 0, writes: 0, replacements: 1 }, 1_800],
  ])(
    'with %j: explored to the end, at least %i states',
    (budget, floor) => {
      const { states, depth, broken } = exploreWith(budget, soundRules);
      expect(broken && [broken.rule, ...broken.path.map(({ name }) => name)]).toBeUndefined();
      expect(states, `${states} states, depth ${depth}`).toBeGreaterThanOrEqual(floor);
    },
    120_000,
  );
});

describe('a guard that is taken out is missed by the same exploration', () => {
  test.each(mutants)(
    '%s',
    (_name, rules, budget, breaks) => {
      const { broken } = exploreWith(budget, rules);
      expect(broken?.rule ?? 'nothing is broken').toMatch(breaks);
    },
    120_000,
  );
});
