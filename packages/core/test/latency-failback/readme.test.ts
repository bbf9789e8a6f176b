import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { explainFailback, freshFailbackRecord, latencyFailback, wouldRedirectNow } from '../../src/index.js';

test('the example of the README prints what stands there', () => {
  const printed: string[] = [];
  const away = { ...freshFailbackRecord({ groupId: 'orders', epoch: 7 }), activeSite: 'secondary' as const };
  const record = { ...away, completeCopy: 'secondary' as const };
  const options = { groupId: 'orders', nodeId: 'a', incarnation: 1, record };
  const known = { kind: 'epoch-known', epoch: 7, from: 'witness' } as const;
  const fact = { ...known, activeSite: 'secondary', completeCopy: 'secondary' } as const;
  const step = latencyFailback.step(latencyFailback.init(options, 0), { ...fact, at: 0, sequence: 1 });
  for (const effect of step.effects) printed.push(`${effect.kind} - ${explainFailback(effect.because)}`);
  printed.push(wouldRedirectNow(step.state).detail);

  const readme = readFileSync(
    new URL('../../src/policies/latency-failback/README.md', import.meta.url),
    'utf8',
  );
  const shown = readme.split('\n').filter((line) => line.startsWith('// '));
  expect(printed.map((line) => `// ${line}`)).toEqual(shown);
});
