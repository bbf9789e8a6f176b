import type { Policy, System } from './explore.js';
import { ids } from './world.js';

/** What two states have in common when nothing can ever tell them apart: the numbers of events, wishes and leases do not count. */
export function keyOf(system: System): string {
  const names = new Map<string, string>();
  const text = JSON.stringify(system, (key, value: unknown) =>
    key === 'deliveries' || key === 'absorbed' || key === 'sequence' || key === 'told' || key === 'reported'
      ? undefined
      : value,
  );
  return text.replace(/"g\/[ab]\/\d+\/\d+\/\d+[^"]*"/g, (id) => {
    const known = names.get(id) ?? `"#${String(names.size)}"`;
    names.set(id, known);
    return known;
  });
}

/** What must hold of the two together, and of each alone. */
export function brokenRule(system: System, policy: Policy): string | undefined {
  const live = ids.flatMap((id) => {
    const { up, state } = system.nodes[id];
    return up && state !== undefined ? [state] : [];
  });
  for (const state of live) {
    for (const invariant of policy.invariants) {
      const broken = invariant.cost === 'cheap' ? invariant.check(state) : undefined;
      if (broken !== undefined) return `node ${state.self.nodeId}: ${invariant.name}: ${broken}`;
    }
  }
  const [one, two] = live;
  if (one === undefined || two === undefined) return undefined;
  const alone = live.filter(({ gate }) => gate.host === 'open' && gate.legs !== 'both');
  if (alone.length > 1) return 'both acknowledge alone';
  if (one.gate.ordersWrites && two.gate.ordersWrites) return 'both order writes';
  const mirrors = live.filter(({ gate }) => gate.host === 'open' && gate.mode === 'mirrored');
  if (mirrors.length === 2 && one.gate.epoch === two.gate.epoch && one.gate.lineageId !== two.gate.lineageId)
    return 'two lineages of one epoch';
  return undefined;
}
