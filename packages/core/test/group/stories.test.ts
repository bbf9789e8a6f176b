import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { transcriptTests } from '@holdfast/testkit';
import { describe, expect, test } from 'vitest';
import { Stage } from './stage.js';

const folder = fileURLToPath(new URL('../../src/group/testdata/', import.meta.url));
const ROWS = 16;

// Rewrite what happened with HOLDFAST_UPDATE_TRANSCRIPTS=1, and read the difference: it is what an operator would see.
describe('stories that an operator can read', () => {
  transcriptTests(test, folder, () => new Stage().handlers);

  test('every row of the table of what comes before what is told', () => {
    const names = readdirSync(folder);
    for (let row = 1; row <= ROWS; row += 1) {
      const prefix = `row-${String(row).padStart(2, '0')}-`;
      expect(
        names.some((name) => name.startsWith(prefix)),
        prefix,
      ).toBe(true);
    }
  });
});
