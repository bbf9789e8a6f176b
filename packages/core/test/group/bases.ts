import type { GroupFault } from '../../src/index.js';
import { every, World } from './world.js';

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
  'the other node goes on alone': () => {
    const world = new World({ policies: every }).mirrored();
    world.crash('a');
    world.run(1_500);
    return world;
  },
};
