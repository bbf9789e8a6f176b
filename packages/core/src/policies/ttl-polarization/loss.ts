import type { FencingEvidence } from '../../ports/fencer.js';
import { suspend } from './alone.js';
import { cancelHandover, foundInIntroduction } from './handover.js';
import { dropOwnLease } from './lease.js';
import { drainGivenUpAt } from './mirror.js';
import type { LossCause } from './reasons.js';
import { interruptResync } from './resync.js';
import type { Millis } from '../../kernel/time.js';
import type { PolarizationState } from './state.js';
import type { Turn } from './turn.js';
import type { PolarizationFact } from './types.js';

type Connected = Extract<PolarizationFact, { kind: 'peer-connected' }>;

/** A new session, whether or not the end of the one before it has been noticed. */
export function onConnected(turn: Turn, event: Connected): void {
  const { lastSession, mode, peer } = turn.state;
  if (event.session <= lastSession) return;
  if (peer !== undefined && mode !== 'mirrored')
    onSessionLost(turn, 'disconnected', 'a new session replaces it', false);
  else if (peer !== undefined) dropConversation(turn, 'a new session replaces the one before');
  turn.patch({
    lastSession: event.session,
    healthToldAt: undefined,
    peer: {
      session: event.session,
      connectedAt: turn.at,
      introduction: event.introduction,
      healthAt: turn.at,
      heardAt: turn.at,
      proposeAt: turn.at,
    },
  });
}

/** What the session carried is over: the peer may have lost it half-way. */
function dropConversation(turn: Turn, detail: string): void {
  const { operation } = turn.state;
  if (operation === undefined || operation.kind === 'stopping') return;
  if (operation.kind === 'handing' || operation.kind === 'proposing') {
    turn.patch({ operation: undefined });
    if (operation.kind === 'handing' && operation.commandId !== undefined) {
      turn.answer(operation.commandId, 'handover', true, foundInIntroduction);
    }
    return;
  }
  if (operation.kind === 'fencing') {
    if (turn.state.saving !== undefined) return;
    // Not written down yet: this node has promised nothing.
    turn.patch({ operation: undefined });
    // Ends the drain: mirrored, hosts go on; otherwise the loss that follows sets a gate of its own.
    turn.setGate({ kind: 'handover-cancelled', detail }, true);
    turn.report('warning', { kind: 'handover-cancelled', detail });
    if (operation.commandId !== undefined) turn.answer(operation.commandId, 'handover', false, detail);
    return;
  }
  if (operation.kind === 'preparing' || operation.kind === 'draining') return;
  cancelHandover(turn, detail);
}

/** The session with the peer is over, or useless. `hangUp`: it is this node that ends it. */
export function onSessionLost(turn: Turn, cause: LossCause, detail: string, hangUp: boolean): void {
  const { state } = turn;
  const { peer, mode } = state;
  dropConversation(turn, detail);
  const because = { kind: 'peer-lost', cause, detail, epoch: state.record.epoch } as const;
  if (hangUp && peer !== undefined && mode !== 'mirrored') {
    turn.wish({ kind: 'drop-session', session: peer.session }, because);
  }
  if (mode === 'mirrored' && state.operation?.kind !== 'stopping') {
    suspend(turn, cause, detail, hangUp);
    turn.patch({ peer: undefined });
    return;
  }
  turn.patch({ peer: undefined });
  if (mode === 'syncSource' || mode === 'syncTarget') interruptResync(turn, detail);
}

/** Where no lease tells that the peer has fallen silent, its health words do: they wait for no disk. */
export function silentAt(state: PolarizationState): Millis | undefined {
  if (state.peer === undefined || state.mode === 'mirrored') return undefined;
  return state.peer.heardAt + state.self.timing.healthFreshMs;
}

export function loseSilentPeer(turn: Turn): void {
  const due = silentAt(turn.state);
  const { peer } = turn.state;
  if (due === undefined || peer === undefined || turn.at < due) return;
  onSessionLost(turn, 'peer-silent', `${String(Math.round(turn.at - peer.heardAt))} ms`, true);
}

export function loseUndrainedTarget(turn: Turn): void {
  const due = drainGivenUpAt(turn.state);
  if (due === undefined || turn.at < due) return;
  onSessionLost(turn, 'replication-silent', 'the last writes before the mirror were not acknowledged', true);
}

/** Certain knowledge about one life of the peer. Anything less, or about another life, changes nothing. */
export function onEvidence(turn: Turn, evidence: FencingEvidence): void {
  const { state } = turn;
  const { self, mode } = state;
  if (
    evidence.strength !== 'io' ||
    evidence.nodeId !== self.peerId ||
    evidence.bootId !== state.mirroringWith
  )
    return;
  if (mode !== 'mirrored' && mode !== 'suspended' && mode !== 'arbitrating') return;
  if (
    state.evidenceAt !== undefined ||
    (state.peer?.introduction.bootId === evidence.bootId && mode !== 'mirrored')
  )
    return;
  turn.patch({ evidenceAt: turn.at });
  turn.report('info', { kind: 'fencing-evidence', bootId: evidence.bootId, how: evidence.how });
  if (mode === 'mirrored') onSessionLost(turn, 'fencing-evidence', evidence.how, true);
}

/** This process stood still: whatever it held in time, it may have held for too long. */
export function onStalled(turn: Turn, stalledMs: number): void {
  const boundMs = turn.state.self.timing.drainBoundMs;
  if (stalledMs <= boundMs) return;
  turn.report('warning', { kind: 'clock-stalled', stalledMs, boundMs });
  dropOwnLease(turn);
  if (turn.state.mode === 'mirrored') {
    onSessionLost(turn, 'clock-stalled', `${String(Math.round(stalledMs))} ms`, true);
  }
}
