import { describe, expect, test } from 'vitest';
import { lan, ttlPolarization, type NodeRecord } from '../../src/index.js';
import { watch } from '../support/checks.js';
import * as mutants from '../support/mutants.js';
import { tell } from '../support/script.js';
import { World, type WorldOptions } from '../support/world.js';

/** Each guard has a story in which nothing goes wrong, and the same story goes wrong when the guard is taken out. */
function mirror(options: WorldOptions): World {
  const world = new World(options);
  watch(world);
  world.start('a');
  world.start('b');
  world.runUntil(1_000);
  return world;
}

function until(world: World, holds: () => boolean): void {
  const end = world.now + 5_000;
  while (!holds() && world.now < end) world.runUntil(world.now + 0.5);
  expect(holds(), world.lines.join('\n')).toBe(true);
}

/** The link is cut, b stands still, and wakes up the moment a serves alone, before any of its timers. */
function sleeper(options: WorldOptions): void {
  const world = mirror(options);
  world.cut('b>a');
  // The grants that are on their way still arrive.
  world.runUntil(world.now + 2 * world.delayMs);
  world.nodes.b.pause();
  world.cut('a>b');
  until(world, () => world.nodes.a.mayAcknowledgeAlone);
  world.nodes.b.resume(0);
}

describe('a guard that is taken out is missed', () => {
  test('the lease counts from the sending of the request', () => {
    const options: WorldOptions = { delayMs: 55, witnessDelayMs: 1, timing: { ...lan, drainBoundMs: 5 } };
    expect(() => sleeper(options)).not.toThrow();
    expect(() => sleeper({ ...options, policy: mutants.leaseFromReceipt })).toThrow(/may answer reads/);
  });

  test('nobody opens before the lease of the peer has run out', () => {
    expect(() => sleeper({})).not.toThrow();
    expect(() => sleeper({ policy: mutants.noWaitForThePeersLease })).toThrow(/may answer reads/);
  });

  test('the lease is stretched by the drift of both clocks', () => {
    const options: WorldOptions = { delayMs: 0.2, rates: { a: 1.009, b: 0.991 } };
    const timing = { ...lan, drainBoundMs: 1 };
    expect(() => sleeper({ ...options, timing })).not.toThrow();
    expect(() => sleeper({ ...options, timing: { ...timing, clockDriftPpm: 0 } })).toThrow(
      /may answer reads/,
    );
  });

  test('a copy that lost its power does not survive alone', () => {
    const story = (options: WorldOptions): void => {
      const world = mirror(options);
      world.losePower('a');
      world.crash('b');
      world.start('a');
      world.runUntil(world.now + 3_000);
    };
    expect(() => story({})).not.toThrow();
    expect(() => story({ policy: mutants.powerLossForgotten })).toThrow(/without acknowledged write/);
  });

  test('a prepared copy is no member before the commit is proved', () => {
    const story = (options: WorldOptions): void => {
      const world = mirror({ ...options, faultModel: { kind: 'preElected', node: 'b' }, bootAlone: true });
      world.command('b', { kind: 'handover' });
      until(world, () => world.nodes.b.disk.prepared !== undefined);
      world.crash('b');
      world.cut('a>b');
      world.cut('b>a');
      world.start('b');
      world.runUntil(world.now + 3_000);
    };
    expect(() => story({})).not.toThrow();
    expect(() => story({ policy: mutants.preparedCountsAsMirrored })).toThrow(
      /both nodes may acknowledge alone/,
    );
  });

  test('an equal epoch of another lineage is not the same epoch', () => {
    const story = (options: WorldOptions): void => {
      const record = (nodeId: 'a' | 'b', lineageId: string): NodeRecord => ({
        version: 1,
        groupId: 'g',
        nodeId,
        mode: 'mirrored',
        epoch: 5,
        lineageId,
        sequencer: 'a',
        dataState: 'upToDate',
        history: [],
        machineBootId: `machine-${nodeId}-1`,
        clean: false,
      });
      const world = new World({ ...options, records: { a: record('a', 'green'), b: record('b', 'blue') } });
      for (const [id, write] of [
        ['a', 1],
        ['b', 2],
      ] as const) {
        world.nodes[id].copy.add(write);
        world.acknowledged.add(write);
      }
      world.writes = 2;
      watch(world);
      world.start('a');
      world.start('b');
      world.runUntil(3_000);
    };
    expect(() => story({})).not.toThrow();
    expect(() => story({ policy: mutants.otherLineageAccepted })).toThrow(/without acknowledged write/);
  });

  test('nobody resumes who has asked', () => {
    const story = (options: WorldOptions): void => {
      const world = mirror(options);
      for (const way of ['a>b', 'b>a', 'w>a', 'b>w']) world.cut(way);
      world.runUntil(world.now + 700);
      for (const way of ['a>b', 'b>a', 'w>a', 'b>w']) world.heal(way);
      world.runUntil(world.now + 3_000);
    };
    expect(() => story({})).not.toThrow();
    expect(() => story({ policy: mutants.resumesAlthoughAsked })).toThrow(
      /who has asked the witness does not mirror/,
    );
  });

  test('the preferred node stops granting when nothing is acknowledged', () => {
    const story = (options: WorldOptions): string => {
      const world = mirror(options);
      world.cut('a>b');
      world.runUntil(world.now + 1_500);
      return world.nodes.a.live.mode;
    };
    expect(story({})).toBe('standalone');
    expect(story({ policy: mutants.grantsWithoutAcknowledgement })).toBe('fenced');
  });

  test('nothing is said before it is durable', () => {
    const story = (options: WorldOptions): void => {
      const world = mirror({ ...options, persistMs: 40 });
      world.cut('b>w');
      world.command('a', { kind: 'handover' });
      until(world, () => world.nodes.b.mayAcknowledgeAlone);
      world.crash('a');
      world.cut('a>b');
      world.cut('b>a');
      world.start('a');
      world.runUntil(world.now + 3_000);
    };
    expect(() => story({})).not.toThrow();
    expect(() => story({ lyingDisk: true })).toThrow(/both nodes may acknowledge alone/);
  });
});

