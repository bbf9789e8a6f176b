import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../shared/place.js';
import { missOne, mutants } from './mutants.js';

// Those that take a moment; the night takes all.
const quick = [
  'the payload of a refused write is not passed over',
  'what came in plain text behind STARTTLS counts',
  'a write on a path is as long as it says',
  'a header that comes in two pieces loses its first one',
];

it.each(quick)('is found: %s', async (name) => {
  const mutant = mutants.find((one) => one.name === name);
  expect(mutant).toBeDefined();
  if (mutant !== undefined) expect(await missOne(mutant)).toMatchObject({ isFound: true });
});

it('the page on fuzzing has a row for every mutant', async () => {
  const page = await readFile(join(root, 'docs/internals/fuzzing.md'), 'utf8');
  expect(mutants.filter(({ name }) => !page.includes(`| ${name} `))).toEqual([]);
});
