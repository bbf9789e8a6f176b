import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { amount } from '../support/walk.js';
import { comeToRest, isFault } from './calm.js';
import { brokenInvariant, exploring, isWell, violation } from './explore.js';
import { apply, begin, choices, ids, noFaults, type Id, type Setting, type System } from './system.js';

/** Every wish, answer and message is one thing that happens, and any of them may be the last before a process ends. */
const setting: Setting = { ...exploring, eager: false };

/** `landed`: what was being written has reached the disk, and nobody has been told. */
interface Interruption {
  readonly at: number;
  readonly node: Id;
  readonly when: 'before' | 'after' | 'landed';
}

interface Ended {
  readonly system: System;
  readonly happenings: number;
  readonly broken: string | undefined;
}

const isBusy = ({ nodes }: System): boolean =>
  ids.some((id) => nodes[id].state.record.operation !== undefined || nodes[id].state.saving !== undefined);

/** Moves the roles to b. A process ends now and then; an attempt that came to nothing is made again by the operator. */
function run(interruptions: readonly Interruption[]): Ended {
  let system = begin(setting, { ...noFaults, starts: 9, crashes: 9 });
  let happenings = 0;
  let broken: string | undefined;
  for (let turn = 0; turn < 800 && broken === undefined; turn += 1) {
    if (isWell(system) && !isBusy(system)) {
      const { sequencer, preferred } = system.nodes.a.disk.roles;
      if (sequencer === 'b' && preferred === 'b') break;
      // Where fault handling has moved the first role alone, the operator takes both home first.
      system = apply(system, `start ${sequencer}`, setting);
      continue;
    }
    const options = choices(system, setting).filter((choice) => !isFault(choice));
    const choice = options[turn % options.length];
    if (choice === undefined) break;
    happenings += 1;
    const hit = interruptions.find(({ at }) => at === happenings);
    if (hit === undefined || hit.when === 'after') system = apply(system, choice, setting);
    if (hit !== undefined) {
      const crash = `crash${hit.when === 'landed' ? '-landed' : ''} ${hit.node}`;
      if (choices(system, setting).includes(crash)) system = apply(system, crash, setting);
    }
    broken = violation(system) ?? brokenInvariant(system);
  }
  const rest = comeToRest(system, setting);
  return { system: rest.system, happenings, broken: broken ?? rest.broken };
}

function endOf({ system, broken }: Ended): unknown {
  const { a, b } = system.nodes;
  const sequencers = [a.disk.roles.sequencer, b.disk.roles.sequencer];
  const preferred = [a.disk.roles.preferred, b.disk.roles.preferred];
  const isOne =
    a.disk.roles.epoch === b.disk.roles.epoch && a.disk.roles.lineageId === b.disk.roles.lineageId;
  return { sequencers, preferred, isOne, isWell: isWell(system), broken };
}

describe('a node that ends at any happening, and starts from its disk', () => {
  const plain = run([]);

  test('both roles pass to b, and both nodes mirror again', () => {
    expect(endOf(plain)).toEqual({
      sequencers: ['b', 'b'],
      preferred: ['b', 'b'],
      isOne: true,
      isWell: true,
      broken: undefined,
    });
    expect(plain.happenings).toBeGreaterThan(20);
    for (const node of ids)
      for (const when of ['before', 'after', 'landed'] as const)
        for (let at = 1; at <= plain.happenings; at += 1)
          expect(endOf(run([{ at, node, when }])), `${node} ends ${when} ${String(at)}`).toEqual(
            endOf(plain),
          );
  }, 60_000);

  test('and so it is when nodes end again and again', () => {
    const interruption = fc.record({
      at: fc.integer({ min: 1, max: 90 }),
      node: fc.constantFrom(...ids),
      when: fc.constantFrom('before' as const, 'after' as const, 'landed' as const),
    });
    fc.assert(
      fc.property(fc.array(interruption, { minLength: 2, maxLength: 5 }), (interruptions) => {
        expect(endOf(run(interruptions))).toEqual(endOf(plain));
      }),
      amount(40),
    );
  }, 60_000);
});
