import type { EffectId } from '../../kernel/policy.js';
import { thresholdUs } from './estimator.js';
import { recentMoves, redirectGuards } from './guards.js';
import type { LatencyFailbackReason } from './reasons.js';
import { doubled } from './recovery.js';
import { withoutRedirect } from './record.js';
import { spanSince, wantedRecord, type FailbackAttempt, type FailbackWhy } from './state.js';
import type { FailbackTurn } from './turn.js';
import { agreeingVotes, forgetSamples, latenciesAgree } from './windows.js';

/** Latencies, or the end of the copy, speak for going home: does anything speak against it? Asked when a window closes. */
export function decide(turn: FailbackTurn): void {
  const { state } = turn;
  const { phase, tuning } = state;
  const isFaster = (phase === 'resync' || phase === 'synced') && latenciesAgree(state);
  const isSynced = phase === 'synced' && tuning.whenSynced === 'failback';
  if (!isFaster && !isSynced) {
    turn.patch({ withheldBy: undefined });
    return;
  }
  const against = redirectGuards(state).find((guard) => !guard.holds);
  if (against === undefined) {
    begin(turn, isFaster ? 'latency' : 'synced');
    return;
  }
  if (against.name === 'not-locked' && wantedRecord(state).lock === undefined) {
    const because = {
      kind: 'locked',
      by: 'moves',
      count: recentMoves(state).length,
      limit: tuning.maxMoves,
    } as const;
    turn.save({ ...wantedRecord(state), lock: 'moves' }, 'nothing', because);
    turn.report('alarm', because);
  } else if (state.withheldBy !== against.name) {
    const { name, actual, needed, sentence } = against;
    turn.report('info', { kind: 'withheld', guard: name, actual, needed, sentence });
  }
  turn.patch({ withheldBy: against.name });
}

export function begin(turn: FailbackTurn, why: FailbackWhy, commandId?: string): void {
  const { state } = turn;
  const { record, operationsBegun, self, tuning } = state;
  const toEpoch = record.epoch + 1;
  const count = operationsBegun + 1;
  const operationId = `${self.groupId}/failback/${self.nodeId}/${self.incarnation}/${count}`;
  const effect = turn.wish(
    { kind: 'request-operation', operationId, epoch: record.epoch },
    reasonFor(turn, why, toEpoch),
  );
  turn.patch({
    phase: 'preparing',
    operationsBegun: count,
    withheldBy: undefined,
    attempt: {
      operationId,
      fromEpoch: record.epoch,
      toEpoch,
      why,
      commandId,
      stage: 'operation',
      effect,
      since: turn.at,
      deadlineAt: turn.at + tuning.prepareTimeoutMs,
      pinned: false,
      estimate: state.estimate,
    },
  });
}

function reasonFor(turn: FailbackTurn, why: FailbackWhy, toEpoch: number): LatencyFailbackReason {
  const { estimate, tuning, votes, map } = turn.state;
  if (why === 'operator') return { kind: 'ordered', toEpoch, outOfSyncBytes: map.outOfSyncBytes };
  if (why === 'synced' || estimate === undefined) return { kind: 'in-sync', toEpoch };
  const { recordedUs, expectedUs, missShare } = estimate;
  return {
    kind: 'faster-at-home',
    recordedUs,
    expectedUs,
    thresholdUs: thresholdUs(tuning.threshold, recordedUs),
    missShare,
    agreeing: agreeingVotes(turn.state),
    windows: votes.length,
    toEpoch,
  };
}

type Stage = FailbackAttempt['stage'];

/** The attempt that waits for this very answer, or nothing: then the answer is counted as one that nobody awaits. */
function awaited(turn: FailbackTurn, stage: Stage, effect: EffectId): FailbackAttempt | undefined {
  const { attempt } = turn.state;
  if (attempt?.stage === stage && attempt.effect === effect) return attempt;
  turn.absorb('answer-not-awaited');
  return undefined;
}

