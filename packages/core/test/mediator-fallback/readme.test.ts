import { expect, test } from 'vitest';
import { freshMediatorFallbackRecord, mediatorFallback, whatIfFault } from '../../src/index.js';
import { printedBy } from '../support/readme.js';

test('the example of the README prints what stands below it', () => {
  const lines: string[] = [];
  const members = ['a', 'b'];
  const record = freshMediatorFallbackRecord({ groupId: 'orders', nodeId: 'a', members, mediator: 'm1' });
  let state = mediatorFallback.init(
    { groupId: 'orders', nodeId: 'a', incarnation: 1, members, mediators: ['m1'], preference: 'a', record },
    0,
  );
  const rest = { hostPaths: 4, hostIops: 900, hostLatencyMs: 1, hardwareRank: 1 };
  const facts = [
    { kind: 'facts-changed', facts: { upToDate: true, healthy: true, ...rest } },
    { kind: 'in-sync-changed', inSync: members },
  ] as const;
  for (const [index, fact] of facts.entries()) {
    const step = mediatorFallback.step(state, { ...fact, at: 0, sequence: index + 1 });
    state = step.state;
    for (const effect of step.effects) lines.push(`${effect.kind} - ${mediatorFallback.explain(effect)}`);
  }
  lines.push(whatIfFault(state, ['a']).detail);
  expect(lines).toEqual(printedBy('mediator-fallback'));
});
