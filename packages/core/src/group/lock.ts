import { failbackOperationOf } from '../policies/latency-failback/index.js';
import {
  plannedFailoverLock,
  plannedFailoverMayArbitrate,
  type PlannedFailoverLock,
  type PlannedFailoverState,
} from '../policies/planned-failover/index.js';
import { swapOperationOf } from '../policies/swap-recovery/index.js';
import type { PolarizationMessage } from '../policies/ttl-polarization/index.js';
import type { GroupState, StepBack } from './state.js';
import type { GroupLock, GroupOperationKind } from './types.js';

/** The order of precedence. Change it here and nowhere else. */
const ranks: Readonly<Record<GroupOperationKind, number>> = {
  fault: 4,
  handover: 3,
  'planned-failover': 2,
  failback: 1,
};

/** Whoever was refused the lock hears so after this: an answer at once would be a question at once. */
export const LOCK_RETRY_MS = 1_000;

export function comesBefore(one: GroupOperationKind, other: GroupOperationKind): boolean {
  return ranks[one] > ranks[other];
}

/**
 * Every operation that has the group on this node. More than one is a broken invariant. Found in the policies themselves, not kept
 * beside them: there is no second book that could say something else. After a crash they find it in the one record.
 */
export function holdersOf(state: GroupState): readonly GroupLock[] {
  const holders: GroupLock[] = [];
  const { polarization, planned, swap, failback, record } = state;
  const swapping = swap === undefined ? undefined : swapOperationOf(swap);
  const isSwapping = swapping !== undefined && swapping.stage !== 'operation';
  if (isSwapping) {
    holders.push({
      kind: 'handover',
      policy: 'swap-recovery',
      operationId: swapping.operationId,
      epoch: swapping.toEpoch - 1,
      revocable: swapping.revocable,
    });
  }
  const { operation } = polarization;
  const isHandover =
    operation?.kind === 'offering' ||
    operation?.kind === 'fencing' ||
    operation?.kind === 'accepting' ||
    operation?.kind === 'pausing' ||
    operation?.kind === 'handing';
  // The handover that carries a swap out is part of the swap; an offer that waits for the lock does not have it yet.
  if (isHandover && !isSwapping && !isOfferHeld(state)) {
    holders.push({
      kind: 'handover',
      policy: 'ttl-polarization',
      operationId: `${operation.kind}-${String(operation.epoch)}`,
      epoch: record.epoch,
      revocable: operation.kind !== 'fencing' && operation.kind !== 'handing',
    });
  }
  if (operation?.kind === 'preparing' || operation?.kind === 'draining') {
    holders.push({
      kind: 'fault',
      policy: 'ttl-polarization',
      operationId: `mirror-${String(operation.epoch)}`,
      epoch: record.epoch,
      revocable: false,
    });
  }
  const moving =
    planned === undefined ? undefined : (plannedFailoverLock(planned) ?? gettingReady(planned, record.epoch));
  // A later epoch has come over it, by a fault: it can change nothing any more, and hears so when both mirror again.
  if (moving !== undefined && record.epoch <= moving.epoch + 1) {
    holders.push({
      kind: 'planned-failover',
      policy: 'planned-failover',
      operationId: moving.operationId,
      epoch: moving.epoch,
      revocable: moving.cancellable,
    });
  }
  const returning = failback === undefined ? undefined : failbackOperationOf(failback);
  if (returning !== undefined && returning.stage !== 'operation') {
    holders.push({
      kind: 'failback',
      policy: 'latency-failback',
      operationId: returning.operationId,
      epoch: returning.toEpoch - 1,
      revocable: returning.revocable,
    });
  }
  return holders;
}

/**
 * A target that gets ready has promised nothing yet, and may have in the next moment: its promise is perhaps being written. One that has
 * taken its promise back waits for the word of the source, whose commit may be on its way.
 */
function gettingReady(planned: PlannedFailoverState, epoch: number): PlannedFailoverLock | undefined {
  const { target, record } = planned;
  const { preparation, grant } = record;
  if (target === undefined || grant !== undefined) return undefined;
  const mayBeCommitted =
    preparation?.discarded === true && target.over !== true && preparation.next.epoch > epoch;
  if (preparation !== undefined && !mayBeCommitted) return undefined;
  const { operationId } = target;
  return { kind: 'planned-failover', operationId, epoch, cancellable: !mayBeCommitted };
}

