import type { Millis } from '../../kernel/time.js';
import { suspend } from './alone.js';
import { fence } from './fence.js';
import { atLeast, ownLevel } from './health.js';
import { peerStopsAt, stopLeases } from './lease.js';
import { matches } from './mirror.js';
import { historyBehind, nextRecord } from './record.js';
import type { Continuation, Operation, PolarizationState } from './state.js';
import type { Turn } from './turn.js';
import type { PolarizationMessage } from './types.js';

type Offer = Extract<PolarizationMessage, { kind: 'offer-win' }>;
type AcceptWin = Extract<PolarizationMessage, { kind: 'accept-win' }>;
type CommitWin = Extract<PolarizationMessage, { kind: 'commit-win' }>;
type PauseRequest = Extract<PolarizationMessage, { kind: 'pause-request' }>;
type Fencing = Extract<Operation, { kind: 'fencing' }>;
type HandedOver = Extract<Continuation, { kind: 'handed-over' }>;

/** Why a handover is complete although the peer has not said so. */
export const foundInIntroduction = 'this node is fenced; the peer finds that in its introduction';

/*
 * One-sided handover: offer (still serving) - accept (nothing changes) - stop, drain, write down that the peer goes on - commit -
 * the peer writes down that it does, and opens. At no point can both serve; both are idle only while the commit travels, and if
 * that is lost, the peer finds the same word in this node's introduction.
 */

/** Why no handover can be offered now; undefined when it can. Two sick nodes keep mirroring. */
export function handoverBlockedBy(state: PolarizationState): string | undefined {
  const { peer, mode, operation, saving, self, record } = state;
  if (mode !== 'mirrored') return `this node is ${mode}, not mirrored`;
  // Its leg has failed while that was being written: what has been decided is not decided again.
  if (record.owner !== undefined) return `node ${record.owner} goes on alone by the record`;
  if (peer === undefined) return 'the peer is not connected';
  if (operation !== undefined || saving !== undefined) return 'another change is under way';
  const { introduction, healthAt } = peer;
  const bearable = state.legFailure === undefined ? 'degraded' : 'unhealthyHard';
  if (atLeast(introduction.health, bearable)) return `the peer is ${introduction.health}`;
  const ageMs = state.now - healthAt;
  if (ageMs > self.timing.healthFreshMs)
    return `the peer's health was last heard of ${String(Math.round(ageMs))} ms ago`;
  if (introduction.record.dataState !== 'upToDate')
    return `the peer's copy is ${introduction.record.dataState}`;
  return undefined;
}

/** From when on the own health calls for a handover. */
export function handoverWantedAt(state: PolarizationState): Millis | undefined {
  if (state.mode !== 'mirrored') return undefined;
  if (state.legFailure !== undefined) return state.offerAt;
  const { level, since } = state.health;
  if (level === 'unhealthyHard') return Math.max(state.offerAt, since);
  if (level === 'unhealthySoft') return Math.max(state.offerAt, since + state.self.timing.unhealthyConfirmMs);
  return undefined;
}

/** When something about that can be done; a handover that is blocked waits for the event that unblocks it. */
export function handoverDueAt(state: PolarizationState): Millis | undefined {
  const wanted = handoverWantedAt(state);
  const busy = state.operation !== undefined || state.saving !== undefined;
  if (wanted === undefined || busy) return undefined;
  return state.legFailure !== undefined || handoverBlockedBy(state) === undefined ? wanted : undefined;
}

export function offerIfSick(turn: Turn): void {
  const due = handoverWantedAt(turn.state);
  if (due === undefined || turn.at < due || handoverBlockedBy(turn.state) !== undefined) return;
  offer(turn, undefined);
}

export function offer(turn: Turn, commandId: string | undefined): void {
  const { state } = turn;
  const { peer } = state;
  if (peer === undefined) return;
  const epoch = state.record.epoch + 1;
  const lineageId = turn.drawLineage(epoch);
  const because = {
    kind: 'handover-offer',
    level: ownLevel(state),
    forMs: state.legFailure === undefined ? turn.at - state.health.since : 0,
    epoch,
  } as const;
  turn.begin({
    kind: 'offering',
    session: peer.session,
    epoch,
    lineageId,
    since: turn.at,
    ...(commandId === undefined ? {} : { commandId }),
  });
  turn.send({ kind: 'offer-win', epoch, lineageId }, because);
  turn.report('warning', because);
}

