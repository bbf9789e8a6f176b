import {
  failbackOperationOf,
  type LatencyFailbackEffect,
  type LatencyFailbackFact,
} from '../policies/latency-failback/index.js';
import { foldFailback } from './fold.js';
import { claimantOf, comesBefore, isSettled, leadsGroup, LOCK_RETRY_MS, mayBegin } from './lock.js';
import { failbackPlaceOf } from './record.js';
import type { GroupCopyReport } from './types.js';
import type { GroupTurn } from './turn.js';

/*
 * What the wishes of latency-failback mean to the group, and what it is told. Its primary is the preferred node. While both mirror,
 * both serve and nobody is away; while the other one goes on alone and copies home, that one owns the group whoever orders the writes,
 * so the complete copy needs no pin but its ownership. The copy is fault handling's resync, started once.
 */

const name = 'latency-failback';

export function onFailbackEffect(turn: GroupTurn, effect: LatencyFailbackEffect): void {
  switch (effect.kind) {
    case 'persist':
      onPersist(turn, effect);
      return;
    case 'set-gate':
      turn.noteGate(name, effect.id, { kind: 'by-policy', part: { policy: name, because: effect.because } });
      return;
    case 'request-operation':
      request(turn, effect.id, effect.operationId);
      return;
    case 'pin-survivor':
      pin(turn, effect.id);
      return;
    case 'start-recovery':
    case 'stop-recovery':
    case 'unpin-survivor':
    case 'release-operation':
    case 'fail-over':
      // The copy is started by fault handling; survivors follow ownership; the lock is free when its holder is gone.
      return;
    case 'probe':
      if (!leadsGroup(turn.state)) return;
      break;
    default:
  }
  const after = turn.afterOf(name, effect.after);
  turn.pass({
    id: `${effect.id}/${name}`,
    kind: 'part',
    policy: name,
    effect,
    because: effect.because,
    ...(after.length === 0 ? {} : { after }),
  });
}

function tell(turn: GroupTurn, fact: LatencyFailbackFact): void {
  turn.tell({ policy: name, fact });
}

function onPersist(turn: GroupTurn, effect: Extract<LatencyFailbackEffect, { kind: 'persist' }>): void {
  const { base, state } = turn;
  const { record } = effect;
  const isCommit = state.failback?.attempt?.stage === 'commit' && record.epoch === base.epoch + 1;
  const { preferred } = base;
  const raise = isCommit
    ? { epoch: record.epoch, lineageId: turn.drawLineage(record.epoch), sequencer: preferred, preferred }
    : undefined;
  const folded = foldFailback(base, record, raise);
  turn.write(folded, [{ policy: name, effect: effect.id }], {
    kind: 'by-policy',
    part: { policy: name, because: effect.because },
  });
}

function request(turn: GroupTurn, effect: string, operationId: string): void {
  const answer = mayBegin(turn.state, 'failback');
  const { epoch } = turn.state.record;
  if (answer === 'granted') {
    turn.report('info', { kind: 'lock-granted', operation: 'failback', operationId, epoch });
    tell(turn, { kind: 'operation-granted', effect });
  } else {
    const by = answer === 'waits' ? 'another operation' : answer.refusedBy;
    turn.report('info', { kind: 'lock-refused', operation: 'failback', operationId, by });
    // Answered after a while: it may ask again at once, for as long as everything is copied.
    turn.patch({ refusing: { effect, by, at: turn.at + LOCK_RETRY_MS } });
  }
}

/** A redirect that was refused hears so. */
export function refuseIfDue(turn: GroupTurn): void {
  const { refusing } = turn.state;
  if (refusing === undefined || turn.at < refusing.at) return;
  turn.patch({ refusing: undefined });
  tell(turn, { kind: 'operation-refused', effect: refusing.effect, by: refusing.by });
}