function isOfferHeld({ held }: GroupState): boolean {
  return held.some(({ effect }) => effect.kind === 'send' && isStepBack(effect.message));
}

/** One node is to step back for the other: offered by the one that steps back, or asked of it. */
export function isStepBack(message: PolarizationMessage): message is StepBack {
  return message.kind === 'offer-win' || message.kind === 'pause-request';
}

/** The operation that has the group on this node, if one does. */
export function groupLockOf(state: GroupState): GroupLock | undefined {
  return holdersOf(state)[0];
}

/** The two have lost each other and it is not decided yet who goes on, or a start has not heard of anybody. */
export function isFaultOpen({ polarization }: GroupState): boolean {
  const { mode } = polarization;
  return mode === 'unknown' || mode === 'suspended' || mode === 'arbitrating' || mode === 'splitBrain';
}

/** This node has been told to stop: nothing that would give it a role has a point any more. */
function isStopping({ polarization }: GroupState): boolean {
  return polarization.stopped || polarization.operation?.kind === 'stopping';
}

/** Operations begin where writes are answered for: at the owner, or at the sequencer while both mirror. */
export function leadsGroup({ polarization, record }: GroupState): boolean {
  const leader = record.owner ?? record.sequencer;
  const { mode } = polarization;
  const serves = mode === 'mirrored' || mode === 'standalone' || mode === 'syncSource';
  return leader === record.nodeId && serves;
}

/** Fault handling and the one record say the same: no change of either is half done. */
export function isSettled({ polarization, record, self }: GroupState): boolean {
  const { mode } = polarization;
  if (polarization.record.epoch !== record.epoch) return false;
  if (record.owner === undefined) return mode === 'mirrored';
  return record.owner === self.nodeId
    ? mode === 'standalone' || mode === 'syncSource' || mode === 'paused'
    : mode === 'fenced' || mode === 'syncTarget' || mode === 'paused';
}

/** What wants the group now, apart from what has it: whatever has it and comes after has to give way. */
export function claimantOf(state: GroupState): GroupOperationKind | undefined {
  const { waiting, swap } = state;
  if (isFaultOpen(state) || state.caughtUp !== undefined) return 'fault';
  if (isStopping(state)) return 'handover';
  if (isOfferHeld(state)) return 'handover';
  if (waiting?.policy === 'swap-recovery' && swap !== undefined) return 'handover';
  return waiting === undefined ? undefined : 'failback';
}

export type LockAnswer = 'granted' | 'waits' | { readonly refusedBy: string };

/** Whether an operation of that kind may begin now. `waits`: what has the group gives way first. */
export function mayBegin(state: GroupState, kind: GroupOperationKind): LockAnswer {
  if (isFaultOpen(state) && kind !== 'fault') return { refusedBy: 'fault handling' };
  if (isStopping(state)) return { refusedBy: 'fault handling, which stops this node,' };
  if (!leadsGroup(state)) {
    const { owner, sequencer } = state.record;
    return { refusedBy: `node ${owner ?? sequencer}, where operations begin,` };
  }
  const holder = groupLockOf(state);
  const asked = state.waiting?.policy === 'swap-recovery' ? 'handover' : 'failback';
  if (state.waiting !== undefined && !comesBefore(kind, asked))
    return { refusedBy: `${state.waiting.policy}, which has asked before,` };
  if (holder === undefined) return 'granted';
  if (comesBefore(kind, holder.kind) && holder.revocable) return 'waits';
  return { refusedBy: `${holder.policy} (operation ${holder.operationId})` };
}

/**
 * Fault handling may claim survivorship for this node: no context stands that could still change the epoch. A redirect or a swap
 * whose commit may be on the disk is waited for, since its outcome is nowhere else.
 */
export function mayClaim(state: GroupState): boolean {
  const { planned, swap, failback } = state;
  if (planned !== undefined && !plannedFailoverMayArbitrate(planned)) return false;
  const swapping = swap === undefined ? undefined : swapOperationOf(swap);
  if (swapping?.stage === 'commit') return false;
  const returning = failback === undefined ? undefined : failbackOperationOf(failback);
  return returning === undefined || returning.stage === 'operation';
}

/** A handover may be offered to the peer: nothing else has the group. */
export function mayOffer(state: GroupState): boolean {
  const others = holdersOf(state).filter(({ kind }) => kind !== 'handover');
  return others.length === 0;
}
