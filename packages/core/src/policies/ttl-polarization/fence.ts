import { stopLeases } from './lease.js';
import type { Because } from './reasons.js';
import { nextRecord, ownedBySelf } from './record.js';
import type { Turn } from './turn.js';
import type { Lineage, NodeRecord } from './types.js';

/**
 * Stops serving at once, and writes it down. `winner`: what the other node holds, when somebody has said so; a copy that may hold
 * writes of its own keeps its ownership, so that divergence is seen when the two meet.
 */
export function fence(turn: Turn, winner: Pick<Lineage, 'epoch'> | undefined, because: Because): void {
  const { state } = turn;
  stopLeases(turn);
  turn.patch({
    mode: 'fenced',
    operation: undefined,
    asked: undefined,
    claim: undefined,
    grant: undefined,
    entitledBy: undefined,
  });
  turn.setGate(because, true);
  turn.report('alarm', because);
  const record = fencedRecord(turn, winner);
  if (record !== undefined && state.saving === undefined) turn.save(record, { kind: 'fenced' }, because);
}

function fencedRecord(turn: Turn, winner: Pick<Lineage, 'epoch'> | undefined): NodeRecord | undefined {
  const { state } = turn;
  const { record, self } = state;
  if (ownedBySelf(record)) {
    return nextRecord(state, {
      mode: 'fenced',
      owner: self.nodeId,
      dataState: state.legFailure === undefined ? record.dataState : 'consistent',
    });
  }
  if (record.mode !== 'mirrored') return undefined;
  return nextRecord(state, {
    mode: 'fenced',
    owner: winner === undefined ? undefined : self.peerId,
    epoch: Math.max(record.epoch, winner?.epoch ?? 0),
    dataState: 'outdated',
  });
}
