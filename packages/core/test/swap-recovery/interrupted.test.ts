import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { amount } from '../support/walk.js';
import { calmly, end, wait } from './calm.js';
import { inDuplex, perform, soundRules, start, tell, write, type System } from './model.js';

const none = {
  writes: 0,
  swaps: 0,
  crashes: 0,
  ticks: 0,
  hostFailures: 0,
  damages: 0,
  replacements: 0,
  refusals: 0,
  duplicates: 0,
};
const sick = {
  kind: 'health-reported',
  site: 'first',
  report: 'open',
  codeClass: 'C3',
  token: 't',
  severity: 'acute',
  estimatedDelayMs: 9_000,
} as const;

interface Interruption {
  readonly at: number;
  readonly when: 'before' | 'after';
}

/** The first storage falls ill, hosts swap, and the copy goes back; the controller ends at some of its wishes. */
function run(...interruptions: readonly Interruption[]): {
  readonly system: System;
  readonly wishes: number;
} {
  let system = start(inDuplex(none), soundRules);
  let wishes = 0;
  let isTold = false;
  let hasPassed = false;
  for (let turn = 0; turn < 400; turn += 1) {
    const [effect] = system.pending;
    if (system.policy !== undefined && effect !== undefined) {
      wishes += 1;
      const hit = interruptions.find(({ at }) => at === wishes);
      if (hit?.when !== 'before') system = perform(system, effect, false, soundRules);
      if (hit !== undefined) system = end(system);
      continue;
    }
    const next = calmly(system, soundRules);
    const phase = system.policy?.phase;
    if (next !== undefined) {
      system = next;
    } else if (!isTold && phase === 'duplex') {
      isTold = true;
      system = tell(system, sick, soundRules);
    } else if (phase === 'duplex' && system.disk.activeSite === 'second') {
      break;
    } else {
      // A storage that is well again; and a swap that was lost with its process is asked for again by the next word of the storage.
      const isBack = system.disk.activeSite === 'first' && phase === 'duplex';
      if (isBack && hasPassed) {
        hasPassed = false;
        system = tell(system, { ...sick, token: `t${String(turn)}` }, soundRules);
        continue;
      }
      hasPassed = true;
      system = wait(system, soundRules);
      if (system.acked < 3) system = write(system, 1, soundRules) ?? system;
    }
  }
  return { system, wishes };
}

const endOf = ({ disk, hosts, versions, damaged, broken }: System): unknown => ({
  activeSite: disk.activeSite,
  protection: disk.protection,
  hosts,
  isEqual: versions.first === versions.second,
  damaged,
  broken,
});

describe('a controller that ends at any wish, and starts from its record', () => {
  test('swaps, copies back, and ends with equal copies and hosts at the second site', () => {
    const plain = run();
    expect(endOf(plain.system)).toMatchObject({ activeSite: 'second', protection: 'duplex', isEqual: true });
    expect(plain.wishes).toBeGreaterThan(12);
    for (const when of ['before', 'after'] as const)
      for (let at = 1; at <= plain.wishes; at += 1)
        expect(endOf(run({ at, when }).system), `${when} wish ${at}`).toEqual(endOf(plain.system));
  });

  test('and so it does when it ends again and again', () => {
    const plain = endOf(run().system);
    const interruption = fc.record({
      at: fc.integer({ min: 1, max: 60 }),
      when: fc.constantFrom('before' as const, 'after' as const),
    });
    fc.assert(
      fc.property(fc.array(interruption, { minLength: 2, maxLength: 6 }), (interruptions) => {
        expect(endOf(run(...interruptions).system)).toEqual(plain);
      }),
      amount(150),
    );
  }, 60_000);
});
