import type { PlannedFailoverReason } from './reasons.js';
import type { PlannedFailoverState } from './state.js';
import type {
  PlannedFailoverOperation,
  PlannedFailoverOutcomeKind,
  PlannedFailoverPhase,
  PlannedFailoverRecord,
  PlannedFailoverRoles,
} from './types.js';

export interface FreshPlannedFailoverRecordOptions {
  readonly groupId: string;
  readonly nodeId: string;
  readonly roles: PlannedFailoverRoles;
}

/** The record of a node whose group has never changed sides. */
export function freshPlannedFailoverRecord(
  options: FreshPlannedFailoverRecordOptions,
): PlannedFailoverRecord {
  return { version: 1, groupId: options.groupId, nodeId: options.nodeId, roles: options.roles };
}

export function isBeforeCommit(phase: PlannedFailoverPhase): boolean {
  return phase === 'started' || phase === 'prepared' || phase === 'fenced';
}

/** The roles that count from now on: fault handling's, when they are newer. */
export function currentRoles({ record, standing }: PlannedFailoverState): PlannedFailoverRoles {
  if (standing.epoch <= record.roles.epoch) return record.roles;
  const { epoch, lineageId, sequencer, preferred } = standing;
  return { epoch, lineageId, sequencer, preferred };
}

/** Neither source nor target of anything. The base of every other record. */
export function bareRecord(state: PlannedFailoverState): PlannedFailoverRecord {
  const { groupId, nodeId, last } = state.record;
  return { version: 1, groupId, nodeId, roles: currentRoles(state), ...(last === undefined ? {} : { last }) };
}

export function withOperation(
  state: PlannedFailoverState,
  operation: PlannedFailoverOperation,
): PlannedFailoverRecord {
  return { ...bareRecord(state), roles: state.record.roles, operation };
}

/** The end of an operation at its authority: the context goes, and how it ended stays. One write, so that neither is without the other. */
export function closedRecord(
  state: PlannedFailoverState,
  operation: PlannedFailoverOperation,
  outcome: PlannedFailoverOutcomeKind,
  because: PlannedFailoverReason,
): PlannedFailoverRecord {
  const base = bareRecord(state);
  const epoch = outcome === 'failed' ? operation.fromEpoch : (operation.next?.epoch ?? operation.fromEpoch);
  return { ...base, last: { operationId: operation.operationId, outcome, epoch, because } };
}

/** The test-and-set itself: the only place where an epoch is given away. Undefined when the test fails. */
export function committedRecord(state: PlannedFailoverState): PlannedFailoverRecord | undefined {
  const { record, source } = state;
  const { operation, roles } = record;
  if (operation?.phase !== 'fenced' || operation.next === undefined) return undefined;
  if (source?.barrierReached !== true || source.cancel !== undefined) return undefined;
  if (roles.epoch !== operation.fromEpoch) return undefined;
  const { to, next } = operation;
  return {
    ...withOperation(state, { ...operation, phase: 'committed' }),
    roles: { ...next, sequencer: to, preferred: to },
  };
}