/** Accepting promises nothing that would have to survive a crash: this node acts on the commit only. */
export function onOffer(turn: Turn, offered: Offer): void {
  const { state } = turn;
  const { peer } = state;
  const level = ownLevel(state);
  const isReady =
    state.mode === 'mirrored' &&
    state.operation === undefined &&
    state.saving === undefined &&
    state.legFailure === undefined;
  if (!isReady || peer === undefined || atLeast(level, 'unhealthyHard')) return;
  if (offered.epoch !== state.record.epoch + 1 || state.record.dataState !== 'upToDate') return;
  const { epoch, lineageId } = offered;
  turn.begin({ kind: 'accepting', session: peer.session, epoch, lineageId, since: turn.at });
  turn.send({ kind: 'accept-win', epoch, lineageId }, { kind: 'handover-accept', epoch, peerLevel: level });
}

export function onAcceptWin(turn: Turn, accepted: AcceptWin): void {
  const { operation } = turn.state;
  if (operation?.kind !== 'offering' || !matches(operation, accepted)) return;
  const { session, epoch, lineageId, commandId } = operation;
  beginFencing(turn, {
    session,
    epoch,
    lineageId,
    pause: false,
    ...(commandId === undefined ? {} : { commandId }),
  });
}

/** An operator wants the other node to serve alone for a while: this one steps back as if it had offered that. */
export function onPauseRequest(turn: Turn, request: PauseRequest): void {
  const { state } = turn;
  const { peer } = state;
  const isReady = state.mode === 'mirrored' && state.operation === undefined && state.saving === undefined;
  if (!isReady || peer === undefined || request.epoch !== state.record.epoch + 1) return;
  const { epoch, lineageId } = request;
  beginFencing(turn, { session: peer.session, epoch, lineageId, pause: true });
}

function beginFencing(
  turn: Turn,
  agreed: Pick<Fencing, 'session' | 'epoch' | 'lineageId' | 'pause' | 'commandId'>,
): void {
  const because = { kind: 'handover-fence', epoch: agreed.epoch } as const;
  const effect = turn.wish({ kind: 'drain', flush: false }, because);
  turn.begin({ kind: 'fencing', ...agreed, since: turn.at, effect });
}

/** Nothing is in flight here, or waiting for it was given up: what was not acknowledged never will be. */
export function fenceForPeer(turn: Turn, operation: Fencing): void {
  const { state } = turn;
  if (state.saving !== undefined) return;
  const because = { kind: 'handover-fence', epoch: operation.epoch } as const;
  stopLeases(turn);
  turn.setGate(because, true);
  turn.save(
    nextRecord(state, {
      mode: operation.pause ? 'paused' : 'fenced',
      owner: state.self.peerId,
      epoch: operation.epoch,
      sequencer: state.self.peerId,
      dataState: 'outdated',
    }),
    {
      kind: 'handed-over',
      session: operation.session,
      lineageId: operation.lineageId,
      ...(operation.commandId === undefined ? {} : { commandId: operation.commandId }),
    },
    because,
  );
}

/** Fenced durably: now the peer may serve, and is told so. */
export function commitHandover(turn: Turn, then: HandedOver): void {
  const { state } = turn;
  const { record, peer } = state;
  const { session, lineageId, commandId } = then;
  const because = { kind: 'fenced', epoch: record.epoch, owner: record.owner } as const;
  turn.patch({
    mode: record.mode === 'paused' ? 'paused' : 'fenced',
    operation: undefined,
    entitledBy: undefined,
  });
  turn.setGate(because, true);
  turn.report('warning', because);
  if (peer?.session !== session) {
    if (commandId !== undefined) turn.answer(commandId, 'handover', true, foundInIntroduction);
    return;
  }
  turn.send({ kind: 'commit-win', epoch: record.epoch, lineageId }, because);
  turn.begin({
    kind: 'handing',
    session,
    epoch: record.epoch,
    ...(commandId === undefined ? {} : { commandId }),
  });
}

