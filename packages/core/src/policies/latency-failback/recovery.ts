import type { Millis } from '../../kernel/time.js';
import { lockOf, spanSince, wantedRecord, type LatencyFailbackState } from './state.js';
import type { FailbackTurn } from './turn.js';
import type { FailbackSite, LatencyFailbackFact } from './types.js';

/** A pause that doubles with every failure. Bounded, so that it stays a number. */
export function doubled(firstMs: number, failures: number): number {
  return firstMs * 2 ** Math.min(20, Math.max(0, failures - 1));
}

/** Both sites are well and the link has held: copying home may start. In `readThrough` it must, whatever else. */
function mayRecover(state: LatencyFailbackState): boolean {
  const { link, tuning, phase } = state;
  if (state.recovery !== undefined || lockOf(state) === 'recoveries') return false;
  if (state.primary !== 'ok' || state.secondary !== 'ok' || !link.up) return false;
  if (phase === 'readThrough') return state.now >= state.recoverAt;
  if (phase !== 'onSecondary' && phase !== 'resync' && phase !== 'synced') return false;
  return state.now >= link.since + tuning.linkStableMs && state.now >= state.recoverAt;
}

/** When a recovery becomes due by time alone. */
export function recoveryDueAt(state: LatencyFailbackState): Millis | undefined {
  const { phase, link, tuning } = state;
  const waits =
    phase === 'onSecondary' || phase === 'readThrough' || phase === 'resync' || phase === 'synced';
  const couldStart =
    state.recovery === undefined &&
    state.primary === 'ok' &&
    state.secondary === 'ok' &&
    link.up &&
    lockOf(state) !== 'recoveries';
  if (!waits || !couldStart) return undefined;
  return phase === 'readThrough'
    ? state.recoverAt
    : Math.max(state.recoverAt, link.since + tuning.linkStableMs);
}

export function startRecoveryIfDue(turn: FailbackTurn): void {
  const { state } = turn;
  if (!mayRecover(state)) return;
  const full = state.map.state === 'lost';
  const effect = turn.wish(
    { kind: 'start-recovery', full, epoch: state.record.epoch },
    {
      kind: 'recovery-due',
      full,
      linkUpMs: spanSince(state, state.link.since),
      attempt: state.recoveriesFailed + 1,
    },
  );
  turn.patch({ recovery: { effect, full, running: false } });
}

export function stopRecovery(turn: FailbackTurn, detail: string): void {
  if (turn.state.recovery === undefined) return;
  turn.wish({ kind: 'stop-recovery' }, { kind: 'recovery-stopped', detail });
  turn.patch({ recovery: undefined });
}

export function onRecoveryStarted(
  turn: FailbackTurn,
  fact: Extract<LatencyFailbackFact, { kind: 'recovery-started' }>,
): void {
  const { recovery, map, phase } = turn.state;
  const { effect, generation, outOfSyncBytes, totalBytes } = fact;
  if (recovery?.effect !== effect || recovery.running) {
    turn.absorb('answer-not-awaited');
    return;
  }
  // A map that was lost is rebuilt under a new number; the old number would be the old map.
  if (generation < map.generation || (map.state === 'lost' && generation === map.generation)) {
    turn.absorb('old-generation');
    return;
  }
  turn.patch({
    recovery: { ...recovery, running: true },
    map: { state: 'known', generation, outOfSyncBytes, totalBytes, copyErrors: 0 },
  });
  turn.report('info', { kind: 'recovery-started', outOfSyncBytes, generation });
  if (phase === 'onSecondary') turn.enter('resync');
}

export function onRecoveryFailed(turn: FailbackTurn, effect: string, detail: string): void {
  const { recovery, recoveriesFailed, tuning, phase } = turn.state;
  if (recovery?.effect !== effect) {
    turn.absorb('answer-not-awaited');
    return;
  }
  const failures = recoveriesFailed + 1;
  const retryMs = doubled(tuning.recoveryRetryMs, failures);
  turn.patch({ recovery: undefined, recoveriesFailed: failures, recoverAt: turn.at + retryMs });
  const { maxRecoveries } = tuning;
  turn.report('warning', { kind: 'recovery-failed', detail, failures, maxRecoveries, retryMs });
  if (phase === 'resync' || phase === 'synced') turn.enter('onSecondary');
  if (failures < maxRecoveries) return;
  const because = { kind: 'locked', by: 'recoveries', count: failures, limit: maxRecoveries } as const;
  turn.save({ ...wantedRecord(turn.state), lock: 'recoveries' }, 'nothing', because);
  turn.report('alarm', because);
}

export function onRecoveryProgress(
  turn: FailbackTurn,
  fact: Extract<LatencyFailbackFact, { kind: 'recovery-progress' }>,
): void {
  const { map, window, recovery } = turn.state;
  const numbers = [fact.outOfSyncBytes, fact.copiedBytes, fact.dirtiedBytes, fact.copyErrors];
  if (!numbers.every((one) => Number.isFinite(one) && one >= 0)) {
    turn.absorb('not-a-number');
    return;
  }
  if (fact.generation < map.generation || map.state !== 'known' || recovery?.running !== true) {
    turn.absorb('old-generation');
    return;
  }
  const { outOfSyncBytes, copiedBytes, dirtiedBytes, generation } = fact;
  turn.patch({
    // Higher than ours: a redirect was given up after the map had been handed over.
    map: { ...map, generation, outOfSyncBytes, copyErrors: map.copyErrors + fact.copyErrors },
    ...(outOfSyncBytes === 0 ? { recoveriesFailed: 0 } : {}),
    ...(window === undefined
      ? {}
      : {
          window: {
            ...window,
            copiedBytes: window.copiedBytes + copiedBytes,
            dirtiedBytes: window.dirtiedBytes + dirtiedBytes,
          },
        }),
  });
}

/** Either half of the map is gone: from now on every block counts as out of sync, and everything is copied under a new number. */
export function onMapLost(turn: FailbackTurn, site: FailbackSite): void {
  const { map, record, phase } = turn.state;
  if (map.state === 'lost' || (record.completeCopy === 'both' && phase === 'primary')) {
    turn.absorb('not-in-this-phase');
    return;
  }
  turn.patch({ map: { ...map, state: 'lost', outOfSyncBytes: map.totalBytes } });
  turn.report('alarm', { kind: 'map-lost', site });
  // The copy that runs goes by the lost map.
  stopRecovery(turn, `the map is lost at the ${site}`);
  if (phase === 'resync' || phase === 'synced') turn.enter('onSecondary');
}
