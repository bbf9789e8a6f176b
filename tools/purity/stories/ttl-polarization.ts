import { World } from '../../../packages/core/test/support/world.js';
import { type Story } from '../story.js';

/**
 * What two nodes lived through in the test world: start, a cut between them and its end, a crash, an orderly handover.
 * Each start of a node is a story of its own, since a policy begins anew with what its disk holds.
 */
export function ttlPolarizationStories(): Story[] {
  const world = new World();
  world.start('a');
  world.start('b');
  world.runUntil(1_000);
  world.cut('a>b');
  world.cut('b>a');
  world.runUntil(3_000);
  world.heal('a>b');
  world.heal('b>a');
  world.runUntil(5_000);
  world.crash('a');
  world.runUntil(8_000);
  world.start('a');
  world.runUntil(10_000);
  world.command('b', { kind: 'handover' });
  world.runUntil(14_000);
  return Object.values(world.nodes).flatMap((node) =>
    node.history.map(({ options, at, events }) => {
      const title = `node ${options.nodeId}, start ${options.incarnation}`;
      return { policy: 'ttl-polarization', title, at, options, events };
    }),
  );
}
