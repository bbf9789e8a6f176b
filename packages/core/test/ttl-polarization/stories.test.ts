import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { tell } from '../support/script.js';

const folder = new URL('../../src/policies/ttl-polarization/testdata/', import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith('.txt'));

// Rewrite what happened with `npx vitest run --project core -u`, and read the difference: it is what an operator would see.
describe('stories that an operator can read', () => {
  test.each(names)('%s', async (name) => {
    const path = new URL(name, folder);
    await expect(tell(readFileSync(path, 'utf8'))).toMatchFileSnapshot(path.pathname);
  });

  test('every row of the scenario table is told', () => {
    for (let row = 1; row <= 23; row += 1) {
      const prefix = `row-${String(row).padStart(2, '0')}-`;
      expect(
        names.some((name) => name.startsWith(prefix)),
        prefix,
      ).toBe(true);
    }
  });
});
