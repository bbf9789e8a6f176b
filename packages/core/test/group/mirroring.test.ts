import { describe, expect, test } from 'vitest';
import {
  freshMirroringRecord,
  mirroringDefaults,
  selectiveMirroring,
  serveGroupRead,
  serveMirroredRead,
} from '../../src/index.js';
import { mirroringGuards, type MirroringGuards } from '../../src/policies/selective-mirroring/guards.js';
import { stepWith } from '../../src/policies/selective-mirroring/step.js';
import { explore } from '../support/explorer.js';
import { move } from './happenings.js';
import { composition, ladderOf, MirroredGroup, type Composition, type Rung } from './mirroring-system.js';
import { World } from './world.js';

/** A longer campaign also lets hosts write while the two lose each other. */
const longer = process.env['HOLDFAST_RUNS'] !== undefined;

const group = (): World => new World({ policies: { plannedFailover: { members: ['data'] } } }).mirrored();

/** What happens to the group while mirroring goes on. */
const lost = (): readonly Rung[] =>
  ladderOf(group(), (world) => {
    world.crash('a');
    world.run(1_500);
  });
const back = (): readonly Rung[] => {
  const world = group();
  world.crash('a');
  world.run(1_500);
  return ladderOf(world, () => {
    world.start('a');
    world.run(3_000);
  });
};
const apart = (): readonly Rung[] =>
  ladderOf(group(), (world) => {
    world.cut('a>b', 'b>a', 'a>w');
    world.run(3_000);
  });
const moved = (): readonly Rung[] =>
  ladderOf(group(), (world) => {
    move(world, 'a', 'move');
    world.run(1_500);
  });

function look(rungs: readonly Rung[], writes: number, made: Composition = composition) {
  const system = new MirroredGroup(rungs, made);
  const explorable = {
    choices: system.choices.bind(system),
    apply: system.apply.bind(system),
    keyOf: system.keyOf.bind(system),
    brokenRule: system.broken.bind(system),
  };
  return { system, ...explore(system.begin(writes), explorable, 40_000) };
}

describe('selective mirroring beside a group takes over by its epoch, and serves by no older one', () => {
  test.each([
    ['the node that orders writes is lost', lost, 2, 400],
    ['it comes back, and both mirror again', back, 0, 600],
    [
      'the two lose each other, and the preferred one the witness',
      apart,
      longer ? 1 : 0,
      longer ? 20_000 : 15,
    ],
    ['the roles are moved on purpose', moved, 0, 50],
  ] as const)(
    '%s',
    (_name, ladder, writes, atLeast) => {
      const { system, states, ends, broken } = look(ladder(), writes);
      expect(broken).toBeUndefined();
      expect(states).toBeGreaterThan(atLeast);
      expect(ends.length).toBeGreaterThan(0);
      for (const end of ends) expect(system.isAtRest(end)).toBe(true);
    },
    60_000,
  );
});

/** Serving that does not compare versions with the slow copy: what is left is that caches are told before a write is acknowledged. */
const withoutComparing: Composition['serve'] = (state, mirroring, request) => {
  const read = serveGroupRead(state, mirroring, request);
  if (read.from === 'refused') return read;
  return serveMirroredRead(mirroring, request, {
    ...mirroringGuards.serve,
    isNotOlderThanSlowCopy: () => true,
  });
};
const guarded = (guards: Partial<MirroringGuards>): Composition['policy'] => ({
  ...selectiveMirroring,
  step: stepWith({ ...mirroringGuards, ...guards }),
});

describe('without one rule of the composition', () => {
  test('copies are served only under the present epoch of the group', () => {
    const world = group();
    const rungs = ladderOf(world, () => {
      world.crash('a');
      world.run(1_500);
      world.start('a');
      world.run(3_000);
    });
    const serve: Composition['serve'] = (_group, mirroring, request) => serveMirroredRead(mirroring, request);
    const brokenWith = (made: Composition): string | undefined => {
      const system = new MirroredGroup(rungs, made);
      let now = system.begin(0);
      // Node b takes over with a warm cache; then the group goes on to its mirror, and b has not heard of it.
      while (now.rung + 1 < rungs.length) {
        if (now.nodes.b.state?.mode !== 'tookOver') now = system.rest(now);
        now = system.apply(now, { kind: 'rung' });
      }
      expect(now.nodes.b.state?.mode).toBe('tookOver');
      return system.broken(now);
    };
    expect(brokenWith(composition)).toBeUndefined();
    expect(brokenWith({ ...composition, serve })).toContain('serves from its cache by epoch');
  });

  test('a cache is told of a write before it is acknowledged', () => {
    const told = { ...composition, serve: withoutComparing };
    expect(look(lost(), 1, told).broken).toBeUndefined();
    const untold = { ...told, policy: guarded({ writeWaitsForCopy: false }) };
    expect(look(lost(), 1, untold).broken?.rule).toContain('from its cache after write 2 was acknowledged');
  }, 60_000);

  test('mirroring hears of every epoch of the group', () => {
    const news: Composition['news'] = (state) => {
      const known = composition.news(state);
      return known?.owner === state.self.nodeId ? undefined : known;
    };
    const { system, ends } = look(lost(), 0, { ...composition, news });
    expect(ends.some((end) => !system.isAtRest(end))).toBe(true);
  }, 60_000);
});

test('a grant counts in the epoch of the group, and not in the one that was asked for', () => {
  const record = freshMirroringRecord('g', 'b', 'standby');
  const sizes = { volumeBytes: 1_000_000, cacheBytes: 100_000 };
  const options = { groupId: 'g', nodeId: 'b', incarnation: 1, record, ...sizes } as const;
  const init = selectiveMirroring.init({ ...options, slowCopy: 'sync', tuning: mirroringDefaults }, 0);
  const trouble = { kind: 'attempt-failed', client: 'vm', how: 'reset', at: 1, sequence: 1 } as const;
  const asking = selectiveMirroring.step(init, trouble).state;
  const effect = asking.asking?.effect ?? '';
  const answer = { kind: 'granted', epoch: 9 } as const;
  const granted = selectiveMirroring.step(asking, {
    kind: 'authority-answered',
    effect,
    answer,
    at: 2,
    sequence: 2,
  });
  expect(asking.asking?.request.epoch).toBe(1);
  expect(granted.state.saving?.record.epoch).toBe(9);
});