/** The peer has fenced itself durably in this node's favour. */
export function onCommitWin(turn: Turn, commit: CommitWin): void {
  const { state } = turn;
  const { operation, record, self, peer } = state;
  if (
    state.mode !== 'mirrored' ||
    state.saving !== undefined ||
    state.legFailure !== undefined ||
    peer === undefined
  )
    return;
  if (commit.epoch !== record.epoch + 1 || record.dataState !== 'upToDate') return;
  const isPause = operation?.kind === 'pausing';
  const commandId = isPause ? operation.commandId : undefined;
  turn.patch({ operation: undefined, peerQuietAt: turn.at });
  stopLeases(turn);
  turn.save(
    nextRecord(state, {
      mode: isPause ? 'paused' : 'standalone',
      owner: self.nodeId,
      sequencer: self.nodeId,
      epoch: commit.epoch,
      lineageId: commit.lineageId,
      dataState: 'upToDate',
      history: historyBehind(record, commit.lineageId),
    }),
    { kind: 'serve-alone', by: isPause ? 'pause' : 'handover' },
    {
      kind: 'serves-alone',
      node: self.nodeId,
      by: isPause ? 'pause' : 'handover',
      epoch: commit.epoch,
      sinceLossMs: 0,
      peerQuietMs: turn.at - peerStopsAt(turn.state),
    },
  );
  if (commandId !== undefined)
    turn.answer(commandId, 'pause', true, `serving alone in epoch ${String(commit.epoch)}`);
}

/** The peer serves: the handover is complete. */
export function onWinAck(turn: Turn, epoch: number): void {
  const { operation } = turn.state;
  if (operation?.kind !== 'handing' || operation.epoch !== epoch) return;
  turn.patch({ operation: undefined });
  if (operation.commandId !== undefined) {
    turn.answer(operation.commandId, 'handover', true, `the peer serves alone in epoch ${String(epoch)}`);
  }
}

/** When a handover that does not move on is given up, or goes on without having drained. */
export function handoverGivenUpAt(state: PolarizationState): Millis | undefined {
  const { operation, self, saving } = state;
  switch (operation?.kind) {
    case 'offering':
    case 'pausing':
      return operation.since + self.timing.handoverTimeoutMs;
    case 'fencing':
      return saving === undefined ? operation.since + self.timing.handoverTimeoutMs : undefined;
    case 'accepting':
      // Offer, drain and write-down at the other side may each take their time.
      return operation.since + 3 * self.timing.handoverTimeoutMs;
    default:
      return undefined;
  }
}

export function giveUpHandoverIfDue(turn: Turn): void {
  const due = handoverGivenUpAt(turn.state);
  const { operation } = turn.state;
  if (due === undefined || turn.at < due || operation === undefined) return;
  if (operation.kind === 'fencing') {
    fenceForPeer(turn, operation);
    return;
  }
  cancelHandover(turn, 'the peer did not answer in time');
}

/** Nothing durable has happened yet: both go on as before. */
export function cancelHandover(turn: Turn, detail: string): void {
  const { operation, self } = turn.state;
  if (operation === undefined) return;
  turn.patch({ operation: undefined, offerAt: turn.at + self.timing.handoverTimeoutMs });
  turn.report('warning', { kind: 'handover-cancelled', detail });
  if (operation.kind === 'pausing') turn.answer(operation.commandId, 'pause', false, detail);
  if (operation.kind === 'offering' && operation.commandId !== undefined) {
    turn.answer(operation.commandId, 'handover', false, detail);
  }
}

/** A leg that has failed serves nothing any more: hand over if somebody can take it, else stop. */
export function stopWithFailedLeg(turn: Turn): void {
  const { state } = turn;
  if (state.legFailure === undefined || state.saving !== undefined || state.mode === 'fenced') return;
  const { operation, mode } = state;
  if (mode === 'mirrored') {
    const isHanding = operation?.kind === 'offering' || operation?.kind === 'fencing';
    // One offer is made; when it fails, this node stops, and the peer finds that in its introduction.
    if (isHanding || (handoverBlockedBy(state) === undefined && turn.at >= state.offerAt)) return;
    suspend(turn, 'peer-left-mirror', 'nobody can take over', false);
  }
  const owned = state.record.owner === state.self.nodeId;
  if (state.resync !== undefined) {
    turn.wish({ kind: 'stop-resync' }, { kind: 'leg-failed', ...state.legFailure });
    turn.patch({ resync: undefined });
  }
  fence(turn, undefined, { kind: 'leg-failed', ...state.legFailure });
  if (owned) {
    turn.report('alarm', {
      kind: 'no-survivor',
      detail: 'the only whole copy has failed; repair the leg, start the process again, and reattach it',
    });
  }
}
