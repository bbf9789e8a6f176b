import type { Millis } from '../../kernel/time.js';
import {
  plannedFailoverTiming,
  validatePlannedFailoverOptions,
  type PlannedFailoverOptions,
} from './options.js';
import { isBeforeCommit } from './record.js';
import { wishPaths } from './source.js';
import type { PlannedFailoverState } from './state.js';
import { wishTargetPaths } from './target.js';
import type { Turn } from './turn.js';
import { emptySourceWork } from './work.js';

/** @throws OptionsError, HoldfastError, TypeError: see `validatePlannedFailoverOptions`. */
export function initialState(options: PlannedFailoverOptions, at: Millis): PlannedFailoverState {
  validatePlannedFailoverOptions(options);
  const { record } = options;
  return {
    version: 1,
    self: {
      groupId: options.groupId,
      nodeId: options.nodeId,
      peerId: options.peerId,
      incarnation: options.incarnation,
      lineageSeed: options.lineageSeed,
      members: options.members,
      timing: options.timing ?? plannedFailoverTiming,
      heldRequests: options.heldRequests ?? 'forward',
      requireMediator: options.requireMediator ?? false,
    },
    now: at,
    booted: false,
    record,
    standing: {
      service: 'unknown',
      ...record.roles,
      inSync: false,
      peerHealthy: false,
      mediatorReachable: false,
    },
    // Until the record has been looked at, nobody may count on this node.
    gate: { host: 'hold', ordersWrites: false, roles: record.roles },
    lineagesDrawn: 0,
    absorbed: {},
  };
}

/** The first event of a life: the record is read before anything is served, and the clocks of the former life are gone with it. */
export function boot(turn: Turn): void {
  if (turn.state.booted) return;
  const { record, self } = turn.state;
  const { operation, preparation, grant, roles } = record;
  const because = {
    kind: 'node-started',
    node: self.nodeId,
    epoch: roles.epoch,
    sequencer: roles.sequencer,
    found:
      operation !== undefined
        ? `operation ${operation.operationId} in "${operation.phase}"`
        : preparation !== undefined
          ? `a promise for operation ${preparation.operationId}`
          : grant !== undefined
            ? `the roles taken by operation ${grant.operationId}`
            : 'no operation',
  } as const;
  turn.patch({ booted: true });
  if (operation !== undefined) {
    const applied = operation.phase === 'demoting';
    turn.patch({ source: { ...emptySourceWork(turn.at, self.timing.rollbackTimeoutMs), applied } });
    if (isBeforeCommit(operation.phase)) {
      turn.patchSource({
        cancel: {
          kind: 'cancelled',
          cause: 'restarted',
          phase: operation.phase,
          sinceMs: 0,
          limitMs: 0,
          detail: '',
        },
      });
    }
    if (applied) wishPaths(turn, because);
  }
  const operationId = preparation?.operationId ?? grant?.operationId;
  if (operationId !== undefined) {
    turn.patch({ target: { operationId, since: turn.at, caughtUp: false, saidAt: turn.at } });
    if (grant !== undefined) wishTargetPaths(turn, because);
  }
  turn.setGate(because, true);
  turn.report('info', because);
}
