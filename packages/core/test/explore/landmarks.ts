import { groupOf } from './grouped.js';
import { names, sides, type World } from './world.js';

/* Where a group is to get to: what is never seen was not explored. */

/** The roles have passed to node b, and both mirror under its order. */
export const hasMoved = {
  name: 'a planned failover has been carried out',
  isReached: ({ nodes }: World): boolean =>
    nodes.every(({ state }) => {
      if (state?.mode !== 'mirrored') return false;
      const { record, planned } = groupOf(state);
      return (
        record.sequencer === names[1] && record.preferred === names[1] && planned?.record.grant === undefined
      );
    }),
};
export const hasFallenBack = {
  name: 'a node goes on alone although a planned failover had begun',
  isReached: ({ nodes, faults }: World): boolean =>
    (faults[0] ?? 0) > 1 && sides.some((side) => nodes[side].state?.mode === 'standalone'),
};

/** The storage of node a has been left, and node b has it all. */
export const hasSwapped = {
  name: 'a swap has been carried out',
  isReached: ({ nodes, ill }: World): boolean =>
    ill[0] && nodes[1].state?.mode === 'standalone' && nodes[0].state?.mode === 'fenced',
};
export const hasReturned = {
  name: 'the target of a resync orders the writes',
  isReached: ({ nodes: [{ state }] }: World): boolean =>
    state?.mode === 'syncTarget' && groupOf(state).gate.ordersWrites,
};
export const hasElected = {
  name: 'a survivor is elected while the mediator is away',
  isReached: ({ nodes }: World): boolean =>
    nodes.every(({ state }) => {
      if (state === null) return false;
      const { record } = groupOf(state).fallback ?? {};
      return record?.current.model.kind === 'preElected' && record.pending === undefined;
    }),
};
