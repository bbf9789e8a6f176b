import { describe, expect, test } from 'vitest';
import { doubleFaultsOf, singleFaultsOf, whoWouldWin, type GroupFault } from '../../src/index.js';
import { bases, inflict } from './bases.js';
import { watch } from './checks.js';
import { ids, type NodeId, type World } from './world.js';

/** What the real step does: the world goes on after the faults, and somebody looks who serves. */
function simulate(
  world: World,
  faults: readonly GroupFault[],
): { serves: NodeId[]; pauseMs: Map<NodeId, number> } {
  const startedAt = world.now;
  const openSince = new Map<NodeId, number>();
  const look = (): void => {
    for (const id of ids) {
      const node = world.nodes[id];
      if (!node.isOpen) openSince.delete(id);
      else if (!openSince.has(id)) openSince.set(id, world.now);
    }
  };
  look();
  for (const id of openSince.keys()) openSince.set(id, startedAt);
  for (const fault of faults) inflict(world, fault);
  world.checks.push(look);
  look();
  world.run(2_600);
  const serves = ids.filter((id) => openSince.has(id));
  return { serves, pauseMs: new Map(serves.map((id) => [id, (openSince.get(id) ?? 0) - startedAt])) };
}

/** Every pair of faults with HOLDFAST_RUNS; otherwise every third, others from each base. Single faults are always all asked about. */
const stride = process.env['HOLDFAST_RUNS'] === undefined ? 3 : 1;

describe.each(Object.keys(bases).map((name, index) => [name, index] as const))('from "%s"', (name, index) => {
  const make = bases[name];
  if (make === undefined) throw new Error(name);
  const first = make();
  const state = (first.nodes.a.isRunning ? first.nodes.a : first.nodes.b).live;
  const all: (readonly GroupFault[])[] = [
    [],
    ...singleFaultsOf(state).map((one) => [one]),
    ...doubleFaultsOf(state).filter((_pair, place) => (place + index) % stride === 0),
  ];

  test(`${String(all.length)} faults: the answer is what the real step then does`, () => {
    const wrong: string[] = [];
    for (const faults of all) {
      const world = watch(make());
      const alive = ids.filter((id) => world.nodes[id].isRunning);
      // Each node that is there is asked; what they say is the same.
      const answers = alive.map((id) => whoWouldWin(world.nodes[id].live, faults));
      const before = JSON.stringify(alive.map((id) => world.nodes[id].live));
      for (const id of alive) whoWouldWin(world.nodes[id].live, faults);
      expect(JSON.stringify(alive.map((id) => world.nodes[id].live))).toBe(before);
      const real = simulate(world, faults);
      for (const answer of answers) {
        const late = real.serves.filter((id) => (real.pauseMs.get(id) ?? 0) > (answer.withinMs ?? 0));
        if (JSON.stringify(answer.serves) !== JSON.stringify(real.serves) || late.length > 0)
          wrong.push(
            `${answer.detail} Really: ${real.serves.join(',')} ${JSON.stringify([...real.pauseMs])}\n${world.lines.join('\n')}`,
          );
      }
    }
    expect(wrong.join('\n\n')).toBe('');
  }, 60_000);
});
