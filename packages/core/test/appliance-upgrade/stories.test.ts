import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { transcriptTests } from '@holdfast/testkit';
import { describe, expect, test } from 'vitest';
import { plantVerbs } from './script.js';

const folder = fileURLToPath(new URL('../../src/policies/appliance-upgrade/testdata/', import.meta.url));

describe('stories that an operator can read', () => {
  transcriptTests(test, folder, () => plantVerbs());

  test('every row of the scenario table is told', () => {
    const names = readdirSync(folder);
    for (let row = 1; row <= 15; row += 1) {
      const prefix = `row-${String(row).padStart(2, '0')}-`;
      expect(
        names.some((name) => name.startsWith(prefix)),
        prefix,
      ).toBe(true);
    }
  });
});
