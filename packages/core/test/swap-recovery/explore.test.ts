import { describe, expect, test } from 'vitest';
import { swapRecovery, type SwapRecoveryEvent, type SwapRecoveryState } from '../../src/index.js';
import { explore, type Exploration } from '../support/explorer.js';
import { choices, keyOf, type Choice } from './choices.js';
import { inDuplex, soundRules, start, type Budget, type Rules, type System } from './model.js';

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

type Change = (state: SwapRecoveryState, event: SwapRecoveryEvent) => SwapRecoveryState;

function policy(before: Change): Rules {
  const step: typeof swapRecovery.step = (state, event) => swapRecovery.step(before(state, event), event);
  return { ...soundRules, policy: { ...swapRecovery, invariants: [], step } };
}

describe('a guard that is taken out is missed by the same exploration', () => {
  test.each<[string, Rules, Partial<Budget>, RegExp]>([
    [
      'hosts go on before the commit is on the disk',
      { ...soundRules, lyingDisk: true },
      { crashes: 1, ticks: 0 },
      /is old|two sites|count as equal/,
    ],
    [
      'a host that cannot follow is left where it was',
      { ...soundRules, pretend: ['fence-hosts'] },
      { hostFailures: 1, ticks: 0 },
      /two sites/,
    ],
    [
      'hosts are not frozen while they are switched',
      { ...soundRules, pretend: ['freeze-io'] },
      { hostFailures: 1, ticks: 0 },
      /two sites/,
    ],
    [
      'damaged tracks are not marked',
      { ...soundRules, pretend: ['mark-tracks'] },
      { damages: 1, writes: 0 },
      /damaged true|versions/,
    ],
    [
      'another storage is copied to as if it were the old one',
      policy((state) => ({ ...state, record: { ...state.record, fullCopy: false } })),
      { replacements: 1, writes: 0, ticks: 3 },
      /versions/,
    ],
    [
      'a commit that may be on the disk is taken back when time is up',
      policy((state, event) =>
        event.kind === 'tick' && state.attempt?.stage === 'commit'
          ? { ...state, phase: 'swapping', attempt: { ...state.attempt, stage: 'switch' } }
          : state,
      ),
      { crashes: 1, ticks: 1, writes: 2 },
      /is old|two sites|count as equal/,
    ],
    [
      'I/O swaps to an old copy',
      policy((state, event) =>
        event.kind === 'health-reported' && state.phase === 'waiting'
          ? {
              ...state,
              phase: 'duplex',
              swappedAt: undefined,
              record: { ...state.record, protection: 'duplex' },
              conditions: [],
            }
          : state,
      ),
      { swaps: 2, ticks: 0 },
      /is old|count as equal/,
    ],
  ])(
    '%s',
    (_name, rules, budget, breaks) => {
      const { broken } = exploreWith(budget, rules);
      expect(broken?.rule ?? 'nothing is broken').toMatch(breaks);
    },
    120_000,
  );
});
