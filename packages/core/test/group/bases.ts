import type { GroupFault } from '../../src/index.js';
import { move, redirect } from './happenings.js';
import { every, ids, World } from './world.js';

/** One fault, as it really happens. */
export function inflict(world: World, fault: GroupFault): void {
  switch (fault.kind) {
    case 'node-lost':
      world.crash(fault.node === 'a' ? 'a' : 'b');
      return;
    case 'link-cut':
      world.cut('a>b', 'b>a');
      return;
    case 'link-cut-one-way':
      world.cut(fault.from === 'a' ? 'a>b' : 'b>a');
      return;
    case 'witness-lost':
      world.cut('m1');
      return;
    case 'hosts-lost':
      world.loseHosts(fault.node === 'a' ? 'a' : 'b');
      return;
    case 'leg-failed':
      world.failLeg(fault.node === 'a' ? 'a' : 'b');
  }
}

function sick(world: World, level: 'unhealthySoft' | 'degraded'): World {
  world.nodes.a.dispatch({
    kind: 'part',
    policy: 'ttl-polarization',
    fact: { kind: 'health-changed', level, reasons: ['errors'] },
  });
  world.run(100);
  return world;
}

/** States from which every single and double fault is asked about. */
export const bases: Readonly<Record<string, () => World>> = {
  'fault handling alone, mirrored': () => new World().mirrored(),
  'all policies, mirrored': () => new World({ policies: every }).mirrored(),
  'the preferred node is degraded': () => sick(new World({ policies: every }).mirrored(), 'degraded'),
  'the preferred node is unhealthy': () => sick(new World({ policies: every }).mirrored(), 'unhealthySoft'),
  'elected beforehand, without a witness': () =>
    new World({ faultModel: { kind: 'preElected', node: 'a' } }).mirrored(),
  'elected while the mediator is away': () => {
    const world = new World({ policies: every }).mirrored();
    world.cut('m1');
    world.until(
      () =>
        ids.every((id) => {
          const { fallback } = world.nodes[id].live;
          return (
            fallback?.record.current.model.kind === 'preElected' && fallback.record.pending === undefined
          );
        }),
      30_000,
    );
    return world;
  },
  'after a planned failover': () => {
    const world = new World({ policies: every }).mirrored();
    move(world, 'a', 'move');
    world.run(1_200);
    return world;
  },
  'while a planned failover gets ready': () => {
    const world = new World({ policies: every }).mirrored();
    move(world, 'a', 'move');
    world.run(2);
    return world;
  },
  'a resync runs': () => {
    const world = new World({ policies: every, resyncMs: 60_000 }).mirrored();
    world.crash('a');
    world.run(900);
    world.start('a');
    world.until(() => world.nodes.b.live.polarization.mode === 'syncSource');
    world.run(20);
    return world;
  },
  'the target of a resync orders writes': () => {
    const world = new World({
      policies: {
        ...every,
        latencyFailback: { tuning: { linkStableMs: 50, dwellMs: 100, maxOutOfSyncBytes: 1e9 } },
      },
      resyncMs: 4_000,
    }).mirrored();
    world.crash('a');
    world.run(900);
    world.start('a');
    world.until(() => world.nodes.b.live.failback?.phase === 'resync');
    redirect(world, 'b');
    world.until(() => world.nodes.a.gate.ordersWrites && world.nodes.b.isOpen);
    return world;
  },
  'the other node goes on alone': () => {
    const world = new World({ policies: every }).mirrored();
    world.crash('a');
    world.run(1_500);
    return world;
  },
};
