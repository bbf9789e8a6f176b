import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { amount, picks, walk, type Picks } from '../support/walk.js';
import { comeToRest } from './calm.js';
import { choices, type Choice } from './choices.js';
import { inDuplex, soundRules, start, type Budget, type Rules, type System } from './model.js';
import { mutants } from './mutants.js';

/** More than an exploration can afford: everything, several times, in one life. */
const plenty: Budget = {
  writes: 8,
  swaps: 4,
  crashes: 4,
  ticks: 12,
  hostFailures: 1,
  damages: 2,
  replacements: 1,
  refusals: 2,
  duplicates: 3,
};

function happen(order: Picks, rules: Rules): { readonly system: System; readonly broken: string | undefined } {
  const { state, broken } = walk<System, Choice>(
    start(inDuplex(plenty), rules),
    {
      choices: (system) => choices(system, rules),
      apply: (_, { go }) => go(),
      brokenRule: (system) => system.broken,
    },
    order,
  );
  return { system: state, broken };
}

describe('whatever happens in whatever order', () => {
  test('no rule is broken, and when all is well again both copies are equal and every host has a place', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(picks(120), (order) => {
        const { system, broken } = happen(order, soundRules);
        expect(broken).toBeUndefined();
        seen.add(`${system.policy?.phase ?? 'down'} ${system.disk.protection}`);
        const { policy, disk, hosts, versions, acked, damaged, broken: later } = comeToRest(system, soundRules);
        expect(later).toBeUndefined();
        expect({ phase: policy?.phase, protection: disk.protection, damaged }).toEqual({
          phase: 'duplex',
          protection: 'duplex',
          damaged: false,
        });
        expect(versions).toEqual({ first: acked, second: acked });
        for (const host of hosts)
          if (!host.fenced) expect(host).toEqual({ site: disk.activeSite, frozen: false, fenced: false });
      }),
      amount(200),
    );
    expect(seen.size).toBeGreaterThan(4);
  }, 60_000);

  test.each(mutants)(
    'and without a rule this is seen: %s',
    (_name, rules) => {
      const property = fc.property(picks(120), (order) => happen(order, rules).broken === undefined);
      expect(fc.check(property, { numRuns: 2_000, seed: 19, endOnFailure: true }).failed).toBe(true);
    },
    60_000,
  );
});
