import { fuzz } from '@holdfast/testkit';
import { expect, it } from 'vitest';
import { WitnessTarget } from './witness-target.js';

it('requests of every form: what is refused changes nothing, and no epoch goes back', async () => {
  const target = new WitnessTarget();
  const report = await fuzz(target, { seed: 1, frames: 1_500 });
  expect(report.failure).toBeUndefined();
  for (const answer of [
    'promote granted',
    'promote denied',
    'register granted',
    'forget granted',
    'promote 400',
  ])
    expect([answer, target.answered.get(answer) ?? 0]).not.toEqual([answer, 0]);
});
