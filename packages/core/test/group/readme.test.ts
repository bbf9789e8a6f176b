import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runExample } from '../support/readme.js';

const readme = readFileSync(new URL('../../src/group/README.md', import.meta.url), 'utf8');

test('the example of the README prints what stands below it', () => {
  const { printed, shown } = runExample('group');
  expect(shown.length).toBeGreaterThan(0);
  expect(printed).toEqual(shown);
});

test('every row of the table of the README is told', () => {
  const rows = [...readme.matchAll(/^\| (\d+) +\|/gm)].map(([, row]) => Number(row));
  const told = readdirSync(new URL('../../src/group/testdata/', import.meta.url)).flatMap(
    (name) => /^row-(\d+)-/.exec(name)?.[1] ?? [],
  );
  expect([...new Set(told.map(Number))].sort((one, other) => one - other)).toEqual(rows);
});
