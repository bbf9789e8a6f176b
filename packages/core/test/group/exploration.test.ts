import { describe, expect, test } from 'vitest';
import { consistencyGroup } from '../../src/index.js';
import { explore } from '../support/explorer.js';
import { beginExploring, explorable, nothing, type Rules } from './explore.js';
import { offerHeardAtOnce } from './mutants.js';

const planned = { plannedFailover: { members: ['data'] } };
const both = { ...planned, swapRecovery: { first: 'a' } };
const LIMIT = 6_000;

describe('everything that may happen to two nodes, in every order', () => {
  test.each([
    ['a planned failover and a lost link', planned, { ...nothing, moves: 1, cuts: 1, ticks: 3 }, 300],
    ['a planned failover and a crash', planned, { ...nothing, moves: 1, crashes: 1, ticks: 2 }, 1_300],
    ['a planned failover and a swap', both, { ...nothing, moves: 1, ills: 1 }, 1_500],
  ])(
    '%s',
    (_name, policies, budget, atLeast) => {
      const rules: Rules = { policy: consistencyGroup, policies };
      const { states, depth, broken } = explore(beginExploring(budget, rules), explorable(rules), LIMIT);
      expect(broken).toBeUndefined();
      expect(states).toBeGreaterThan(atLeast);
      expect(depth).toBeGreaterThan(10);
    },
    60_000,
  );
});

test('the same exploration finds what happens when an offered handover is heard at once', () => {
  const rules: Rules = { policy: offerHeardAtOnce, policies: both };
  const begin = beginExploring({ ...nothing, moves: 1, ills: 1 }, rules);
  expect(explore(begin, explorable(rules), LIMIT).broken?.rule).toContain('one operation at a time');
}, 60_000);
