import type { Millis } from '../../kernel/time.js';
import { suspend, takeSurvivorship } from './alone.js';
import { fence } from './fence.js';
import { atLeast, peerIsFit } from './health.js';
import { introduce } from './introduce.js';
import { reconcile, type Meeting } from './meet.js';
import { resumeMirror } from './mirror.js';
import type { Because } from './reasons.js';
import { nextRecord, ownedBySelf } from './record.js';
import { interruptResync, propose } from './resync.js';
import type { PolarizationState } from './state.js';
import type { Turn } from './turn.js';
import type { Mode } from './types.js';

/** Modes in which a node has given up its own decision for what the peer holds. */
const undecided: readonly Mode[] = ['unknown', 'mirrored', 'suspended', 'arbitrating'];

/** Acts on what the two nodes are to each other. Called after every event: it does nothing that is done already. */
export function meet(turn: Turn): void {
  const { state } = turn;
  const { peer } = state;
  if (peer === undefined || state.saving !== undefined || state.stopped) return;
  if (state.operation !== undefined && state.operation.kind !== 'proposing') return;
  if (state.mode === 'syncTarget' && state.resync?.session === peer.session) {
    // The source leads: there is nothing to decide here while it copies.
    if (peer.introduction.mode === 'fenced') interruptResync(turn, 'the source has stopped');
    return;
  }
  const meeting = reconcile(introduce(state), peer.introduction);
  // The answer to an open claim decides more than an agreement could; only a survivor that is one already does not wait.
  if (state.claim?.call === 'promote' && !(meeting.kind === 'target' && meeting.owned)) return;
  if (state.operation?.kind === 'proposing' && meeting.kind !== 'source')
    turn.patch({ operation: undefined });
  act(turn, meeting);
}

function act(turn: Turn, meeting: Meeting): void {
  switch (meeting.kind) {
    case 'resume':
      resumeMirror(turn);
      break;
    case 'source':
      actAsSource(turn, meeting);
      break;
    case 'target':
      actAsTarget(turn, meeting.owned);
      break;
    case 'take-over':
      takeOver(turn, meeting.epoch);
      break;
    case 'paused':
      if (ownedBySelf(turn.state.record)) claimOwnRecord(turn);
      break;
    case 'split-brain':
      splitBrain(turn);
      break;
    case 'nobody':
      leaveMirror(turn, 'peer-left-mirror', meeting.detail);
      reportOnce(turn, { kind: 'no-survivor', detail: meeting.detail });
      break;
    case 'refuse':
      leaveMirror(turn, 'peer-left-mirror', meeting.detail);
      reportOnce(turn, { kind: 'peer-refused', detail: meeting.detail });
      break;
    case 'await-take-over':
    case 'stay':
      break;
  }
}

function reportOnce(turn: Turn, because: Because): void {
  const { peer } = turn.state;
  const text = JSON.stringify(because);
  if (peer === undefined || peer.reported === text) return;
  turn.patch({ peer: { ...peer, reported: text } });
  turn.report('alarm', because);
}

function leaveMirror(turn: Turn, cause: 'peer-left-mirror' | 'peer-restarted', detail: string): void {
  if (turn.state.mode === 'mirrored') suspend(turn, cause, detail, false);
}

/** The peer serves nothing, by its own word: its lease needs no wait. */
function notePeerQuiet(turn: Turn): void {
  const { peer, peerQuietAt } = turn.state;
  const mode = peer?.introduction.mode;
  const serves = mode === undefined || mode === 'mirrored' || mode === 'standalone' || mode === 'syncSource';
  if (!serves && peerQuietAt === undefined) turn.patch({ peerQuietAt: turn.at });
}

/** The record says that this node holds survivorship, and the peer's shows that nobody has gone on since. */
function claimOwnRecord(turn: Turn): void {
  if (turn.state.entitledBy === undefined) turn.patch({ entitledBy: 'own-record' });
  notePeerQuiet(turn);
}

