import { expect, test } from 'vitest';
import { allStories } from '../../../tools/purity/stories/index.js';
import * as core from '../src/index.js';

interface AnyPolicy {
  readonly name: string;
  init(options: unknown, at: number): { readonly version: number };
  step(state: unknown, event: unknown): unknown;
}

const policies = Object.values(core).filter(
  (one): one is typeof one & AnyPolicy => typeof one === 'object' && 'step' in one && 'stateVersion' in one,
) as unknown as readonly AnyPolicy[];
const stories = policies.map((policy) => [policy.name, policy] as const);

test.each(stories)('%s leaves a state of a newer release alone', (name, policy) => {
  const story = allStories().find((one) => one.policy === name || policies.length === 0);
  expect(story, name).toBeDefined();
  const state = policy.init(story?.options, story?.at ?? 0);
  const newer: unknown = JSON.parse(JSON.stringify({ ...state, version: 2 }));
  const before = JSON.stringify(newer);
  expect(() => policy.step(newer, story?.events[0])).toThrow(/version 2/);
  expect(JSON.stringify(newer)).toBe(before);
});

test('these are all', () => {
  expect(policies.length).toBeGreaterThanOrEqual(10);
});
