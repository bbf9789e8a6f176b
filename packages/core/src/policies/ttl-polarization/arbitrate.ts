import type { Millis } from '../../kernel/time.js';
import { freshRound, takeSurvivorship } from './alone.js';
import { fence } from './fence.js';
import { healthDelayMs, ladderLevel } from './health.js';
import { ownLeaseEnd, peerStopsAt } from './lease.js';
import type { PolarizationState, WitnessGlance } from './state.js';
import { startWaitMs } from './timing.js';
import type { Turn } from './turn.js';
import type { OpenClaim, WitnessCall } from './types.js';

/** This copy may survive alone: whole, and in a state from which survivorship is decided. */
export function maySurvive(state: PolarizationState): boolean {
  return (
    state.record.mode === 'mirrored' &&
    state.record.dataState === 'upToDate' &&
    state.legFailure === undefined
  );
}

/**
 * The delay ladder: when this node asks to be the survivor. Delays decide only who wins; that there is one winner is the
 * witness's word, and that the other has stopped is `peerStopsAt`.
 */
export function askAt(state: PolarizationState): Millis | undefined {
  if (!maySurvive(state) || state.saving !== undefined || state.operation?.kind === 'stopping')
    return undefined;
  const delay = healthDelayMs(ladderLevel(state), state.self.timing.unhealthyDelayMs);
  if (delay === undefined) return undefined;
  const at =
    state.mode === 'suspended'
      ? askAfterLoss(state, delay)
      : state.mode === 'unknown'
        ? askAfterStart(state, delay)
        : undefined;
  return at === undefined ? undefined : Math.max(at, conversationEndsAt(state));
}

function askAfterLoss(state: PolarizationState, delay: number): Millis | undefined {
  const { loss, self } = state;
  if (loss === undefined) return undefined;
  if (state.evidenceAt !== undefined) return Math.max(loss.at, state.evidenceAt) + delay;
  const stops = peerStopsAt(state);
  if (self.role === 'preferred') {
    // A healthy preferred node may not serve before `stops` anyway: asking earlier than the calls take would only deprive a
    // reset connection of its chance to come back.
    const callsMs = self.timing.witnessCallTries * self.timing.witnessCallTimeoutMs;
    return Math.max(loss.at, delay === 0 ? stops - callsMs : stops + delay);
  }
  return Math.max(loss.at, stops, ownLeaseEnd(state) ?? loss.at) + self.timing.nonPreferredDelayMs + delay;
}

/** Both were down: who is up asks, if the witness says that nobody has been promoted since. */
function askAfterStart(state: PolarizationState, delay: number): Millis | undefined {
  const { self, witness } = state;
  const isOpen =
    self.faultModel.kind === 'preElected'
      ? self.bootAlone && self.faultModel.node === self.nodeId
      : witness.view !== undefined && leavesOpen(state, witness.view);
  if (!isOpen || state.asked !== undefined) return undefined;
  const headStart = self.role === 'preferred' ? 0 : self.timing.nonPreferredDelayMs;
  return state.startedAt + startWaitMs(self.timing) + headStart + delay;
}

/** While the peer is here and the two are agreeing on a resync, the witness is not asked: agreement needs no third. */
function conversationEndsAt(state: PolarizationState): Millis {
  const { peer, operation, self } = state;
  if (peer === undefined || peer.introduction.health === 'unhealthyHard') return 0;
  const since =
    operation?.kind === 'proposing' ? Math.max(operation.since, peer.connectedAt) : peer.connectedAt;
  return since + self.timing.handoverTimeoutMs;
}

/** The witness's word lets this member ask: nobody is promoted, or this very node was and died before it wrote that down. */
export function leavesOpen(state: PolarizationState, view: WitnessGlance): boolean {
  const { record, self } = state;
  if (!view.trusted) return false;
  if (view.state === 'REGISTERED') return view.epoch === record.epoch && view.lineageId === record.lineageId;
  return view.owner === self.nodeId && view.epoch === record.epoch + 1;
}

/** Asks, or knows without asking when the survivor was elected beforehand. */
export function askIfDue(turn: Turn): void {
  const { state } = turn;
  const due = askAt(state);
  if (due === undefined || turn.at < due) return;
  const { self, record } = state;
  turn.patch({ operation: undefined });
  const epoch = record.epoch + 1;
  if (self.faultModel.kind === 'preElected') {
    electedBeforehand(turn, self.faultModel.node, epoch);
    return;
  }
  const lineageId = turn.drawLineage(epoch);
  turn.patch({
    mode: state.mode === 'unknown' ? 'unknown' : 'arbitrating',
    asked: { epoch, lineageId },
    round: freshRound,
  });
  const because = {
    kind: 'ladder',
    role: self.role,
    level: ladderLevel(state),
    waitedMs: turn.at - (state.loss?.at ?? state.startedAt),
    fromEpoch: record.epoch,
    epoch,
  } as const;
  turn.setGate(because);
  turn.report('warning', because);
  promote(turn);
}

