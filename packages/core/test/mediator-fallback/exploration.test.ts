import { describe, expect, test } from 'vitest';
import { explore, nothing, walk, type Budget } from './explore.js';
import * as mutants from './mutants.js';

const plans: readonly [string, Partial<Budget>, number][] = [
  ['the mediator goes and comes', { turns: 1 }, 40],
  ['a crash before or after any write', { crashes: 1, turns: 1 }, 500],
  ['a message lost, one repeated', { drops: 1, repeats: 1, turns: 1 }, 500],
  ['another coordinator, and a crash', { prefers: 1, crashes: 1 }, 600],
  ['a proposal that times out', { timeouts: 1, drops: 1 }, 120],
  [
    'another coordinator, a lost message, and a proposal that times out',
    { prefers: 1, timeouts: 1, drops: 1 },
    120,
  ],
  ['preference that moves to and fro, and a proposal that times out', { prefers: 2, timeouts: 1 }, 5_000],
  ['preference that moves to and fro, and a crash', { prefers: 2, crashes: 1 }, 5_000],
];

/** b takes the promise of version 2 for its own while it is preferred; a, which has taken it back, refuses; b has promised version 3. */
const lateRefusal = [
  ['a proposes version 2, and b begins to write it down', 'result a', 'result a', 'deliver b'],
  ['a waits too long, takes it back, and b hears so while it writes', 'expire a', 'result a', 'deliver b'],
  ['a proposes version 3', 'result a'],
  [
    'b is preferred, has version 2 on its disk and finishes it; a refuses',
    'prefer x',
    'result b',
    'deliver a',
  ],
  ['a is preferred again, and b promises version 3', 'prefer x', 'deliver b', 'result b'],
  ['a agrees on it; meanwhile the refusal of version 2 arrives at b', 'deliver a', 'deliver b', 'result a'],
  ['b writes that it has taken its promise back', 'result b'],
].flatMap(([, ...choices]) => choices);

describe('every order of an agreement, to the end', () => {
  for (const [title, budget, atLeast] of plans) {
    test(`${title}: were the link cut, never could both go on`, async ({ annotate }) => {
      const found = explore({ ...nothing, ...budget });
      await annotate(`${String(found.states)} states, depth ${String(found.depth)}`);
      expect(found.broken).toBeUndefined();
      expect(found.way).toBeUndefined();
      expect(found.splits).toBe(0);
      expect(found.states).toBeGreaterThanOrEqual(atLeast);
      expect(found.switching).toBeGreaterThan(found.states / 3);
    }, 60_000);
  }
});

test('a refusal that comes late takes back no later promise', () => {
  const { splits, left, disks } = walk({ ...nothing, prefers: 2, timeouts: 1 }, lateRefusal);
  expect(splits).toBe(false);
  expect(left).toEqual(['result b']);
  expect(disks['a']?.current).toEqual({ version: 3, model: { kind: 'preElected', node: 'a' } });
  expect(disks['b']?.pending).toEqual(disks['a']?.current);
});

describe('a guard that is taken out is missed', () => {
  const splits = (options: Parameters<typeof explore>[1]): number =>
    explore({ ...nothing, turns: 1 }, options).splits;

  test('a model counts only when all have promised it', () => {
    expect(splits({ policy: mutants.appliesWhenHeard })).toBeGreaterThan(0);
  });

  test('an open promise counts in a fault, beside what was agreed', () => {
    expect(splits({ models: ({ current }) => [current.model] })).toBeGreaterThan(0);
  });

  test('the coordinator waits for all', () => {
    expect(splits({ policy: mutants.agreesAlone })).toBeGreaterThan(0);
  });

  test('a promise is on the disk before it is given', () => {
    expect(splits({ policy: mutants.saysBeforeDurable })).toBeGreaterThan(0);
  });

  test('a mediator that does not answer has not said yes', () => {
    const silenceIsYes = explore(
      { ...nothing, turns: 1 },
      {
        models: ({ current, nodeId }) =>
          current.model.kind === 'mediator' ? [{ kind: 'preElected', node: nodeId }] : [current.model],
      },
    );
    expect(silenceIsYes.splits).toBeGreaterThan(0);
  });
});