function actAsSource(turn: Turn, meeting: Extract<Meeting, { kind: 'source' }>): void {
  const { state } = turn;
  const { peer, resync } = state;
  if (peer === undefined) return;
  if (resync?.side === 'source' && resync.session === peer.session) {
    if (peer.introduction.mode !== 'syncTarget')
      interruptResync(turn, `the target is ${peer.introduction.mode}`);
    return;
  }
  if (ownedBySelf(state.record)) {
    if (state.mode === 'splitBrain') endSplitBrain(turn);
    if (undecided.includes(turn.state.mode)) claimOwnRecord(turn);
  }
  leaveMirror(turn, 'peer-restarted', `boot ${peer.introduction.bootId}`);
  const due = proposalAt(turn.state, meeting);
  if (due !== undefined && turn.at >= due) propose(turn, meeting);
}

/** The other copy has been named the victim. A node that was closed when it met the other waits as after a start. */
function endSplitBrain(turn: Turn): void {
  const { gate, record } = turn.state;
  turn.patch({ mode: gate.host === 'open' ? 'standalone' : 'unknown' });
  const because = { kind: 'mode', mode: turn.state.mode, epoch: record.epoch } as const;
  turn.setGate(because);
  turn.report('info', because);
}

/** When the peer is asked to be the target; undefined while that makes no sense. */
export function proposalAt(state: PolarizationState, meeting: Meeting): Millis | undefined {
  const { peer, operation, mode, self } = state;
  if (
    peer === undefined ||
    meeting.kind !== 'source' ||
    operation !== undefined ||
    state.saving !== undefined
  )
    return undefined;
  if (state.legFailure !== undefined || state.claim?.call === 'promote' || state.resync !== undefined)
    return undefined;
  if (mode === 'standalone') {
    // Nobody waits for the second copy: let the link prove itself, and a sick node recover first.
    return peerIsFit(state)
      ? Math.max(peer.proposeAt, peer.connectedAt + self.timing.rejoinStableMs)
      : undefined;
  }
  if (!undecided.includes(mode) || mode === 'mirrored' || ownedBySelf(state.record)) return undefined;
  return atLeast(peer.introduction.health, 'unhealthyHard') ? undefined : peer.proposeAt;
}

/** The same, from the state alone. */
export function proposalDueAt(state: PolarizationState): Millis | undefined {
  if (state.peer === undefined || state.operation !== undefined || state.saving !== undefined)
    return undefined;
  if (state.mode === 'mirrored') return undefined;
  return proposalAt(state, reconcile(introduce(state), state.peer.introduction));
}

function actAsTarget(turn: Turn, owned: boolean): void {
  const { state } = turn;
  const { peer } = state;
  if (peer === undefined) return;
  if (owned && undecided.includes(state.mode) && state.record.mode !== 'fresh') {
    const { epoch, nodeId } = peer.introduction.record;
    fence(turn, { epoch }, { kind: 'peer-owns', owner: nodeId, epoch });
    return;
  }
  leaveMirror(turn, 'peer-left-mirror', `the peer is ${peer.introduction.mode}`);
}

function takeOver(turn: Turn, epoch: number): void {
  const { state } = turn;
  if (!(undecided.includes(state.mode) || state.mode === 'fenced') || state.legFailure !== undefined) return;
  const because = { kind: 'peer-fenced', peer: state.self.peerId, epoch } as const;
  leaveMirror(turn, 'peer-left-mirror', 'it has fenced itself');
  turn.report('warning', because);
  notePeerQuiet(turn);
  takeSurvivorship(turn, { epoch, lineageId: turn.drawLineage(epoch) }, 'peer-fenced');
}

/** Both may hold writes that the other lacks: both go on as they were, loudly, and nothing is merged. */
function splitBrain(turn: Turn): void {
  const { state } = turn;
  const { peer, record, mode } = state;
  if (mode === 'splitBrain' || peer === undefined) return;
  const because = {
    kind: 'split-brain',
    epoch: record.epoch,
    peerEpoch: peer.introduction.record.epoch,
  } as const;
  turn.patch({ mode: 'splitBrain', operation: undefined });
  turn.report('alarm', because);
  turn.save(
    nextRecord(state, { owner: state.self.nodeId, mode: 'splitBrain' }),
    { kind: 'split-brain' },
    because,
  );
}
