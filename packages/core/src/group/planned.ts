import {
  plannedFailoverLock,
  type PlannedFailoverEffect,
  type PlannedFailoverFact,
  type PlannedFailoverStanding,
  type PlannedFailoverState,
} from '../policies/planned-failover/index.js';
import { foldPlanned } from './fold.js';
import { claimantOf, comesBefore, groupLockOf } from './lock.js';
import type { GroupState } from './state.js';
import type { GroupTurn } from './turn.js';

/*
 * What the wishes of planned-failover mean to the group, and what it is told. Its roles are the group's epoch; fault handling, and
 * everything else that comes before it, speaks to it by `standing-changed`.
 */

const name = 'planned-failover';

export function onPlannedEffect(turn: GroupTurn, effect: PlannedFailoverEffect): void {
  switch (effect.kind) {
    case 'persist':
      turn.write(foldPlanned(turn.base, effect.record), [{ policy: name, effect: effect.id }], {
        kind: 'by-policy',
        part: { policy: name, because: effect.because },
      });
      return;
    case 'set-gate':
      turn.noteGate(name, effect.id, { kind: 'by-policy', part: { policy: name, because: effect.because } });
      return;
    case 'hand-back':
      // The lock is free when its holder is gone: whoever waits for it is served at the end of the step.
      return;
    default: {
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
  }
}

export function hearPlanned(turn: GroupTurn, fact: PlannedFailoverFact): void {
  turn.tell({ policy: name, fact });
}

/** What planned failover is to know of the group now; undefined while the two pass from one epoch to the next. */
function standingOf(state: GroupState, planned: PlannedFailoverState): PlannedFailoverStanding | undefined {
  const { polarization, record, heard } = state;
  const { mode, peer, witness } = polarization;
  const { epoch, lineageId, sequencer, preferred, owner } = record;
  const { operation, preparation, grant } = planned.record;
  const claimant = claimantOf(state);
  const gives = claimant !== undefined && comesBefore(claimant, 'planned-failover');
  const isTold = heard?.mode === 'mirrored' && heard.epoch === epoch && heard.lineageId === lineageId;
  const isPassing =
    operation?.phase === 'committed' || preparation?.discarded === false || grant !== undefined;
  const isMirrored = mode === 'mirrored' && polarization.record.epoch === epoch;
  if (isMirrored && !gives && !isTold && isPassing) return undefined;
  const holder = groupLockOf(state);
  const busyWith = holder === undefined || holder.kind === 'planned-failover' ? undefined : holder.policy;
  const level = peer?.introduction.health;
  return {
    service: mode === 'unknown' ? 'unknown' : isMirrored && isTold && !gives ? 'mirrored' : 'interrupted',
    epoch,
    lineageId,
    sequencer,
    preferred,
    ...(owner === undefined ? {} : { owner }),
    inSync: record.mode === 'mirrored',
    peerHealthy: level === 'ok' || level === 'degraded',
    mediatorReachable: witness.reachable === true,
    ...(busyWith === undefined ? {} : { busyWith }),
  };
}

export function newsForPlanned(turn: GroupTurn): void {
  const { planned, told } = turn.state;
  if (planned === undefined) return;
  const standing = standingOf(turn.state, planned);
  if (standing === undefined || sameStanding(standing, told.standing)) return;
  turn.patch({ told: { ...told, standing } });
  noteRevoked(turn, planned);
  turn.tell({ policy: name, fact: { kind: 'standing-changed', standing } });
}

function noteRevoked(turn: GroupTurn, planned: PlannedFailoverState): void {
  const { told } = turn.state;
  const lock = plannedFailoverLock(planned);
  const by = claimantOf(turn.state);
  if (lock?.cancellable !== true || by === undefined || !comesBefore(by, 'planned-failover')) return;
  const { operationId } = lock;
  if (told.revoked === operationId) return;
  turn.patch({ told: { ...told, revoked: operationId } });
  turn.report('warning', { kind: 'lock-revoked', operationId, holder: name, by });
}

function sameStanding(one: PlannedFailoverStanding, other: PlannedFailoverStanding | undefined): boolean {
  return (
    other !== undefined &&
    one.service === other.service &&
    one.epoch === other.epoch &&
    one.lineageId === other.lineageId &&
    one.sequencer === other.sequencer &&
    one.preferred === other.preferred &&
    one.owner === other.owner &&
    one.inSync === other.inSync &&
    one.peerHealthy === other.peerHealthy &&
    one.mediatorReachable === other.mediatorReachable &&
    one.busyWith === other.busyWith
  );
}
