import type { Millis } from '../../kernel/time.js';
import { stopPrimary } from './epochs.js';
import { persistRetryAt, retryPersistIfDue } from './persisted.js';
import { withoutRedirect } from './record.js';
import { recoveryDueAt, startRecoveryIfDue, stopRecovery } from './recovery.js';
import { abort, decide } from './redirect.js';
import type { LatencyFailbackState } from './state.js';
import type { FailbackTurn } from './turn.js';
import { keepWindow, windowEndsAt } from './windows.js';

/** After every fact: whatever has become due, impossible, or possible by it. */
export function settle(turn: FailbackTurn): void {
  retryPersistIfDue(turn);
  abortIfImpossible(turn);
  leaveResyncIfImpossible(turn);
  stopReadThroughIfImpossible(turn);
  startRecoveryIfDue(turn);
  const hasSynced = followCopy(turn);
  keepWindow(turn);
  if (turn.windowClosed || hasSynced) {
    decide(turn);
    keepWindow(turn);
  }
  turn.setGate();
}

/** Why the two sites cannot work together, whoever is active. */
function apart(state: LatencyFailbackState): string | undefined {
  if (state.primary !== 'ok') return 'the primary is not healthy';
  if (state.secondary !== 'ok') return 'the secondary is not healthy';
  return state.link.up ? undefined : 'the link between the sites is down';
}

function abortIfImpossible(turn: FailbackTurn): void {
  const { attempt, map } = turn.state;
  // From the wish to commit on its outcome is not known: only the disk can tell.
  if (attempt === undefined || attempt.stage === 'commit') return;
  const detail =
    apart(turn.state) ??
    (map.state === 'known' ? undefined : 'the map of what is out of sync is not known') ??
    (map.copyErrors === 0 ? undefined : `${map.copyErrors} blocks could not be copied`) ??
    (turn.at >= attempt.deadlineAt
      ? `no answer within ${Math.round(attempt.deadlineAt - (attempt.heldAt ?? attempt.since))} ms`
      : undefined);
  if (detail !== undefined) abort(turn, detail);
}

function leaveResyncIfImpossible(turn: FailbackTurn): void {
  const { phase, recovery } = turn.state;
  if (phase !== 'resync' && phase !== 'synced') return;
  const detail = apart(turn.state);
  if (detail !== undefined) stopRecovery(turn, detail);
  if (detail !== undefined || recovery === undefined) turn.enter('onSecondary');
}

function stopReadThroughIfImpossible(turn: FailbackTurn): void {
  const { phase, secondaryEnded, secondary, primary, link } = turn.state;
  if (phase === 'readThrough' && apart(turn.state) !== undefined) {
    stopRecovery(turn, 'the primary stops');
    stopPrimary(turn);
  }
  // The secondary is back, or the primary is gone: reads of what is in sync rested on neither being so.
  const isOver = !secondaryEnded || primary !== 'ok' || (secondary === 'ok' && link.up);
  if (phase === 'partial' && isOver) turn.enter('awaiting');
}

/** Follows the amount that is out of sync. True when it has just become nothing while the secondary is active. */
function followCopy(turn: FailbackTurn): boolean {
  const { phase, map, saving, recovery, record, tuning } = turn.state;
  if (map.state !== 'known') return false;
  const isSynced = map.outOfSyncBytes === 0 && recovery?.running === true && map.copyErrors === 0;
  if (phase === 'resync' && isSynced) {
    turn.enter('synced');
    turn.report('info', { kind: 'synced', then: tuning.whenSynced });
    return true;
  }
  if (phase === 'synced' && !isSynced) turn.enter('resync');
  if (phase === 'readThrough' && isSynced && saving === undefined && record.completeCopy === 'secondary') {
    const { epoch } = record;
    turn.save({ ...withoutRedirect(record), completeCopy: 'both' }, 'complete', { kind: 'complete', epoch });
  }
  return false;
}

/** The next moment at which time alone changes something. */
export function wakeAt(state: LatencyFailbackState): Millis | undefined {
  const { attempt } = state;
  const times = [
    windowEndsAt(state),
    attempt === undefined || attempt.stage === 'commit' ? undefined : attempt.deadlineAt,
    persistRetryAt(state),
    recoveryDueAt(state),
  ].filter((time) => time !== undefined);
  return times.length === 0 ? undefined : Math.min(...times);
}
