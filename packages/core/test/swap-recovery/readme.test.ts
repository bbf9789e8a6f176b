import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { explainSwap, freshSwapRecord, swapRecovery, wouldSwapNow } from '../../src/index.js';

test('the example of the README prints what stands there', () => {
  const printed: string[] = [];
  const record = freshSwapRecord({ groupId: 'orders', epoch: 4 });
  let state = swapRecovery.init({ groupId: 'orders', nodeId: 'a', incarnation: 1, record }, 0);
  state = swapRecovery.step(state, {
    kind: 'members-changed',
    volumes: 12,
    mirrored: 12,
    at: 0,
    sequence: 1,
  }).state;
  const known = {
    kind: 'epoch-known',
    epoch: 4,
    activeSite: 'first',
    duplex: true,
    at: 0,
    sequence: 2,
  } as const;
  const step = swapRecovery.step(state, known);
  for (const effect of step.effects) printed.push(`${effect.kind} - ${explainSwap(effect.because)}`);
  printed.push(wouldSwapNow(step.state, { severity: 'acute', estimatedDelayMs: 1_000 }).detail);

  const readme = readFileSync(new URL('../../src/policies/swap-recovery/README.md', import.meta.url), 'utf8');
  const shown = readme.split('\n').filter((line) => line.startsWith('// '));
  expect(printed.map((line) => `// ${line}`)).toEqual(shown);
});
