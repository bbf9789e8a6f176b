import type { Millis } from '../../kernel/time.js';
import { failbackDefaults, validateFailbackOptions, type LatencyFailbackOptions } from './options.js';
import type { LatencyFailbackState } from './state.js';
import type { FailbackTurn } from './turn.js';

/** @throws what `validateFailbackOptions` throws. */
export function initialState(options: LatencyFailbackOptions, at: Millis): LatencyFailbackState {
  validateFailbackOptions(options);
  const { groupId, nodeId, incarnation, record } = options;
  return {
    version: 1,
    self: { groupId, nodeId, incarnation },
    tuning: { ...failbackDefaults, ...options.tuning },
    now: at,
    booted: false,
    phase: 'unknown',
    record,
    gate: { site: record.activeSite, epoch: record.epoch, host: 'closed', reads: 'none', writes: 'none' },
    primary: 'unknown',
    secondary: 'unknown',
    link: { up: false, since: at },
    secondaryEnded: false,
    recoveriesFailed: 0,
    recoverAt: at,
    map: { state: 'unknown', generation: 0, outOfSyncBytes: 0, totalBytes: 0, copyErrors: 0 },
    votes: [],
    pace: { copiedBytes: 0, dirtiedBytes: 0 },
    operationsBegun: 0,
    // When the site changed is not known any more: as late as it can have been.
    activeSince: at,
    moves: Array.from({ length: record.moves }, () => at),
    attemptAt: at,
    absorbed: {},
  };
}

/** The first event of a life: say where it stands, and close the doors that a former life may have left open. */
export function boot(turn: FailbackTurn): void {
  if (turn.state.booted) return;
  const { record, gate } = turn.state;
  const because = { kind: 'started', epoch: record.epoch, activeSite: record.activeSite } as const;
  turn.patch({ booted: true });
  turn.wish({ kind: 'set-gate', gate }, because);
  turn.report('info', because);
}
