import { calm, condition, move, redirect } from '../../../packages/core/test/group/happenings.js';
import { every, ids, World } from '../../../packages/core/test/group/world.js';
import { type Story } from '../story.js';

/** A planned failover, a cut link, a swap, a crash and a redirect, as each life of each node of one group sees them. */
export function consistencyGroupStories(): Story[] {
  const world = new World({
    policies: {
      ...every,
      swapRecovery: {
        first: 'a',
        tuning: { pollMs: 100, stableMs: 500, expectedResyncMs: 10, holdDownMs: 700 },
      },
      latencyFailback: { tuning: { linkStableMs: 50, dwellMs: 100, maxOutOfSyncBytes: 1e9 } },
    },
    resyncMs: 400,
  }).mirrored();
  move(world, 'a', 'move-1');
  world.run(60);
  world.cut('a>b', 'b>a');
  world.run(900);
  calm(world);
  condition(world, 'second', true);
  world.run(200);
  calm(world);
  world.crash('b');
  world.run(900);
  world.start('b');
  world.until(() => world.nodes.a.gate.mode === 'syncSource');
  world.run(150);
  for (const id of ids) redirect(world, id);
  calm(world);
  return ids.flatMap((id) =>
    world.nodes[id].history.map(({ options, at, events }, index) => ({
      policy: 'consistency-group',
      title: `life ${String(index + 1)} of node ${id}`,
      at,
      options,
      events,
    })),
  );
}