/** The group is ours: write the intent down. */
export function onOperationGranted(turn: FailbackTurn, effect: EffectId): void {
  const attempt = awaited(turn, 'operation', effect);
  if (attempt === undefined) return;
  const { operationId, toEpoch } = attempt;
  const record = { ...turn.state.record, redirect: { operationId, toEpoch } };
  const saved = turn.save(record, 'intent', { kind: 'intent', operationId, toEpoch });
  // The guard `record-at-rest` held when the attempt began, but a lock may have been written since.
  if (saved === undefined) abort(turn, 'another record is being written');
  else turn.patch({ attempt: { ...attempt, stage: 'intent', effect: saved } });
}

/** Something else has the group. That is no failure: it is asked for again as soon as new windows say so. */
export function onOperationRefused(turn: FailbackTurn, effect: EffectId, by: string): void {
  const attempt = awaited(turn, 'operation', effect);
  if (attempt === undefined) return;
  const detail = `${by} has the group`;
  turn.patch({ attempt: undefined, phase: 'resync' });
  turn.report('info', { kind: 'operation-refused', by });
  if (attempt.commandId !== undefined) turn.answer(attempt.commandId, 'redirect', false, detail);
}

/** The intent is durable: whatever happens now, only the secondary may survive until both copies are complete. */
export function onIntentDurable(turn: FailbackTurn): void {
  const { attempt, map } = turn.state;
  if (attempt?.stage !== 'intent') return;
  const effect = turn.wish(
    { kind: 'pin-survivor', site: 'secondary', epoch: attempt.toEpoch },
    { kind: 'pin', outOfSyncBytes: map.outOfSyncBytes, epoch: attempt.toEpoch },
  );
  turn.patch({ attempt: { ...attempt, stage: 'pin', effect } });
}

export function onPinned(turn: FailbackTurn, effect: EffectId): void {
  const attempt = awaited(turn, 'pin', effect);
  if (attempt === undefined) return;
  const { maxQuiesceMs } = turn.state.tuning;
  const held = turn.wish(
    { kind: 'hold-io', site: 'secondary', epoch: attempt.fromEpoch },
    { kind: 'quiesce', maxQuiesceMs },
  );
  turn.patch({
    phase: 'quiescing',
    attempt: {
      ...attempt,
      stage: 'drain',
      effect: held,
      pinned: true,
      heldAt: turn.at,
      deadlineAt: turn.at + maxQuiesceMs,
    },
  });
}

export function onPinFailed(turn: FailbackTurn, effect: EffectId, detail: string): void {
  if (awaited(turn, 'pin', effect) !== undefined) abort(turn, detail);
}

/** Nothing is in flight: what is out of sync now is all that there is. */
export function onDrained(turn: FailbackTurn, effect: EffectId): void {
  const attempt = awaited(turn, 'drain', effect);
  if (attempt === undefined) return;
  const { map } = turn.state;
  const handed = turn.wish(
    { kind: 'hand-over-map', generation: map.generation, epoch: attempt.toEpoch },
    { kind: 'hand-over-map', outOfSyncBytes: map.outOfSyncBytes, generation: map.generation },
  );
  turn.patch({ attempt: { ...attempt, stage: 'map', effect: handed } });
}

/** The primary knows what it may not read. From the wish to commit on, the redirect happens. */
export function onMapHandedOver(
  turn: FailbackTurn,
  fact: { readonly effect: EffectId; readonly generation: number; readonly outOfSyncBytes: number },
): void {
  const attempt = awaited(turn, 'map', fact.effect);
  if (attempt === undefined) return;
  const { map, record, tuning } = turn.state;
  const { outOfSyncBytes } = fact;
  // A report of the copy from before the drain may say "nothing is left" and still be on its way: it must not speak for this map.
  if (!(fact.generation > map.generation)) {
    turn.absorb('old-generation');
    abort(turn, 'the map that came over has no number of its own');
    return;
  }
  if (!(outOfSyncBytes >= 0 && outOfSyncBytes <= tuning.maxOutOfSyncBytes)) {
    abort(turn, `${outOfSyncBytes} bytes are out of sync, and at most ${tuning.maxOutOfSyncBytes} may be`);
    return;
  }
  turn.patch({ map: { ...map, generation: fact.generation, outOfSyncBytes } });
  const { fromEpoch, toEpoch } = attempt;
  const saved = turn.save(
    {
      ...record,
      epoch: toEpoch,
      activeSite: 'primary',
      completeCopy: 'secondary',
      moves: recentMoves(turn.state).length + 1,
      aborts: 0,
    },
    'commit',
    { kind: 'commit', fromEpoch, toEpoch, outOfSyncBytes },
  );
  if (saved === undefined) abort(turn, 'another record is being written');
  else turn.patch({ phase: 'committing', attempt: { ...attempt, stage: 'commit', effect: saved } });
}

