import { describe, expect, test } from 'vitest';
import { finishCopy, inDuplex, perform, soundRules, start, tell, write, type System } from './model.js';

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

/** The first storage falls ill, hosts swap, and the copy goes back; the controller ends at one of its wishes. */
function run(interruption?: Interruption): { readonly system: System; readonly wishes: number } {
  let system = start(inDuplex(none), soundRules);
  let wishes = 0;
  let isTold = false;
  let hasPassed = false;
  for (let turn = 0; turn < 400; turn += 1) {
    const [effect] = system.pending;
    const [fact, ...answers] = system.answers;
    if (system.policy === undefined) {
      system = start(system, soundRules);
    } else if (effect !== undefined) {
      wishes += 1;
      const isHit = interruption?.at === wishes;
      if (!isHit || interruption.when === 'after') system = perform(system, effect, false, soundRules);
      if (isHit) {
        const isHalf = system.mirrored && system.disk.protection === 'exposed';
        const copy = isHalf ? { mirrored: false, changed: true } : {};
        system = { ...system, policy: undefined, pending: [], answers: [], copying: undefined, ...copy };
      }
    } else if (fact !== undefined) {
      system = tell({ ...system, answers }, fact, soundRules);
    } else if (!isTold && system.policy.phase === 'duplex') {
      isTold = true;
      system = tell(system, sick, soundRules);
    } else if (system.copying !== undefined) {
      system = finishCopy(system, soundRules) ?? system;
    } else if (system.policy.phase === 'duplex' && system.disk.activeSite === 'second') {
      break;
    } else {
      // A storage that is well again; and a swap that was lost with its process is asked for again by the next word of the storage.
      const isBack = system.disk.activeSite === 'first' && system.policy.phase === 'duplex';
      if (isBack && hasPassed) {
        hasPassed = false;
        system = tell(system, { ...sick, token: `t${String(turn)}` }, soundRules);
        continue;
      }
      hasPassed = true;
      const at = soundRules.policy.wakeAt(system.policy ?? start(system, soundRules).policy!);
      system = tell({ ...system, now: Math.max(system.now + 1, at ?? 0) }, { kind: 'tick' }, soundRules);
      if (system.acked < 3) system = write(system, 1, soundRules) ?? system;
    }
  }
  return { system, wishes };
}

describe('a controller that ends at any wish, and starts from its record', () => {
  test('swaps, copies back, and ends with equal copies and hosts at the second site', () => {
    const plain = run();
    const endOf = ({ disk, hosts, versions, damaged, broken }: System): unknown => ({
      activeSite: disk.activeSite,
      protection: disk.protection,
      hosts,
      isEqual: versions.first === versions.second,
      damaged,
      broken,
    });
    expect(endOf(plain.system)).toMatchObject({ activeSite: 'second', protection: 'duplex', isEqual: true });
    expect(plain.wishes).toBeGreaterThan(12);
    for (const when of ['before', 'after'] as const)
      for (let at = 1; at <= plain.wishes; at += 1)
        expect(endOf(run({ at, when }).system), `${when} wish ${at}`).toEqual(endOf(plain.system));
  });
});
