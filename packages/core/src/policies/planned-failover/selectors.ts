import type { DurationMs } from '../../kernel/time.js';
import { obstaclesToStart, statusOf } from './commands.js';
import { mayArbitrate } from './gate.js';
import { currentRoles, isBeforeCommit } from './record.js';
import type { PlannedFailoverState } from './state.js';
import type {
  PlannedFailoverEpoch,
  PlannedFailoverGate,
  PlannedFailoverObstacle,
  PlannedFailoverOutcome,
  PlannedFailoverRoles,
} from './types.js';

/** Where a node stands. The first five are the source's, then the target's. */
export type PlannedFailoverMode =
  | 'idle'
  | 'started'
  | 'prepared'
  | 'fenced'
  | 'committed'
  | 'demoting'
  | 'getting-ready'
  | 'ready'
  | 'at-barrier'
  | 'discarded'
  | 'granted';

export function plannedFailoverMode({ record, target }: PlannedFailoverState): PlannedFailoverMode {
  const { operation, preparation, grant } = record;
  if (operation !== undefined) return operation.phase;
  if (grant !== undefined) return 'granted';
  if (preparation?.discarded === true) return 'discarded';
  if (preparation !== undefined) return target?.barrierSequence === undefined ? 'ready' : 'at-barrier';
  return target === undefined ? 'idle' : 'getting-ready';
}

/** What this policy says about host I/O now. To be joined with fault handling's word: the stricter one counts. */
export function plannedFailoverGate(state: PlannedFailoverState): PlannedFailoverGate {
  return state.gate;
}

/** The operation that holds the group's lock on this node, for the one lock of the group. */
export interface PlannedFailoverLock {
  readonly kind: 'planned-failover';
  readonly operationId: string;
  readonly epoch: number;
  /** Fault handling may cancel it by saying `interrupted`; wait for `hand-back`. After the commit nothing cancels it. */
  readonly cancellable: boolean;
}

export function plannedFailoverLock(state: PlannedFailoverState): PlannedFailoverLock | undefined {
  const { record, saving } = state;
  const { roles, preparation, grant } = record;
  const lock = (operationId: string, cancellable: boolean): PlannedFailoverLock => ({
    kind: 'planned-failover',
    operationId,
    epoch: roles.epoch,
    cancellable,
  });
  const operation = saving?.record.operation ?? record.operation;
  if (operation !== undefined) return lock(operation.operationId, isBeforeCommit(operation.phase));
  if (grant !== undefined) return lock(grant.operationId, false);
  if (preparation !== undefined && !preparation.discarded)
    return lock(preparation.operationId, saving?.record.grant === undefined);
  return undefined;
}

/** Whether fault handling may claim survivorship for this node now. See `hand-back` for when to ask again. */
export function plannedFailoverMayArbitrate(state: PlannedFailoverState): boolean {
  return mayArbitrate(state);
}

/**
 * The epoch and lineage under which a target claims survivorship, if it has promised one: the very epoch that the source may have
 * committed, so that both ways lead to one epoch and not to two of the same number.
 */
export function plannedFailoverClaim(state: PlannedFailoverState): PlannedFailoverEpoch | undefined {
  const { preparation, roles } = state.record;
  return preparation?.next.epoch === roles.epoch + 1 ? preparation.next : undefined;
}

export function plannedFailoverRoles(state: PlannedFailoverState): PlannedFailoverRoles {
  return currentRoles(state);
}

/** What a start would do this moment, without starting. */
export interface PlannedFailoverForecast {
  readonly wouldStart: boolean;
  readonly from: string;
  readonly to: string;
  /** What this node itself knows to stand in the way; the checks of both nodes' data paths come on top. */
  readonly obstacles: readonly PlannedFailoverObstacle[];
  /** Hosts are held for so long at most, before it is rolled back. */
  readonly holdLimitMs: DurationMs;
  readonly detail: string;
}

export function whatIfPlannedFailover(state: PlannedFailoverState): PlannedFailoverForecast {
  const { self, record } = state;
  const obstacles = obstaclesToStart(state);
  const holdLimitMs = self.timing.fenceLimitMs;
  const isHere = record.roles.sequencer === self.nodeId;
  const [from, to] = isHere ? [self.nodeId, self.peerId] : [self.peerId, self.nodeId];
  const detail =
    obstacles.length === 0
      ? `The roles would pass from ${from} to ${to}, and hosts would wait ${String(holdLimitMs)} ms at most.`
      : `It would be refused: ${obstacles.map((obstacle) => obstacle.detail).join('; ')}.`;
  return { wouldStart: obstacles.length === 0, from, to, obstacles, holdLimitMs, detail };
}

export type PlannedFailoverFault = 'peer-crashes' | 'this-node-crashes' | 'link-cut' | 'store-fails';

/** Who orders writes after one fault at this moment, as far as planned failover decides it. */
export interface PlannedFailoverFaultForecast {
  /** `fault-handling`: the operation is rolled back and the group's own rule decides. `nobody`: until the two meet, or a witness. */
  readonly serves: 'source' | 'target' | 'fault-handling' | 'nobody';
  readonly detail: string;
}

export function whatIfFaultDuringFailover(
  state: PlannedFailoverState,
  fault: PlannedFailoverFault,
): PlannedFailoverFaultForecast {
  const { record, source, saving } = state;
  const { operation, preparation, grant } = record;
  if (operation === undefined && preparation === undefined && grant === undefined)
    return { serves: 'fault-handling', detail: 'No operation is under way.' };
  if (grant !== undefined || source?.applied === true)
    return { serves: 'target', detail: 'The target has the roles; what remains is tidying up.' };
  const isCommitted = operation !== undefined && !isBeforeCommit(operation.phase);
  if (isCommitted || saving?.record.operation?.phase === 'committed') {
    return {
      serves: 'nobody',
      detail:
        'Committed, and the target has not confirmed: it serves as soon as it hears of it, or by the witness.',
    };
  }
  if (preparation !== undefined && state.target?.caughtUp === true)
    return {
      serves: 'fault-handling',
      detail:
        'The source may have committed already; this node claims the very epoch that it would have got.',
    };
  if (fault === 'store-fails')
    return operation?.phase === 'fenced'
      ? { serves: 'nobody', detail: 'Held until a rollback or the commit can be written down.' }
      : { serves: 'source', detail: 'The operation stands still; hosts are served.' };
  return {
    serves: 'fault-handling',
    detail: 'It is rolled back first, and then the rule for faults decides.',
  };
}

/** A status page as plain JSON. */
export interface PlannedFailoverStatus {
  readonly nodeId: string;
  readonly mode: PlannedFailoverMode;
  readonly epoch: number;
  readonly sequencer: string;
  readonly host: 'free' | 'hold';
  readonly ordersWrites: boolean;
  readonly mayArbitrate: boolean;
  readonly detail: string;
  readonly last?: PlannedFailoverOutcome;
  /** Events that fitted nothing, by kind. */
  readonly absorbed: Readonly<Record<string, number>>;
}

export function describePlannedFailover(state: PlannedFailoverState): PlannedFailoverStatus {
  const { record, gate, self, absorbed } = state;
  return {
    nodeId: self.nodeId,
    mode: plannedFailoverMode(state),
    epoch: record.roles.epoch,
    sequencer: record.roles.sequencer,
    host: gate.host,
    ordersWrites: gate.ordersWrites,
    mayArbitrate: mayArbitrate(state),
    detail: statusOf(state),
    ...(record.last === undefined ? {} : { last: record.last }),
    absorbed,
  };
}
