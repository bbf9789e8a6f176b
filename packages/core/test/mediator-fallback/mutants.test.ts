import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { fallbackModels, mediatorFallback } from '../../src/index.js';
import { coreWithout } from '../support/source.js';
import { explore, nothing, type Budget } from './explore.js';
import { happen, happening, knownWays } from './happenings.js';
import { endsOtherwise, stories } from './interrupted.js';
import { sourceMutants, type FallbackMutant } from './source-mutants.js';
import { Surroundings } from './surroundings.js';

interface Core {
  readonly mediatorFallback: typeof mediatorFallback;
  readonly fallbackModels: typeof fallbackModels;
}

const plans: readonly Partial<Budget>[] = [
  { turns: 1 },
  { timeouts: 1, drops: 1 },
  { crashes: 1, turns: 1 },
  { prefers: 1, crashes: 1 },
  { prefers: 1, timeouts: 1 },
  { crashes: 1, timeouts: 1, drops: 1 },
  { prefers: 1, timeouts: 1, drops: 1 },
  { prefers: 2, timeouts: 1 },
];

function happens(policy: Core['mediatorFallback'], names: readonly string[], numRuns: number) {
  const { failed, counterexample } = fc.check(
    fc.property(fc.array(happening, { maxLength: 60 }), (story) => {
      const around = new Surroundings({ policy, names });
      for (const one of story) happen(around, one);
      around.recover();
      return around.names.every((id) => around.member(id).serves !== 'nothing');
    }),
    { numRuns, seed: 23, endOnFailure: true, examples: knownWays.map((way) => [[...way]]) },
  );
  return failed ? JSON.stringify(counterexample) : undefined;
}

/** What the layer finds with this policy; undefined when it finds nothing. */
function missedBy(layer: FallbackMutant['by'], core: Core): string | undefined {
  const policy = core.mediatorFallback;
  try {
    if (layer === 'exploration') {
      for (const plan of plans) {
        const found = explore({ ...nothing, ...plan }, { policy, models: core.fallbackModels });
        if (found.splits > 0) return 'two sides go on';
        if (found.broken !== undefined) return found.broken;
      }
      return undefined;
    }
    if (layer === 'interruptions') return stories.flatMap(([, story]) => endsOtherwise(story, { policy }))[0];
    return happens(policy, ['a', 'b'], 600) ?? happens(policy, ['a', 'b', 'c'], 100);
  } catch (error) {
    return String(error);
  }
}

describe('a rule that is left out is missed', () => {
  test.each(sourceMutants.map((mutant) => [mutant.name, mutant] as const))(
    '%s',
    async (_name, mutant) => {
      const core = await coreWithout<Core>('mediator-fallback', mutant);
      expect(missedBy(mutant.by, core)).toBeDefined();
    },
    60_000,
  );
});
