import type { Millis } from '../../kernel/time.js';
import type { WitnessAnswer, WitnessView } from '../../ports/witness.js';
import { callWitness, maySurvive, retryPromotion } from './arbitrate.js';
import { historyBehind, nextRecord, ownedBySelf } from './record.js';
import type { PolarizationState, WitnessGlance, WitnessKnowledge } from './state.js';
import type { Turn } from './turn.js';
import type { OpenClaim, WitnessCall } from './types.js';

function glance(view: WitnessView): WitnessGlance {
  return {
    state: view.state,
    trusted: !view.quarantined && view.state !== 'EMPTY',
    epoch: view.epoch,
    ...(view.owner === undefined ? {} : { owner: view.owner }),
    ...(view.lineageId === undefined ? {} : { lineageId: view.lineageId }),
  };
}

function know(turn: Turn, change: Partial<WitnessKnowledge>): void {
  turn.patch({ witness: { ...turn.state.witness, ...change } });
}

/** An answer to the call that is under way; any other is late and says nothing any more. */
export function onWitnessAnswer(turn: Turn, effect: string, answer: WitnessAnswer): void {
  const { claim } = turn.state;
  if (claim?.effect !== effect) return;
  turn.patch({ claim: undefined });
  const isNewIncarnation = learn(turn, answer);
  if (turn.state.asked !== undefined && turn.state.entitledBy === undefined) {
    onPromotionAnswer(turn, claim, answer);
    return;
  }
  onDutyAnswer(turn, claim, answer, isNewIncarnation);
}

/** Notes what the answer says. True when it names an incarnation that this node has not talked to before. */
function learn(turn: Turn, answer: WitnessAnswer): boolean {
  const { witness, self } = turn.state;
  const reachable = answer.kind !== 'unreachable';
  if (witness.reachable !== undefined && witness.reachable !== reachable) {
    turn.report(reachable ? 'info' : 'alarm', { kind: 'witness-reachable', reachable });
  }
  know(turn, { reachable, nextAt: turn.at + self.timing.witnessRetryIntervalMs });
  if (answer.kind === 'unreachable') return false;
  know(turn, { incarnation: answer.view.incarnation, view: glance(answer.view) });
  return witness.incarnation !== answer.view.incarnation;
}

function onPromotionAnswer(turn: Turn, claim: OpenClaim, answer: WitnessAnswer): void {
  const { asked, record, self } = turn.state;
  if (asked === undefined) return;
  if (answer.kind === 'unreachable') {
    retryPromotion(turn, undefined);
    return;
  }
  if (claim.call !== 'promote') {
    // The witness has been told what it had missed: now it can decide.
    retryPromotion(turn, answer.kind);
    return;
  }
  if (answer.kind === 'granted') {
    know(turn, { confirmed: { epoch: asked.epoch, as: 'owner' } });
    turn.patch({ grant: { ...asked, by: 'witness' } });
    turn.report('warning', {
      kind: 'witness-granted',
      node: self.nodeId,
      epoch: asked.epoch,
      fromEpoch: record.epoch,
    });
    return;
  }
  const { view } = answer;
  if (answer.kind === 'denied' && view.owner === self.peerId && view.epoch > record.epoch) {
    turn.patch({ denied: { epoch: view.epoch, lineageId: view.lineageId ?? '' } });
    return;
  }
  const remedy = answer.kind === 'unknown-incarnation' ? undefined : catchUpCall(turn.state, answer);
  if (remedy === undefined) retryPromotion(turn, answer.kind);
  else callWitness(turn, remedy, record.epoch, record.lineageId);
}

/** How the witness learns that both mirror in this epoch, which it has missed; undefined when it knows. */
function catchUpCall(
  state: PolarizationState,
  answer: Exclude<WitnessAnswer, { kind: 'unreachable' }>,
): WitnessCall | undefined {
  const { record, self } = state;
  const { view, kind } = answer;
  if (kind === 'quarantined' || kind === 'not-registered' || view.quarantined) return 'register';
  if (view.epoch >= record.epoch) return undefined;
  const speaksForBoth =
    view.owner === undefined ? record.sequencer === self.nodeId : view.owner === self.nodeId;
  return speaksForBoth ? 'rejoin' : 'register';
}

/** What this node wants the witness to know; nothing ever waits for it. */
function dutyOf(state: PolarizationState): WitnessCall | undefined {
  const { mode, record, self, witness, asked } = state;
  if (self.faultModel.kind === 'preElected' || state.stopped) return undefined;
  switch (mode) {
    case 'unknown':
      return asked === undefined ? dutyAfterStart(state) : undefined;
    case 'mirrored': {
      if (witness.confirmed?.as === 'member' && witness.confirmed.epoch === record.epoch) return 'status';
      if (witness.mustRegister) return 'register';
      return record.sequencer === self.nodeId ? 'rejoin' : 'status';
    }
    case 'standalone':
    case 'syncSource':
    case 'paused':
    case 'splitBrain': {
      if (!ownedBySelf(record)) return undefined;
      return witness.confirmed?.as === 'owner' && witness.confirmed.epoch === record.epoch
        ? 'status'
        : 'reassert';
    }
    case 'fenced':
      return record.prepared === undefined ? undefined : 'status';
    default:
      return undefined;
  }
}

function dutyAfterStart(state: PolarizationState): WitnessCall {
  const { view } = state.witness;
  if (view === undefined) return 'status';
  if (ownedBySelf(state.record)) {
    const known = view.trusted && view.owner === state.self.nodeId && view.epoch === state.record.epoch;
    return known ? 'status' : 'reassert';
  }
  if (!maySurvive(state)) return 'status';
  const missed = !view.trusted || view.epoch < state.record.epoch;
  if (!missed) return 'status';
  const speaksForBoth =
    view.owner === state.self.nodeId ||
    (view.owner === undefined && state.record.sequencer === state.self.nodeId);
  return view.trusted && speaksForBoth ? 'rejoin' : 'register';
}

