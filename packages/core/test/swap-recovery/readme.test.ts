import { expect, test } from 'vitest';
import { runExample } from '../support/readme.js';

test('the example of the README prints what stands below it', () => {
  const { printed, shown } = runExample('policies/swap-recovery');
  expect(shown.length).toBeGreaterThan(0);
  expect(printed).toEqual(shown);
});