export function onHandoverFailed(turn: FailbackTurn, effect: EffectId, detail: string): void {
  if (awaited(turn, 'map', effect) !== undefined) abort(turn, detail);
}

/** The commit is durable: the primary serves. */
export function onCommitDurable(turn: FailbackTurn, effect: EffectId): void {
  const { attempt, map, estimate, tuning } = turn.state;
  if (attempt?.stage !== 'commit') return;
  const { operationId, toEpoch, heldAt, why } = attempt;
  turn.patch({
    phase: 'readThrough',
    attempt: undefined,
    activeSince: turn.at,
    moves: [...recentMoves(turn.state), turn.at],
    watch:
      estimate === undefined || why !== 'latency'
        ? undefined
        : {
            recordedUs: estimate.recordedUs,
            expectedUs: estimate.expectedUs,
            missShare: estimate.missShare,
            slow: [],
            windowsLeft: 2 * tuning.decisionWindows,
          },
  });
  forgetSamples(turn);
  const heldMs = heldAt === undefined ? 0 : spanSince(turn.state, heldAt);
  const because = { kind: 'redirected', epoch: toEpoch, heldMs, outOfSyncBytes: map.outOfSyncBytes } as const;
  turn.setGate(because, [effect]);
  turn.report('info', because);
  over(turn, operationId, 'committed');
  if (attempt.commandId !== undefined)
    turn.answer(attempt.commandId, 'redirect', true, `the primary serves in epoch ${toEpoch}`);
}

export function over(turn: FailbackTurn, operationId: string, outcome: 'committed' | 'aborted'): void {
  turn.wish(
    { kind: 'release-operation', operationId, outcome },
    { kind: 'operation-over', operationId, outcome },
  );
}

/** The secondary never stopped owning: its doors open again, and the pause before the next attempt doubles. */
export function abort(turn: FailbackTurn, detail: string): void {
  const { attempt, tuning, phase } = turn.state;
  if (attempt === undefined || attempt.stage === 'commit') return;
  const wanted = wantedRecord(turn.state);
  const aborts = wanted.aborts + 1;
  const retryMs = doubled(tuning.abortRetryMs, aborts);
  turn.patch({ attempt: undefined, phase: 'resync', attemptAt: turn.at + retryMs });
  forgetSamples(turn);
  const because = { kind: 'aborted', detail, stage: attempt.stage, retryMs } as const;
  if (phase === 'quiescing') turn.setGate(because);
  const isLocked = aborts >= tuning.maxAborts && wanted.lock === undefined;
  turn.save(
    { ...withoutRedirect(wanted), aborts, ...(isLocked ? { lock: 'aborts' as const } : {}) },
    'nothing',
    because,
  );
  over(turn, attempt.operationId, 'aborted');
  turn.report('warning', because);
  if (isLocked)
    turn.report('alarm', { kind: 'locked', by: 'aborts', count: aborts, limit: tuning.maxAborts });
  if (attempt.commandId !== undefined) turn.answer(attempt.commandId, 'redirect', false, detail);
}

/** A fault, or anything else of higher priority, wants the group. Before the commit it gets it now; after, when that is known. */
export function onRevoked(turn: FailbackTurn, by: string): void {
  const { attempt } = turn.state;
  if (attempt === undefined) {
    turn.absorb('not-in-this-phase');
  } else if (attempt.stage === 'commit') {
    turn.patch({ attempt: { ...attempt, revokedBy: by } });
    turn.report('warning', { kind: 'too-late-to-abort', by, toEpoch: attempt.toEpoch });
  } else {
    abort(turn, `${by} wants the group`);
  }
}
