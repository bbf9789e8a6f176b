import type { DurationMs, Millis } from '../../kernel/time.js';
import type { PlannedFailoverSourceWork } from './state.js';

/** The living side of an operation at its source, as it begins. */
export function emptySourceWork(startedAt: Millis, rollbackMs: DurationMs): PlannedFailoverSourceWork {
  return {
    startedAt,
    rollbackMs,
    commandIds: [],
    checked: false,
    warned: false,
    barrierReached: false,
    asked: false,
    saidAt: startedAt,
    pathsSwitched: false,
    warnings: [],
    applied: false,
  };
}
