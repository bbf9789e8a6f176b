import { lockOf, spanSince, type LatencyFailbackState } from './state.js';

export type FailbackGuardName =
  | 'primary-healthy'
  | 'secondary-healthy'
  | 'link-stable'
  | 'map-known'
  | 'out-of-sync-bounded'
  | 'no-copy-errors'
  | 'record-at-rest'
  | 'dwell'
  | 'copy-gains'
  | 'pause-after-abort'
  | 'not-locked';

/** One condition of a redirect, with the number that decides. */
export interface FailbackGuard {
  readonly name: FailbackGuardName;
  readonly holds: boolean;
  readonly actual: number;
  readonly needed: number;
  readonly sentence: string;
  /** `safety` ones stand against an operator too. */
  readonly kind: 'safety' | 'calm';
}

const whole = (value: number): string => `${Math.round(value)}`;

/** Every condition but the latencies, in the order in which they are told. */
export function redirectGuards(state: LatencyFailbackState): readonly FailbackGuard[] {
  return [...safetyGuards(state), ...calmGuards(state)];
}

function safetyGuards(state: LatencyFailbackState): readonly FailbackGuard[] {
  const { tuning, map } = state;
  const linkUpMs = state.link.up ? spanSince(state, state.link.since) : 0;
  const { maxOutOfSyncBytes, linkStableMs } = tuning;
  const safety = (
    name: FailbackGuardName,
    holds: boolean,
    [actual, needed]: readonly [number, number],
    sentence: string,
  ): FailbackGuard => ({ name, holds, actual, needed, sentence, kind: 'safety' });
  const isOk = (health: string): readonly [number, number] => [health === 'ok' ? 1 : 0, 1];
  return [
    safety(
      'primary-healthy',
      state.primary === 'ok',
      isOk(state.primary),
      'the primary is not known to be healthy',
    ),
    safety(
      'secondary-healthy',
      state.secondary === 'ok',
      isOk(state.secondary),
      'the secondary is not known to be healthy',
    ),
    safety(
      'link-stable',
      state.link.up && state.now >= state.link.since + linkStableMs,
      [linkUpMs, linkStableMs],
      `the link has held for ${whole(linkUpMs)} ms, and ${whole(linkStableMs)} ms are asked for`,
    ),
    safety(
      'map-known',
      map.state === 'known',
      [map.state === 'known' ? 1 : 0, 1],
      `the map of what is out of sync is ${map.state}`,
    ),
    safety(
      'out-of-sync-bounded',
      map.outOfSyncBytes <= maxOutOfSyncBytes,
      [map.outOfSyncBytes, maxOutOfSyncBytes],
      `${map.outOfSyncBytes} bytes are out of sync, and at most ${maxOutOfSyncBytes} may be`,
    ),
    safety(
      'no-copy-errors',
      map.copyErrors === 0,
      [map.copyErrors, 0],
      `${map.copyErrors} blocks could not be copied`,
    ),
    safety(
      'record-at-rest',
      state.saving === undefined,
      [state.saving === undefined ? 0 : 1, 0],
      'a record is being written',
    ),
  ];
}

function calmGuards(state: LatencyFailbackState): readonly FailbackGuard[] {
  const { tuning, map, pace, attemptAt, now } = state;
  const { dwellMs, maxMoves } = tuning;
  const activeMs = spanSince(state, state.activeSince);
  const moves = recentMoves(state).length;
  const lock = lockOf(state);
  const calm = (
    name: FailbackGuardName,
    holds: boolean,
    [actual, needed]: readonly [number, number],
    sentence: string,
  ): FailbackGuard => ({ name, holds, actual, needed, sentence, kind: 'calm' });
  return [
    calm(
      'dwell',
      state.now >= state.activeSince + dwellMs,
      [activeMs, dwellMs],
      `the secondary is active for ${whole(activeMs)} ms, and ${whole(dwellMs)} ms are asked for`,
    ),
    calm(
      'copy-gains',
      map.outOfSyncBytes === 0 || pace.copiedBytes > pace.dirtiedBytes,
      [pace.copiedBytes, pace.dirtiedBytes],
      `${pace.copiedBytes} bytes were copied while hosts made ${pace.dirtiedBytes} bytes dirty`,
    ),
    calm(
      'pause-after-abort',
      now >= attemptAt,
      [now, attemptAt],
      `the last redirect was given up; the next one may come in ${whole(attemptAt - now)} ms`,
    ),
    calm(
      'not-locked',
      lock === undefined && moves < maxMoves,
      [moves, maxMoves],
      lock === undefined
        ? `the active site has changed ${moves} times of at most ${maxMoves}`
        : `automatic redirects are locked (${lock})`,
    ),
  ];
}

/** Changes of site that still count against the limit. */
export function recentMoves(state: LatencyFailbackState): readonly number[] {
  return state.moves.filter((at) => state.now - at < state.tuning.movesWindowMs);
}