export function dutyDueAt(state: PolarizationState): Millis | undefined {
  if (state.claim !== undefined || dutyOf(state) === undefined) return undefined;
  return state.witness.nextAt;
}

export function doDutyIfDue(turn: Turn): void {
  const due = dutyDueAt(turn.state);
  const call = dutyOf(turn.state);
  if (due === undefined || call === undefined || turn.at < due) return;
  const { record, self } = turn.state;
  know(turn, { nextAt: turn.at + self.timing.witnessRetryIntervalMs });
  callWitness(turn, call, record.epoch, record.lineageId);
}

/** A driver that never answers must not stop this node: silence is an answer. */
export function claimGivenUpAt(state: PolarizationState): Millis | undefined {
  if (state.claim === undefined) return undefined;
  return state.claim.askedAt + 3 * state.self.timing.witnessCallTimeoutMs;
}

export function giveUpClaimIfDue(turn: Turn): void {
  const due = claimGivenUpAt(turn.state);
  const { claim } = turn.state;
  if (due === undefined || claim === undefined || turn.at < due) return;
  onWitnessAnswer(turn, claim.effect, { kind: 'unreachable', detail: 'no answer at all' });
}

function onDutyAnswer(turn: Turn, claim: OpenClaim, answer: WitnessAnswer, isNewIncarnation: boolean): void {
  if (answer.kind === 'unreachable') return;
  const { mode, self } = turn.state;
  if (answer.kind === 'unknown-incarnation') {
    // Composed for another memory: say it again to this one, once.
    know(turn, { confirmed: undefined });
    if (isNewIncarnation) know(turn, { nextAt: turn.at });
    return;
  }
  const view = glance(answer.view);
  if (mode === 'unknown') afterStart(turn, claim.call, view);
  else if (mode === 'mirrored') whileMirrored(turn, claim.call, view);
  else if (mode === 'fenced') proveMirror(turn, view);
  else {
    const isKnown = view.trusted && view.owner === self.nodeId && view.epoch === turn.state.record.epoch;
    confirm(turn, isKnown ? 'owner' : undefined, claim.call === 'status');
  }
}

/** Whatever the witness has forgotten or missed is said again: at once after a mere look, else at the usual pace. */
function confirm(turn: Turn, as: 'owner' | 'member' | undefined, wasLook: boolean): void {
  const { record } = turn.state;
  if (as !== undefined) {
    know(turn, { confirmed: { epoch: record.epoch, as }, mustRegister: false });
    return;
  }
  know(turn, { confirmed: undefined });
  if (wasLook) know(turn, { nextAt: turn.at });
}

function whileMirrored(turn: Turn, call: WitnessCall, view: WitnessGlance): void {
  const { record } = turn.state;
  const isKnown =
    view.trusted &&
    view.state === 'REGISTERED' &&
    view.epoch === record.epoch &&
    view.lineageId === record.lineageId;
  if (!isKnown) know(turn, { mustRegister: true });
  confirm(turn, isKnown ? 'member' : undefined, call !== 'register');
}

function afterStart(turn: Turn, call: WitnessCall, view: WitnessGlance): void {
  const { record, self } = turn.state;
  if (view.trusted && view.owner === self.peerId && view.epoch > record.epoch && record.mode !== 'fresh') {
    turn.patch({ denied: { epoch: view.epoch, lineageId: view.lineageId ?? '' } });
    return;
  }
  if (ownedBySelf(record)) {
    const isMine =
      view.owner === self.nodeId && view.epoch === record.epoch && view.lineageId === record.lineageId;
    if (view.trusted && isMine) {
      know(turn, { confirmed: { epoch: record.epoch, as: 'owner' } });
      turn.patch({ entitledBy: 'own-record' });
    }
  } else {
    proveMirror(turn, view);
  }
  if (call === 'status' && dutyOf(turn.state) !== 'status') know(turn, { nextAt: turn.at });
}

/** A prepared target that lost its source before the commit is a member if the witness says that both mirror. */
function proveMirror(turn: Turn, view: WitnessGlance): void {
  const { state } = turn;
  const { prepared } = state.record;
  if (prepared === undefined || state.peer !== undefined || state.saving !== undefined) return;
  const isProved =
    view.trusted &&
    view.state === 'REGISTERED' &&
    view.epoch === prepared.epoch &&
    view.lineageId === prepared.lineageId;
  if (!isProved) return;
  const samePower = state.record.machineBootId === state.self.machineBootId;
  turn.save(
    nextRecord(state, {
      mode: 'mirrored',
      owner: undefined,
      epoch: prepared.epoch,
      lineageId: prepared.lineageId,
      sequencer: prepared.sequencer,
      dataState: samePower ? 'upToDate' : 'consistent',
      history: historyBehind(state.record, prepared.lineageId),
    }),
    { kind: 'member' },
    { kind: 'witness-proves-mirror', epoch: prepared.epoch },
  );
}

/** After a change of epoch: tell the witness soon, and what it confirmed before counts no more. */
export function renewDuty(turn: Turn): void {
  const { confirmed } = turn.state.witness;
  const stands = confirmed?.epoch === turn.state.record.epoch;
  know(turn, {
    mustRegister: false,
    nextAt: stands ? turn.state.witness.nextAt : turn.at,
    ...(stands ? {} : { confirmed: undefined }),
  });
}
