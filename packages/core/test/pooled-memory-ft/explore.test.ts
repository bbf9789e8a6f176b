import { describe, expect, test } from 'vitest';
import { pooledMemoryGuards } from '../../src/policies/pooled-memory-ft/guards.js';
import { stepWith } from '../../src/policies/pooled-memory-ft/step.js';
import { explore, type Exploration } from '../support/explorer.js';
import { choices, keyOf, protectedMachine, type Budget, type Choice, type System } from './system.js';

const nothing: Budget = {
  crashes: 0,
  ends: 0,
  silences: 0,
  ticks: 1,
  seals: 1,
  losses: 0,
  writableStandbys: 0,
};

function exploreWith(budget: Partial<Budget>, guards = pooledMemoryGuards): Exploration<System, Choice> {
  const step = stepWith(guards);
  return explore<System, Choice>(
    protectedMachine({ ...nothing, ...budget }, step),
    {
      choices: (system) => choices(system, step),
      apply: (_, { go }) => go(),
      keyOf,
      brokenRule: ({ broken }) => broken,
    },
    60_000,
  );
}

describe('whatever happens in whatever order, one process writes, on a clone of what is sealed', () => {
  test.each<[Partial<Budget>, number]>([
    [{ ends: 1, crashes: 1 }, 500],
    [{ ends: 2, seals: 0, ticks: 0, crashes: 1 }, 100],
    [{ silences: 1, ticks: 2 }, 200],
    [{ silences: 1, ends: 1, seals: 0, ticks: 1 }, 200],
    [{ ends: 1, losses: 1, ticks: 2 }, 500],
  ])(
    'with %j: explored to the end, at least %i states',
    (budget, floor) => {
      const { states, depth, broken } = exploreWith(budget);
      expect(broken && [broken.rule, ...broken.path.map(({ name }) => name)]).toBeUndefined();
      expect(states, `${states} states, depth ${depth}`).toBeGreaterThanOrEqual(floor);
    },
    60_000,
  );
});

describe('a rule that is left out is missed by the same exploration', () => {
  test.each([
    [
      'a clone is promoted, never the sealed file',
      { clones: false },
      { ends: 1 },
      /runs on the sealed generation/,
    ],
    [
      'a takeover is durable before it happens',
      { recordIsDurableFirst: false },
      { ends: 1 },
      /no record speaks of|durable/,
    ],
  ] as const)(
    '%s',
    (_name, change, budget, breaks) => {
      const { broken } = exploreWith(budget, { ...pooledMemoryGuards, ...change });
      expect(broken?.rule ?? 'nothing is broken').toMatch(breaks);
    },
    60_000,
  );
});
