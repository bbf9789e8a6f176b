import { freshRound } from './alone.js';
import { dropOwnLease, emptyLease, startLeases } from './lease.js';
import { historyBehind, nextRecord, openFullResync } from './record.js';
import type { Millis } from '../../kernel/time.js';
import type { Operation, PolarizationState } from './state.js';
import type { Turn } from './turn.js';
import type { NodeRecord, PolarizationMessage } from './types.js';
import { renewDuty } from './witness.js';

/** What no mirror carries over from the time before it. */
const nothingPending = {
  loss: undefined,
  peerQuietAt: undefined,
  evidenceAt: undefined,
  asked: undefined,
  grant: undefined,
  denied: undefined,
  entitledBy: undefined,
  operation: undefined,
  resync: undefined,
  round: freshRound,
} as const;

/** The same peer is back, and nothing has happened in between: a new lease session of the same epoch. */
export function resumeMirror(turn: Turn): void {
  const { peer, loss, record, mode, lease } = turn.state;
  if (peer === undefined) return;
  if (mode === 'mirrored') {
    if (lease.session !== peer.session) startLeases(turn, peer.session);
    return;
  }
  const because = { kind: 'resumed', epoch: record.epoch, afterMs: turn.at - (loss?.at ?? turn.at) } as const;
  turn.patch({ ...nothingPending, mode: 'mirrored', claim: undefined });
  // Its word that it was suspended may be relied on already: what was granted before that does not count again.
  dropOwnLease(turn);
  startLeases(turn, peer.session);
  turn.setGate(because);
  turn.report('info', because);
  renewDuty(turn);
}

/** The record of the mirror is durable here: serve, under leases that begin from nothing. */
export function enterMirror(turn: Turn): void {
  const { peer, record } = turn.state;
  if (peer === undefined) return;
  const because = { kind: 'mirrored', epoch: record.epoch, sequencer: record.sequencer } as const;
  turn.patch({
    ...nothingPending,
    mode: 'mirrored',
    claim: undefined,
    mirroringWith: peer.introduction.bootId,
    lease: emptyLease(turn.at),
    // What the peer last said of itself is older than what the two have just agreed on.
    peer: {
      ...peer,
      introduction: {
        ...peer.introduction,
        mode: 'mirrored',
        record: mirroredTwin(record, peer.introduction.record),
        mirroringWithBootId: turn.state.self.bootId,
        asked: false,
        pristine: false,
      },
    },
  });
  startLeases(turn, peer.session);
  turn.setGate(because, true);
  turn.report('info', because);
  renewDuty(turn);
}

function mirroredTwin(record: NodeRecord, theirs: NodeRecord): NodeRecord {
  return { ...record, nodeId: theirs.nodeId, machineBootId: theirs.machineBootId };
}

/** Source: every block was equal once. Asks the target to be ready, and serves on meanwhile. */
export function onCaughtUp(turn: Turn, effect: string, movedBytes: number): void {
  const { state } = turn;
  const { resync, peer } = state;
  const isCurrent = resync?.effect === effect && resync.side === 'source' && resync.session === peer?.session;
  if (state.mode !== 'syncSource' || !isCurrent || state.operation !== undefined) return;
  const epoch = state.record.epoch + 1;
  const lineageId = turn.drawLineage(epoch);
  const because = { kind: 'caught-up', epoch, movedBytes } as const;
  turn.begin({ kind: 'preparing', session: peer.session, epoch, lineageId });
  turn.send({ kind: 'mirror-prepare', epoch, lineageId, sequencer: state.self.nodeId }, because);
  turn.report('info', because);
}

type Prepare = Extract<PolarizationMessage, { kind: 'mirror-prepare' }>;
type Prepared = Extract<PolarizationMessage, { kind: 'mirror-prepared' }>;
type Commit = Extract<PolarizationMessage, { kind: 'mirror-commit' }>;

/** Target: agrees durably. From now on the witness may prove it a member, should the source be lost. */
export function onPrepare(turn: Turn, prepare: Prepare): void {
  const { state } = turn;
  const { peer, record } = state;
  if (state.mode !== 'syncTarget' || peer === undefined || state.saving !== undefined) return;
  if (prepare.epoch <= record.epoch || prepare.sequencer !== state.self.peerId) return;
  const { epoch, lineageId, sequencer } = prepare;
  turn.save(
    nextRecord(state, {
      owner: record.owner,
      prepared: { epoch, lineageId, sequencer },
      ...openFullResync(record),
    }),
    { kind: 'prepared', session: peer.session },
    { kind: 'prepared', epoch },
  );
}

/** Source: the target is ready. Now nothing may be in flight when the epoch changes. */
export function onPrepared(turn: Turn, prepared: Prepared): void {
  const { operation } = turn.state;
  if (operation?.kind !== 'preparing' || !matches(operation, prepared)) return;
  const effect = turn.wish({ kind: 'drain', flush: false }, { kind: 'prepared', epoch: prepared.epoch });
  const { session, epoch, lineageId } = operation;
  turn.begin({ kind: 'draining', session, epoch, lineageId, effect, since: turn.at });
}

/** Hosts wait while the last writes reach the target: a target that does not take them in time is a lost one. */
export function drainGivenUpAt(state: PolarizationState): Millis | undefined {
  const { operation, self } = state;
  if (operation?.kind !== 'draining' || state.saving !== undefined) return undefined;
  return operation.since + self.timing.peerCallTries * self.timing.peerCallTimeoutMs;
}

/** Source: host I/O is held and nothing is in flight: the mirror begins with this record. */
export function commitMirror(turn: Turn, operation: Extract<Operation, { kind: 'draining' }>): void {
  const { state } = turn;
  if (state.saving !== undefined || state.peer?.session !== operation.session) return;
  const { epoch, lineageId, session } = operation;
  const { nodeId } = state.self;
  turn.patch({ operation: undefined });
  turn.save(
    nextRecord(state, {
      mode: 'mirrored',
      owner: undefined,
      epoch,
      lineageId,
      sequencer: nodeId,
      dataState: 'upToDate',
      history: historyBehind(state.record, lineageId),
    }),
    { kind: 'mirrored', session, side: 'source' },
    { kind: 'mirrored', epoch, sequencer: nodeId },
  );
}

/** Target: the source has committed. */
export function onCommit(turn: Turn, commit: Commit): void {
  const { state } = turn;
  const { prepared } = state.record;
  if (state.mode !== 'syncTarget' || prepared === undefined || state.saving !== undefined) return;
  if (state.peer === undefined || !matches(prepared, commit)) return;
  const { epoch, lineageId, sequencer } = prepared;
  turn.save(
    nextRecord(state, {
      mode: 'mirrored',
      owner: undefined,
      epoch,
      lineageId,
      sequencer,
      dataState: 'upToDate',
      history: historyBehind(state.record, lineageId),
    }),
    { kind: 'mirrored', session: state.peer.session, side: 'target' },
    { kind: 'mirrored', epoch, sequencer },
  );
}

export function matches(
  one: { readonly epoch: number; readonly lineageId: string },
  other: { readonly epoch: number; readonly lineageId: string },
): boolean {
  return one.epoch === other.epoch && one.lineageId === other.lineageId;
}
