import type { Millis } from '../../kernel/time.js';
import { advanceSource, sourceDueAt, tickSource } from './advance.js';
import { persistRetryAt, retryPersistIfDue } from './persisted.js';
import { bareRecord, closedRecord, isBeforeCommit } from './record.js';
import { closeIfOvertaken } from './standing.js';
import type { PlannedFailoverState } from './state.js';
import { advanceTarget, targetDueAt, tickTarget } from './target.js';
import type { Turn } from './turn.js';

/** Everything that follows from the state and the time alone. */
export function settle(turn: Turn): void {
  tickSource(turn);
  tickTarget(turn);
  dropFailedWrite(turn);
  retryPersistIfDue(turn);
  if (turn.state.saving === undefined) closeIfOvertaken(turn);
  if (turn.state.saving === undefined) advanceSource(turn);
  if (turn.state.saving === undefined) advanceTarget(turn);
  if (turn.state.saving === undefined) adoptRoles(turn);
  turn.setGate(settledReason(turn.state));
}

/** A write that failed before the commit gives way to the rollback that is wanted by now. A commit never does. */
function dropFailedWrite(turn: Turn): void {
  const { saving, source } = turn.state;
  if (saving?.retryAt === undefined || source?.cancel === undefined) return;
  const { operation } = saving.record;
  if (operation === undefined || !isBeforeCommit(operation.phase)) return;
  // What failed may stand on the disk all the same, so its end is written in any case, also that of a context never confirmed.
  turn.save(closedRecord(turn.state, operation, 'failed', source.cancel), source.cancel);
}

/** A later epoch of fault handling with nothing under way here. */
function adoptRoles(turn: Turn): void {
  const { record, standing } = turn.state;
  if (record.operation !== undefined || record.preparation !== undefined || record.grant !== undefined)
    return;
  if (standing.epoch > record.roles.epoch) turn.save(bareRecord(turn.state), settledReason(turn.state));
}

function settledReason({ standing }: PlannedFailoverState) {
  const { service, epoch, sequencer } = standing;
  return { kind: 'standing', service, epoch, sequencer } as const;
}

/** Every time at which `settle` would do something without another event. */
export function wakeAt(state: PlannedFailoverState): Millis | undefined {
  if (!state.booted) return state.now;
  const due = [sourceDueAt(state), targetDueAt(state), persistRetryAt(state)].filter(
    (at) => at !== undefined,
  );
  return due.length === 0 ? undefined : Math.min(...due);
}