/** The leg of a fails, and with it goes the newest write: what was cached is dropped, whatever a later flush says. */
function failLeg(operation: 'write' | 'flush', options: WorldOptions): World {
  const world = mirror(options);
  const { a } = world.nodes;
  const newest = Math.max(...world.acknowledged);
  a.dispatch({ kind: 'leg-failed', operation, detail: 'EIO' });
  // Until it has handed over it holds its hosts, and nobody reads there.
  world.runUntil(world.now + 500);
  a.copy.delete(newest);
  for (const check of world.checks) check();
  world.runUntil(world.now + 1_500);
  return world;
}

/** Ids that were given to more than one wish. */
function idsGivenTwice(policy: typeof ttlPolarization): readonly string[] {
  const given: string[] = [];
  const world = mirror({
    policy: {
      ...policy,
      step: (state, event) => {
        const step = policy.step(state, event);
        given.push(...step.effects.map(({ id }) => id));
        return step;
      },
    },
  });
  world.crash('a');
  world.start('a');
  world.runUntil(world.now + 1_000);
  expect(given.length).toBeGreaterThan(20);
  return given.filter((id, index) => given.indexOf(id) !== index);
}

describe('a rule of the data path that is left out is missed', () => {
  test('an error of the own leg is never acknowledged', () => {
    expect(failLeg('write', {}).nodes.b.mayAcknowledgeAlone).toBe(true);
    const policy = mutants.legFailureIgnored('write');
    expect(() => failLeg('write', { policy })).toThrow(/serves without acknowledged write/);
  });

  test('a failed flush is never tried again', () => {
    expect(failLeg('flush', {}).nodes.b.mayAcknowledgeAlone).toBe(true);
    const policy = mutants.legFailureIgnored('flush');
    expect(() => failLeg('flush', { policy })).toThrow(/serves without acknowledged write/);
  });

  test('an id is never given to two wishes, also after a crash', () => {
    expect(idsGivenTwice(ttlPolarization)).toEqual([]);
    expect(idsGivenTwice(mutants.incarnationForgotten)).not.toEqual([]);
  });
});

test('a story fails when it does not end as it says', () => {
  expect(() => tell('at 0 cut link\nend 1500\nexpect b standalone\n---')).toThrow(
    'node b is fenced, not standalone',
  );
});
