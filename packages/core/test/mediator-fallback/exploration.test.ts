import { describe, expect, test } from 'vitest';
import { explore, nothing, type Budget } from './explore.js';
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
];

describe('every order of an agreement, to the end', () => {
  for (const [title, budget, atLeast] of plans) {
    test(`${title}: were the link cut, never could both go on`, async ({ annotate }) => {
      const found = explore({ ...nothing, ...budget });
      await annotate(`${String(found.states)} states, depth ${String(found.depth)}`);
      expect(found.broken).toBeUndefined();
      expect(found.splits).toBe(0);
      expect(found.states).toBeGreaterThanOrEqual(atLeast);
      expect(found.switching).toBeGreaterThan(found.states / 3);
    }, 60_000);
  }
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
