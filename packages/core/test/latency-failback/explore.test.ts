import { describe, expect, test } from 'vitest';
import { apply, calm, choices, keyOf, type Choice } from './choices.js';
import { explore, type Exploration } from '../support/explorer.js';
import { afterSwap, soundRules, start, type Budget, type Rules, type System } from './model.js';
import { mutants } from './mutants.js';

const nothing: Budget = {
  faults: 0,
  repairs: 0,
  writes: 1,
  crashes: 0,
  redirects: 1,
  revocations: 0,
  duplicates: 0,
  mapLosses: 0,
  diskFailures: 0,
  ticks: 0,
};

/** The primary serves, this block is in sync, and others are not yet. */
function inReadThrough(left: Budget, rules: Rules): System {
  const begin = start({ ...afterSwap(nothing), otherBlocks: 1 }, rules);
  const home = calm(apply(calm(begin, rules), { kind: 'redirect' }, rules), rules);
  expect([home.policy?.phase, home.marked.primary]).toEqual(['readThrough', false]);
  return { ...home, left };
}

function exploreWith(
  budget: Partial<Budget>,
  rules: Rules,
  from?: 'readThrough',
): Exploration<System, Choice> {
  const left = { ...nothing, ...budget };
  return explore<System, Choice>(
    from === undefined ? start(afterSwap(left), rules) : inReadThrough(left, rules),
    {
      choices: (system) => choices(system, rules),
      apply: (system, choice) => apply(system, choice, rules),
      keyOf,
      brokenRule: ({ broken }) => broken,
    },
    200_000,
  );
}

/** Everybody is up, nothing is under way, and no retry waits for time: then service is where it should be. */
function isStuck({ policy, up, gate }: System): boolean {
  if (policy === undefined || !up.primary || !up.secondary || !up.link) return false;
  if (policy.saving?.retryAt !== undefined) return false;
  return gate.host !== 'open' || policy.recovery?.running === false;
}

/** Longer ones, when runs are asked for. */
const more: readonly (readonly [Partial<Budget>, 'readThrough' | undefined, number])[] =
  process.env['HOLDFAST_RUNS'] === undefined
    ? []
    : [
        [{ faults: 1, writes: 1 }, undefined, 20_000],
        [{ crashes: 1, writes: 1 }, undefined, 5_000],
        [{ mapLosses: 1, writes: 0 }, undefined, 20_000],
        [{ faults: 1, repairs: 1, crashes: 1, redirects: 0 }, 'readThrough', 50_000],
      ];

describe('whatever happens in whatever order, no read is old and no acknowledged write is lost', () => {
  test.each([
    [{ writes: 2 }, undefined, 2_500],
    [{ crashes: 1, writes: 0 }, undefined, 1_900],
    [{ ticks: 1, diskFailures: 1, writes: 0 }, undefined, 3_500],
    [{ revocations: 1, ticks: 1, writes: 0 }, undefined, 3_500],
    [{ duplicates: 1, writes: 0 }, undefined, 2_100],
    [{ faults: 2, redirects: 0 }, 'readThrough', 2_500],
    ...more,
  ] as const)(
    'with %j from %s: explored to the end, at least %i states',
    (budget, from, floor) => {
      const { states, depth, broken, ends } = exploreWith(budget, soundRules, from);
      if (process.env['HOLDFAST_RUNS'] !== undefined)
        process.stdout.write(`${states} states, depth ${depth}\n`);
      expect(broken).toBeUndefined();
      expect(states, `${states} states, depth ${depth}`).toBeGreaterThanOrEqual(floor);
      expect(ends.filter(isStuck).map(({ policy, gate }) => [policy?.phase, gate])).toEqual([]);
    },
    120_000,
  );
});

describe('a guard that is taken out is missed by the same exploration', () => {
  test.each(mutants)(
    '$name',
    ({ rules, budget, from, breaks }) => {
      const { broken } = exploreWith(budget, rules, from);
      expect(broken?.rule ?? 'nothing is broken').toMatch(breaks);
    },
    120_000,
  );
});
