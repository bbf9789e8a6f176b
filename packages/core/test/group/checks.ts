import type { World } from './world.js';
import { ids } from './world.js';

/** What must hold in every state that the two nodes are ever in together. Throws when it does not. */
export function watch(world: World): World {
  let turn = 0;
  world.checks.push(() => {
    turn += 1;
    // Hosts write all the time, at either side, so that a copy that misses something is seen to miss it.
    if (turn % 3 === 0) world.write(turn % 2 === 0 ? 'a' : 'b');
    const { a, b } = world.nodes;
    if (a.mayAcknowledgeAlone && b.mayAcknowledgeAlone) fail(world, 'both nodes may acknowledge alone');
    if (a.state !== undefined && b.state !== undefined && a.isOpen && b.isOpen) {
      if (a.gate.ordersWrites && b.gate.ordersWrites) fail(world, 'both nodes order writes');
      const isTogether = a.gate.mode === 'mirrored' && b.gate.mode === 'mirrored';
      if (isTogether && a.gate.epoch === b.gate.epoch && a.gate.lineageId !== b.gate.lineageId)
        fail(world, 'two lineages of one epoch');
    }
    for (const id of ids) checkNode(world, id, turn % 50 === 0);
  });
  return world;
}

function fail(world: World, rule: string): never {
  throw new Error(`${rule}\n${world.lines.join('\n')}\nat ${String(world.now)} ms`);
}

function checkNode(world: World, id: 'a' | 'b', all: boolean): void {
  const node = world.nodes[id];
  if (!node.isRunning || node.state === undefined) return;
  if (node.mayAcknowledgeAlone) {
    for (const write of world.acknowledged) {
      if (!all && write <= world.writes - 8) continue;
      if (!node.copy.has(write))
        fail(world, `node ${id} serves alone without acknowledged write ${String(write)}`);
    }
  }
  for (const invariant of world.policy.invariants) {
    if (invariant.cost === 'costly' && !all) continue;
    const broken = invariant.check(node.state);
    if (broken !== undefined) fail(world, `node ${id}: ${invariant.name}: ${broken}`);
  }
}
