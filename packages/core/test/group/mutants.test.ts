import { describe, expect, test } from 'vitest';
import { consistencyGroup, groupLockOf, whoWouldWin } from '../../src/index.js';
import { watch } from './checks.js';
import { calm, condition, move, redirect } from './happenings.js';
import * as mutants from './mutants.js';
import { every, ids, World } from './world.js';

type Policy = typeof consistencyGroup;
const quick = {
  swapRecovery: {
    first: 'a',
    tuning: { pollMs: 100, stableMs: 500, expectedResyncMs: 10, holdDownMs: 700, freezeTimeoutMs: 3_000 },
  },
  latencyFailback: { tuning: { linkStableMs: 50, dwellMs: 100, maxOutOfSyncBytes: 1e9 } },
};

function make(policy: Policy, resyncMs = 400): World {
  return watch(new World({ policies: { ...every, ...quick }, policy, resyncMs })).mirrored();
}

/** What each guard is there for. Every scene ends well with the real group, and not without the guard. */
const scenes: Readonly<Record<string, (policy: Policy) => void>> = {
  'a swap and a planned failover at once': (policy) => {
    const world = make(policy);
    condition(world, 'first', true);
    move(world, 'a', 'move');
    world.run(300);
    expect(world.nodes.b.gate.mode).toBe('standalone');
  },
  'a sick node in the middle of a planned failover': (policy) => {
    const world = make(policy);
    move(world, 'a', 'move');
    world.run(3);
    world.failLeg('a');
    world.run(300);
    expect(world.nodes.b.gate.mode).toBe('standalone');
    expect(world.nodes.b.disk.preferred).toBe('a');
  },
  'the source is cut off after its commit': (policy) => {
    const world = make(policy);
    move(world, 'a', 'move');
    world.until(() => world.nodes.b.live.planned?.target?.barrierSequence !== undefined);
    world.cut('a>b');
    world.until(() => world.nodes.a.disk.epoch === 3);
    world.crash('a');
    world.run(40);
    world.start('a');
    world.cut('b>a');
    world.run(2_500);
    calm(world);
    expect(world.nodes.a.disk.preferred).toBe('b');
  },
  'the source is lost before its commit': (policy) => {
    const world = make(policy);
    move(world, 'a', 'move');
    world.run(5);
    world.crash('a');
    world.run(900);
    world.start('a');
    calm(world);
    expect(
      ids.map((id) => world.nodes[id].gate.mode),
      world.lines.join('\n'),
    ).toEqual(['mirrored', 'mirrored']);
    expect(world.nodes.a.disk.preferred).toBe('b');
  },
  'the preferred node restarts with an old copy': (policy) => {
    const world = make(policy);
    world.resyncMs = 30_000;
    world.crash('a');
    world.run(900);
    world.start('a');
    world.until(() => world.nodes.a.disk.mode === 'syncTarget');
    world.crash('a');
    world.cut('a>b', 'b>a', 'a>w');
    world.start('a');
    world.run(2_500);
    expect(world.nodes.a.isOpen).toBe(false);
  },
  'preference moves while the mediator is away': (policy) => {
    const world = make(policy);
    world.cut('m1');
    world.until(() => world.nodes.a.live.fallback?.record.current.model.kind === 'preElected', 30_000);
    move(world, 'a', 'move');
    world.run(8_000);
    expect(whoWouldWin(world.nodes.b.live, { kind: 'link-cut' }).serves).toEqual(['b']);
    world.cut('a>b', 'b>a');
    world.run(1_500);
    expect(ids.filter((id) => world.nodes[id].isOpen)).toEqual(['b']);
  },
  'a planned failover, with hosts writing': (policy) => {
    const world = make(policy);
    for (let turn = 0; turn < 3; turn += 1) {
      move(world, turn % 2 === 0 ? 'a' : 'b', `move-${String(turn)}`);
      world.run(60);
    }
    expect(world.nodes.b.disk.epoch).toBe(5);
    const held = ids
      .flatMap((id) => world.nodes[id].said)
      .filter((effect) => effect.kind === 'set-gate' && effect.gate.host === 'held');
    expect(held.length).toBeGreaterThanOrEqual(6);
    calm(world);
  },
  'the target that orders writes is lost': (policy) => {
    const world = make(policy, 30_000);
    world.crash('a');
    world.run(900);
    world.start('a');
    world.until(() => world.nodes.b.live.failback?.phase === 'resync');
    redirect(world, 'b');
    world.run(60);
    expect(world.nodes.a.gate.ordersWrites).toBe(true);
    world.cut('a>b', 'b>a');
    world.run(2_500);
    expect(world.nodes.b.gate).toMatchObject({ host: 'open', ordersWrites: true, sequencer: 'b' });
  },
  'an ill storage comes back': (policy) => {
    const world = make(policy);
    condition(world, 'first', true);
    world.run(1_500);
    expect(world.nodes.a.gate.mode).toBe('fenced');
  },
  'a node crashes with the lock': (policy) => {
    const world = make(policy);
    move(world, 'a', 'move');
    world.until(
      () =>
        world.nodes.a.disk.operation !== undefined &&
        'source' in world.nodes.a.disk.operation &&
        world.nodes.a.disk.operation.source.phase === 'fenced',
    );
    world.crash('a');
    world.start('a');
    expect(groupLockOf(world.nodes.a.live)?.operationId).toBe('move');
    calm(world);
  },
};

describe('the real group', () => {
  test.each(Object.keys(scenes))(
    '%s: ends well',
    (name) => {
      scenes[name]?.(consistencyGroup);
    },
    20_000,
  );
});

describe('with one guard taken out, something is missed', () => {
  test.each(Object.entries(mutants))(
    '%s',
    (_name, policy) => {
      const caught = Object.entries(scenes).filter(([, scene]) => {
        try {
          scene(policy);
          return false;
        } catch {
          return true;
        }
      });
      expect(caught.map(([scene]) => scene)).not.toEqual([]);
    },
    60_000,
  );
});
