import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { amount, picks, swarm, walk, type Picks } from '../support/walk.js';
import { comeToRest } from './calm.js';
import { choices, type Choice } from './choices.js';
import { inDuplex, soundRules, start, type Budget, type Rules, type System } from './model.js';
import { mutants } from './mutants.js';

/** More than an exploration can afford: several of everything in one run. */
const most: Budget = {
  writes: 8,
  swaps: 3,
  crashes: 4,
  ticks: 12,
  hostFailures: 1,
  damages: 2,
  replacements: 1,
  refusals: 2,
  duplicates: 3,
};

const isCalm = ({ name }: Choice): boolean =>
  /^(perform|answer|start|the copy ends)/.test(name) && !name.endsWith('twice');

function happen(
  left: Budget,
  order: Picks,
  rules: Rules,
  seen?: Set<string>,
): { readonly system: System; readonly broken: string | undefined } {
  const { state, broken } = walk<System, Choice>(
    start(inDuplex({ ...left, swaps: left.swaps + 1 }), rules),
    {
      choices: (system) => choices(system, rules),
      isCalm,
      apply: (_, { go }) => go(),
      brokenRule: ({ policy, broken: rule }) => {
        if (policy !== undefined) seen?.add(policy.phase);
        return rule;
      },
    },
    order,
  );
  return { system: state, broken };
}

test('what a storage says before the epoch is known is written down before anything counts as equal', () => {
  for (const damaged of [true, false]) {
    const system = inDuplex({ ...most, ticks: 0 });
    const versions = damaged ? system.versions : { first: 1, second: -1 };
    const begun = start({ ...system, damaged, versions, mirrored: false }, soundRules);
    expect(begun.policy?.phase).toBe('unknown');
    expect(comeToRest(begun, soundRules)).toMatchObject({
      damaged: false,
      versions: { first: 1, second: 1 },
    });
  }
});

describe('whatever happens in whatever order', () => {
  test('no rule is broken, and when all is well again both copies are equal and every host has a place', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(swarm(most), picks(90), (left, order) => {
        const { system, broken } = happen(left, order, soundRules, seen);
        expect(broken).toBeUndefined();
        const {
          policy,
          disk,
          hosts,
          versions,
          acked,
          damaged,
          broken: later,
        } = comeToRest(system, soundRules);
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
    expect(seen).toEqual(
      new Set(['unknown', 'duplex', 'swapping', 'committing', 'waiting', 'stabilizing', 'remirroring']),
    );
  }, 60_000);

  test.each(mutants)(
    'and without a rule this is seen: %s',
    (_name, rules) => {
      const property = fc.property(
        swarm(most),
        picks(90),
        (left, order) => happen(left, order, rules).broken === undefined,
      );
      expect(fc.check(property, { numRuns: 2_000, seed: 19, endOnFailure: true }).failed).toBe(true);
    },
    60_000,
  );
});
