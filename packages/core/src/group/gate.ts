import type { GroupState } from './state.js';
import type { GroupGate } from './types.js';

/** The words of all policies joined. Fault handling permits; the others forbid, and say who orders writes. */
export function gateFor(state: GroupState): { readonly gate: GroupGate; readonly strictest: string } {
  const { polarization, record, self, planned, failback, frozen } = state;
  const { gate } = polarization;
  const { epoch, lineageId } = gate;
  if (readsThrough(state)) return { gate: throughGate(state), strictest: 'latency-failback' };
  const strictest =
    gate.host !== 'open'
      ? undefined
      : planned?.gate.host === 'hold' && gate.mode === 'mirrored'
        ? 'planned-failover'
        : frozen
          ? 'swap-recovery'
          : failback?.phase === 'quiescing' || failback?.phase === 'committing'
            ? 'latency-failback'
            : state.passing !== undefined || isForeignOrder(state)
              ? 'consistency-group'
              : undefined;
  if (strictest !== undefined) {
    const held = { ...gate, host: 'held', legs: 'none', reads: 'none', ordersWrites: false } as const;
    return { gate: held, strictest };
  }
  const isSequencer = gate.sequencer === self.nodeId && gate.host === 'open';
  const mayOrder = planned === undefined || gate.mode !== 'mirrored' || planned.gate.ordersWrites;
  const ordersWrites = isSequencer && mayOrder && record.epoch === epoch && record.lineageId === lineageId;
  return { gate: { ...gate, ordersWrites }, strictest: 'ttl-polarization' };
}

/** The target of a resync that has been given the order of writes, and knows that the owner is with it in this epoch. */
export function readsThrough({ polarization, record, self }: GroupState): boolean {
  return (
    polarization.mode === 'syncTarget' &&
    polarization.peer !== undefined &&
    record.owner === self.peerId &&
    record.sequencer === self.nodeId &&
    polarization.record.epoch === record.epoch
  );
}

function throughGate({ record }: GroupState): GroupGate {
  const { epoch, lineageId, sequencer } = record;
  return {
    mode: 'syncTarget',
    epoch,
    lineageId,
    sequencer,
    host: 'open',
    legs: 'both',
    reads: 'confirmed',
    ordersWrites: true,
  };
}

/** An owner that goes on alone and does not order its writes yet: it takes the order back with the next epoch. */
export function isForeignOrder({ polarization, record, self }: GroupState): boolean {
  return (
    polarization.mode === 'standalone' && record.owner === self.nodeId && record.sequencer !== self.nodeId
  );
}

export function sameGroupGate(one: GroupGate, other: GroupGate): boolean {
  return (
    one.host === other.host &&
    one.epoch === other.epoch &&
    one.mode === other.mode &&
    one.lineageId === other.lineageId &&
    one.sequencer === other.sequencer &&
    one.legs === other.legs &&
    one.reads === other.reads &&
    one.ordersWrites === other.ordersWrites
  );
}
