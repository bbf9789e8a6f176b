import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { happen, happening, knownWays } from './happenings.js';
import { Surroundings } from './surroundings.js';

const runs = process.env['HOLDFAST_RUNS'];
// A fixed seed where nobody waits for more: the same tests on every machine.
const amount = runs === undefined ? { numRuns: 150, seed: 19 } : { numRuns: Number(runs) };

describe('whatever happens in whatever order', () => {
  test.each([
    ['two members, one mediator', ['a', 'b'], ['m1']],
    ['two members, two mediators', ['a', 'b'], ['m1', 'm2']],
    ['three members, one mediator', ['a', 'b', 'c'], ['m1']],
    ['three members, two mediators', ['a', 'b', 'c'], ['m1', 'm2']],
  ] as const)(
    '%s: one side serves, with every write; and when all is well again, all serve',
    (_title, names, mediators) => {
      fc.assert(
        fc.property(fc.array(happening, { maxLength: 60 }), (story) => {
          const around = new Surroundings({ names, mediators });
          for (const one of story) happen(around, one);
          around.recover();
          for (const id of around.names)
            expect(around.member(id).serves, JSON.stringify(around.end())).not.toBe('nothing');
        }),
        { ...amount, examples: knownWays.map((way) => [[...way]]) },
      );
    },
    120_000,
  );
});
