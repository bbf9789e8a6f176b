import type { Millis } from '../kernel/time.js';
import { newsForFailback, refuseIfDue } from './failback.js';
import { newsForFallback } from './fallback.js';
import { groupLockOf, isFaultOpen, leadsGroup } from './lock.js';
import { carryIfDue, passingDueAt, sayAgainIfDue, takeOrderBack } from './order.js';
import { deliverAll, partsWakeAt } from './parts.js';
import { newsForPlanned } from './planned.js';
import { drainAgain, releaseCaughtUp, releaseHeld, releaseOffer } from './polarization.js';
import type { GroupState } from './state.js';
import { newsForSwap } from './swap.js';
import type { GroupTurn } from './turn.js';

/**
 * Until everything has been said: what a policy's wish means to the others is told them in this very step. Each round tells changes
 * only, so it comes to rest; `DELIVERIES_LIMIT` bounds it in any case.
 */
export function settle(turn: GroupTurn): void {
  do {
    deliverAll(turn);
    carryIfDue(turn);
    takeOrderBack(turn);
    releaseHeld(turn);
    releaseCaughtUp(turn);
    releaseOffer(turn);
    grantIfFree(turn);
    refuseIfDue(turn);
    newsForPlanned(turn);
    newsForFallback(turn);
    newsForSwap(turn);
    newsForFailback(turn);
  } while (turn.hasMore);
  sayAgainIfDue(turn);
  turn.settleGate();
  drainAgain(turn);
  writeIfIdle(turn);
}

/** The lock is free: whoever has waited for it gets it, if it still wants it. */
function grantIfFree(turn: GroupTurn): void {
  const { waiting, swap, record } = turn.state;
  if (waiting === undefined) return;
  const isAsking = swap?.attempt?.stage === 'operation' && swap.attempt.effect === waiting.effect;
  const { effect, operationId } = waiting;
  if (!isAsking) {
    turn.patch({ waiting: undefined });
  } else if (isFaultOpen(turn.state) || !leadsGroup(turn.state)) {
    turn.patch({ waiting: undefined });
    turn.tell({ policy: 'swap-recovery', fact: { kind: 'operation-refused', effect, by: 'fault handling' } });
  } else if (groupLockOf(turn.state) === undefined) {
    turn.patch({ waiting: undefined });
    const { epoch } = record;
    turn.report('warning', { kind: 'lock-granted', operation: 'handover', operationId, epoch });
    turn.tell({ policy: 'swap-recovery', fact: { kind: 'operation-granted', effect } });
  }
}

/** One write at a time: what has come meanwhile goes together in the next one, and a failed one is repeated whole. */
function writeIfIdle(turn: GroupTurn): void {
  const { draft, saving } = turn.state;
  const failed = saving?.retryAt === undefined ? undefined : saving;
  if (saving !== undefined && (failed?.retryAt === undefined || turn.at < failed.retryAt)) return;
  const wanted = draft ?? failed;
  if (wanted === undefined) return;
  const { record, because } = wanted;
  const awaiting = [...(failed?.awaiting ?? []), ...(draft?.awaiting ?? [])];
  const effect = turn.wish({ kind: 'persist', record }, because);
  for (const one of awaiting) turn.rename(one.policy, one.effect, effect);
  turn.patch({ draft: undefined, saving: { effect, record, awaiting, because } });
}

export function wakeAt(state: GroupState): Millis | undefined {
  if (!state.booted) return state.now;
  const times = [partsWakeAt(state), passingDueAt(state), state.saving?.retryAt, state.refusing?.at].filter(
    (at) => at !== undefined,
  );
  return times.length === 0 ? undefined : Math.min(...times);
}