function electedBeforehand(turn: Turn, elected: string, epoch: number): void {
  const { state } = turn;
  const { nodeId } = state.self;
  if (elected !== nodeId) {
    fence(turn, undefined, { kind: 'not-pre-elected', node: nodeId, elected });
    return;
  }
  const waitedMs = turn.at - (state.loss?.at ?? state.startedAt);
  const because = { kind: 'pre-elected', node: nodeId, epoch, waitedMs } as const;
  turn.patch({ mode: state.mode === 'unknown' ? 'unknown' : 'arbitrating' });
  turn.setGate(because);
  turn.report('warning', because);
  takeSurvivorship(turn, { epoch, lineageId: turn.drawLineage(epoch) }, 'pre-election');
}

/** One call to the witness; what was under way before it is forgotten, and its answer ignored. */
export function callWitness(turn: Turn, call: WitnessCall, epoch: number, lineageId: string): void {
  const { state } = turn;
  const { incarnation } = state.witness;
  const fromEpoch = state.record.epoch;
  const because =
    call === 'promote'
      ? ({
          kind: 'ladder',
          role: state.self.role,
          level: ladderLevel(state),
          waitedMs: turn.at - (state.loss?.at ?? state.startedAt),
          fromEpoch,
          epoch,
        } as const)
      : ({ kind: 'witness-duty', call, epoch } as const);
  const effect = turn.wish(
    {
      kind: 'ask-witness',
      call,
      epoch,
      fromEpoch,
      lineageId,
      ...(incarnation === undefined ? {} : { incarnation }),
      ...(call === 'reassert' ? { history: state.record.history } : {}),
    },
    because,
  );
  const claim: OpenClaim = { effect, call, epoch, lineageId, tries: state.round.tries + 1, askedAt: turn.at };
  turn.patch({ claim });
}

export function promote(turn: Turn): void {
  const { asked } = turn.state;
  if (asked !== undefined) callWitness(turn, 'promote', asked.epoch, asked.lineageId);
}

/** A call that has failed: again at once while tries are left, then a pause with closed doors. */
export function retryPromotion(turn: Turn, undecided: string | undefined): void {
  const { round, self, record } = turn.state;
  const tries = round.tries + 1;
  if (tries < self.timing.witnessCallTries) {
    turn.patch({ round: { ...round, tries } });
    promote(turn);
    return;
  }
  const retryMs = self.timing.witnessRetryIntervalMs;
  const because =
    undecided === undefined
      ? ({ kind: 'witness-silent', tries, retryMs } as const)
      : ({ kind: 'witness-undecided', answer: undecided, epoch: record.epoch, retryMs } as const);
  turn.patch({ round: { tries: 0, failed: true, nextAt: turn.at + retryMs } });
  turn.setGate(because);
  turn.report('alarm', because);
}

/** When the next round of asking begins. */
export function nextRoundAt(state: PolarizationState): Millis | undefined {
  const idle = state.claim === undefined && state.saving === undefined && state.grant === undefined;
  const asks = state.asked !== undefined && (state.mode === 'arbitrating' || state.mode === 'unknown');
  if (!asks || !idle || state.entitledBy !== undefined || !maySurvive(state)) return undefined;
  return Math.max(state.round.nextAt, conversationEndsAt(state));
}

export function nextRoundIfDue(turn: Turn): void {
  const due = nextRoundAt(turn.state);
  if (due !== undefined && turn.at >= due) promote(turn);
}

/** Writes down what the witness has said, as soon as nothing else is being written. */
export function settleVerdict(turn: Turn): void {
  const { grant, denied, saving } = turn.state;
  if (saving !== undefined) return;
  if (denied !== undefined) {
    turn.patch({ denied: undefined });
    fence(turn, denied, { kind: 'witness-owner', owner: turn.state.self.peerId, epoch: denied.epoch });
    return;
  }
  if (grant === undefined) return;
  turn.patch({ grant: undefined });
  if (maySurvive(turn.state)) takeSurvivorship(turn, grant, grant.by);
}
