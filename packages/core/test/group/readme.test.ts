import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { consistencyGroup, freshGroupRecord, lan, whoWouldWin } from '../../src/index.js';

const readme = readFileSync(new URL('../../src/group/README.md', import.meta.url), 'utf8');

test('the example of the README prints what stands there', () => {
  const printed: string[] = [];
  const names = { groupId: 'orders', nodeId: 'a', peerId: 'b', machineBootId: 'm-1' };
  const record = {
    ...freshGroupRecord({ ...names, preferred: 'a' }),
    mode: 'standalone',
    epoch: 7,
    owner: 'a',
  } as const;
  const life = { incarnation: 2, bootId: 'a-2', lineageSeed: '8d1f', pristine: false, timing: lan };
  const policies = { plannedFailover: { members: ['data', 'log'] }, latencyFailback: {} };
  const options = {
    ...names,
    ...life,
    ...policies,
    record: { ...record, dataState: 'upToDate', lineageId: 'green' },
  } as const;
  const step = consistencyGroup.step(consistencyGroup.init(options, 0), { kind: 'tick', at: 0, sequence: 1 });
  for (const effect of step.effects)
    if (effect.kind === 'part')
      printed.push(`${effect.policy} ${effect.effect.kind} - ${consistencyGroup.explain(effect)}`);
  printed.push(whoWouldWin(step.state, { kind: 'node-lost', node: 'b' }).detail);
  printed.push(whoWouldWin(step.state, { kind: 'leg-failed', node: 'a' }).detail);
  const shown = readme.split('\n').filter((line) => line.startsWith('// '));
  expect(printed.map((line) => `// ${line}`)).toEqual(shown);
});

test('every row of the table of the README is told', () => {
  const rows = [...readme.matchAll(/^\| (\d+) +\|/gm)].map(([, row]) => Number(row));
  const told = readdirSync(new URL('../../src/group/testdata/', import.meta.url)).flatMap(
    (name) => /^row-(\d+)-/.exec(name)?.[1] ?? [],
  );
  expect([...new Set(told.map(Number))].sort((one, other) => one - other)).toEqual(rows);
});
