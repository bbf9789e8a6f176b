import type { Millis } from '../../kernel/time.js';
import { peerStopsAt, stopLeases } from './lease.js';
import { historyBehind, nextRecord, ownedBySelf } from './record.js';
import type { AloneBy, LossCause } from './reasons.js';
import type { Turn } from './turn.js';
import type { PolarizationState } from './state.js';
import type { Lineage } from './types.js';

/** The round of calls that has not begun. */
export const freshRound = { tries: 0, failed: false, nextAt: 0 } as const;

/**
 * The peer is out of reach or does not mirror any more: host I/O is held until it is clear who goes on. With `hangUp` the session
 * is dropped, so that the link is made anew and the two introduce themselves again.
 */
export function suspend(turn: Turn, cause: LossCause, detail: string, hangUp: boolean): void {
  const { state } = turn;
  const because = { kind: 'peer-lost', cause, detail, epoch: state.record.epoch } as const;
  stopLeases(turn);
  turn.patch({ mode: 'suspended', loss: { at: turn.at, cause }, operation: undefined, round: freshRound });
  turn.setGate(because);
  turn.report('warning', because);
  if (hangUp && state.peer !== undefined) {
    turn.send({ kind: 'peer-lost', epoch: state.record.epoch }, because);
    turn.wish({ kind: 'drop-session', session: state.peer.session }, because);
    turn.patch({ peer: undefined });
  }
}

/** Somebody has decided for this node: write that down. Nothing opens before it is durable. */
export function takeSurvivorship(turn: Turn, taken: Lineage, by: AloneBy): void {
  const { state } = turn;
  const record = nextRecord(state, {
    mode: 'standalone',
    owner: state.self.nodeId,
    epoch: taken.epoch,
    lineageId: taken.lineageId,
    sequencer: state.self.nodeId,
    dataState: 'upToDate',
    history: historyBehind(state.record, taken.lineageId),
  });
  turn.patch({ operation: undefined });
  turn.save(record, { kind: 'serve-alone', by }, serviceReason(state, by, taken.epoch));
}

function serviceReason(state: PolarizationState, by: AloneBy, epoch: number) {
  return {
    kind: 'serves-alone',
    node: state.self.nodeId,
    by,
    epoch,
    sinceLossMs: state.loss === undefined ? 0 : state.now - state.loss.at,
    peerQuietMs: state.now - peerStopsAt(state),
  } as const;
}

/** When this node, which holds survivorship durably and by a confirmed word, may open; undefined when it may not at all. */
export function opensAloneAt(state: PolarizationState): Millis | undefined {
  const { mode, record, saving, entitledBy } = state;
  const waits =
    mode === 'unknown' ||
    mode === 'arbitrating' ||
    mode === 'suspended' ||
    mode === 'mirrored' ||
    mode === 'fenced';
  if (!waits || saving !== undefined || entitledBy === undefined) return undefined;
  if (!ownedBySelf(record) || record.dataState !== 'upToDate' || state.legFailure !== undefined)
    return undefined;
  return peerStopsAt(state);
}

/** Opens once nobody else can reply any more. */
export function openAloneIfDue(turn: Turn): void {
  const { state } = turn;
  const due = opensAloneAt(state);
  if (due === undefined || turn.at < due || state.entitledBy === undefined) return;
  const { record, self } = state;
  if (record.clean || record.machineBootId !== self.machineBootId) {
    // From the first write of this start on, the old word "stopped in order" would be a lie.
    const by = state.entitledBy;
    turn.save(
      nextRecord(state, { owner: self.nodeId, mode: record.mode === 'paused' ? 'paused' : 'standalone' }),
      { kind: 'serve-alone', by },
      serviceReason(state, by, record.epoch),
    );
    return;
  }
  const because = serviceReason(state, state.entitledBy, record.epoch);
  stopLeases(turn);
  turn.patch({
    mode: record.mode === 'paused' ? 'paused' : 'standalone',
    asked: undefined,
    grant: undefined,
    denied: undefined,
    round: freshRound,
  });
  turn.setGate(because, true);
  turn.report(because.by === 'handover' || because.by === 'pause' ? 'warning' : 'alarm', because);
}
