import { expect, test } from 'vitest';
import { freshPlannedFailoverRecord, plannedFailover } from '../../src/index.js';
import { printedBy } from '../support/readme.js';

test('the example of the README prints what stands below it', () => {
  const lines: string[] = [];
  const roles = { epoch: 7, lineageId: 'green', sequencer: 'a', preferred: 'a' };
  const record = freshPlannedFailoverRecord({ groupId: 'orders', nodeId: 'a', roles });
  const members = ['data', 'log'];
  const identity = { groupId: 'orders', nodeId: 'a', peerId: 'b', incarnation: 1, lineageSeed: '8d1f' };
  let state = plannedFailover.init({ ...identity, members, record }, 0);
  const health = { inSync: true, peerHealthy: true, mediatorReachable: false };
  const facts = [
    { kind: 'peer-connected', session: 1 },
    { kind: 'standing-changed', standing: { service: 'mirrored', ...roles, ...health } },
    { kind: 'command', commandId: 'c1', command: { kind: 'start', operationId: 'move-1' } },
  ] as const;
  for (const [index, fact] of facts.entries()) {
    const step = plannedFailover.step(state, { ...fact, at: 0, sequence: index + 1 });
    state = step.state;
    for (const effect of step.effects) lines.push(`${effect.kind} - ${plannedFailover.explain(effect)}`);
  }
  expect(lines).toEqual(printedBy('planned-failover'));
});