/** Only the owner survives, and this node is it, durably. */
function pin(turn: GroupTurn, effect: string): void {
  const { record, self } = turn.state;
  if (record.owner === self.nodeId) tell(turn, { kind: 'survivor-pinned', effect });
  else tell(turn, { kind: 'pin-failed', effect, detail: `the owner is ${record.owner ?? 'nobody'}` });
}

export function hearFailback(turn: GroupTurn, fact: LatencyFailbackFact): void {
  tell(turn, fact);
}

/** The data path reports what is left to copy; whoever waits for the copy hears it as theirs. */
export function hearCopy(turn: GroupTurn, report: GroupCopyReport): void {
  const { failback } = turn.state;
  if (failback === undefined) return;
  const { recovery } = failback;
  if (recovery !== undefined && !recovery.running) {
    const { generation, outOfSyncBytes, totalBytes } = report;
    tell(turn, { kind: 'recovery-started', effect: recovery.effect, generation, outOfSyncBytes, totalBytes });
  } else {
    const { totalBytes: _total, ...progress } = report;
    tell(turn, { kind: 'recovery-progress', ...progress });
  }
}

export function newsForFailback(turn: GroupTurn): void {
  const { state } = turn;
  const { failback, record, polarization, self, told, session } = state;
  if (failback === undefined) return;
  revokeIfPreceded(turn);
  const { mode, peer } = polarization;
  const isHome = record.preferred === self.nodeId;
  const ownOk = polarization.legFailure === undefined;
  const peerOk = peer !== undefined && peer.introduction.health !== 'unhealthyHard';
  // A copy that is being written to is one that fault handling, and swap-recovery before it, has cleared.
  const isCopying = mode === 'syncSource' || mode === 'syncTarget' || mode === 'mirrored';
  const primary = isCopying && (isHome ? ownOk : peerOk);
  const secondary = isHome ? isCopying && peerOk : ownOk;
  const link = session !== undefined;
  if (told.failbackLink !== link) {
    turn.patch({ told: { ...turn.state.told, failbackLink: link } });
    tell(turn, { kind: 'link-changed', up: link });
  }
  if (told.failbackPrimary !== primary) {
    turn.patch({ told: { ...turn.state.told, failbackPrimary: primary } });
    const detail = primary ? 'its copy is being written to' : 'its copy is not written to';
    tell(turn, { kind: 'health-changed', site: 'primary', ok: primary, detail });
  }
  if (told.failbackSecondary !== secondary) {
    turn.patch({ told: { ...turn.state.told, failbackSecondary: secondary } });
    const detail = secondary ? 'its leg works' : 'its leg or its node is lost';
    tell(turn, { kind: 'health-changed', site: 'secondary', ok: secondary, detail });
  }
  // It decides at the node that leads: elsewhere it waits, as after a start.
  if (!isSettled(state) || (failback.phase === 'unknown' && !leadsGroup(state))) return;
  const place = failbackPlaceOf(record);
  const text = `${String(place.epoch)} ${place.activeSite} ${place.completeCopy} ${String(link && secondary && primary)}`;
  if (told.failback === text) return;
  if (failback.attempt?.stage === 'commit' && failback.attempt.toEpoch === record.epoch) return;
  turn.patch({ told: { ...turn.state.told, failback: text } });
  tell(turn, { kind: 'epoch-known', ...place, from: 'group' });
}

/** Something that comes before wants the group: the redirect gives way, at once or when its commit is known. */
function revokeIfPreceded(turn: GroupTurn): void {
  const { failback, told } = turn.state;
  const operation = failback === undefined ? undefined : failbackOperationOf(failback);
  const claimant = claimantOf(turn.state);
  if (operation === undefined || claimant === undefined || !comesBefore(claimant, 'failback')) return;
  if (told.revoked === operation.operationId) return;
  turn.patch({ told: { ...told, revoked: operation.operationId } });
  turn.report('warning', {
    kind: 'lock-revoked',
    operationId: operation.operationId,
    holder: name,
    by: claimant,
  });
  tell(turn, { kind: 'operation-revoked', by: claimant });
}
