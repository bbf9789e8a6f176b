import { expect } from 'vitest';
import type { PolarizationState } from '../../src/index.js';
import type { NodeId, TestNode } from './node.js';
import { other, type World } from './world.js';

const ids: readonly NodeId[] = ['a', 'b'];

/** What must hold in every state that the two nodes are ever in together. Throws when it does not. */
export function watch(world: World): void {
  let turn = 0;
  world.checks.push(() => {
    turn += 1;
    // Hosts write all the time, at either side, so that a copy that misses something is seen to miss it.
    if (turn % 3 === 0) world.write(turn % 2 === 0 ? 'a' : 'b');
    checkSurvivors(world);
    for (const id of ids) checkNode(world, world.nodes[id], turn % 40 === 0);
  });
}

function fail(world: World, rule: string): never {
  throw new Error(`${rule}\n${world.lines.join('\n')}\nat ${String(world.now)} ms`);
}

/** I-a1: one survivor at most, over all epochs and lineages. */
function checkSurvivors(world: World): void {
  const { a, b } = world.nodes;
  if (a.mayAcknowledgeAlone && b.mayAcknowledgeAlone) fail(world, 'both nodes may acknowledge alone');
}

/** Writes that every check looks at; now and then one looks at all. */
const newest = 12;

function checkNode(world: World, node: TestNode, all: boolean): void {
  if (!node.isRunning) return;
  const { state } = node;
  if (state === undefined) return;
  const peer = world.nodes[other(node.id)];
  // I-a3: no read is answered while the other may acknowledge without this node.
  if (node.mayRead && peer.isServing && peer.mayAcknowledgeAlone) {
    fail(world, `node ${node.id} may answer reads while node ${peer.id} may acknowledge alone`);
  }
  // I-a6: whoever answers reads or goes on alone has every acknowledged write.
  if (node.mayRead || (node.mayAcknowledgeAlone && node.isServing)) {
    for (const write of world.acknowledged) {
      if (!all && write <= world.writes - newest) continue;
      if (!node.copy.has(write))
        fail(world, `node ${node.id} serves without acknowledged write ${String(write)}`);
    }
  }
  // I-a2, I-a4, I-a5 are rules of one state.
  for (const invariant of node.policy.invariants) {
    if (invariant.cost === 'costly') continue;
    const broken = invariant.check(state);
    if (broken !== undefined) fail(world, `node ${node.id}: ${invariant.name}: ${broken}`);
  }
}

/** Every life again, from its options and events alone: the same states and the same wishes, also through JSON at every step. */
export function checkReplay(world: World): void {
  for (const id of ids) {
    const node = world.nodes[id];
    for (const life of node.history) {
      let state = node.policy.init(life.options, life.at);
      let restored: PolarizationState = throughJson(state);
      for (const event of life.events) {
        const straight = node.policy.step(state, event);
        const again = node.policy.step(restored, throughJson(event));
        expect(again).toEqual(straight);
        state = straight.state;
        restored = throughJson(again.state);
        expect(restored).toStrictEqual(state);
      }
      if (life === node.history.at(-1)) expect(state).toStrictEqual(node.state);
    }
  }
}

function throughJson<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value;
}
