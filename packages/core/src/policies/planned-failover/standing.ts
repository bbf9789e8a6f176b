import { closedRecord, currentRoles, isBeforeCommit } from './record.js';
import { cancel, seeRole, wishPaths } from './source.js';
import type { Turn } from './turn.js';
import type { PlannedFailoverStanding } from './types.js';

/** Fault handling says how the group stands. Its word on service always counts; an old epoch of it never does. */
export function onStanding(turn: Turn, standing: PlannedFailoverStanding): void {
  const { record, standing: before } = turn.state;
  const { roles } = record;
  const isOld =
    standing.epoch < roles.epoch ||
    standing.epoch < before.epoch ||
    (standing.epoch === roles.epoch && standing.lineageId !== roles.lineageId);
  if (isOld) {
    turn.absorb('standing-changed', `epoch ${String(standing.epoch)} is not the one of this node`);
    // An interruption is one whatever epoch it speaks of.
    if (standing.service !== 'interrupted') return;
    turn.patch({ standing: { ...before, service: 'interrupted' } });
  } else {
    turn.patch({ standing });
  }
  const now = turn.state.standing;
  if (now.epoch > roles.epoch)
    cancel(turn, 'epoch-moved', `from ${String(roles.epoch)} to ${String(now.epoch)}`);
  else if (now.service === 'interrupted') cancel(turn, 'group-interrupted', '');
  else if (now.service === 'mirrored' && !now.inSync) cancel(turn, 'obstacles', 'the copies are not in sync');
  else if (now.service === 'mirrored' && !now.peerHealthy)
    cancel(turn, 'obstacles', 'the target is not healthy');
  confirmByStanding(turn);
  turn.setGate({
    kind: 'standing',
    service: now.service,
    epoch: now.epoch,
    sequencer: currentRoles(turn.state).sequencer,
  });
}

/** The target can get the roles by other ways than the answer of this node: the witness knows them under the same lineage. */
function confirmByStanding(turn: Turn): void {
  const { record, standing } = turn.state;
  const { operation, roles } = record;
  if (operation === undefined || isBeforeCommit(operation.phase) || standing.epoch !== roles.epoch) return;
  if (standing.owner === operation.to || standing.service === 'mirrored') seeRole(turn, 'fault-handling');
}

/** A later epoch than that of the commit: the operation is over, whoever got it. */
export function closeIfOvertaken(turn: Turn): void {
  const { state } = turn;
  const { record, standing, source } = state;
  const { operation, roles } = record;
  if (operation === undefined || isBeforeCommit(operation.phase) || standing.epoch <= roles.epoch) return;
  const owner = standing.owner ?? standing.sequencer;
  if (source?.applied !== true) wishPaths(turn, { kind: 'overruled', epoch: standing.epoch, owner });
  if (owner !== operation.to) {
    const because = { kind: 'overruled', epoch: standing.epoch, owner } as const;
    turn.save(closedRecord(state, operation, 'failed', because), because);
    return;
  }
  const warnings = [`fault handling has moved the group to epoch ${String(standing.epoch)} meanwhile`];
  const because = {
    kind: 'completed',
    operationId: operation.operationId,
    to: operation.to,
    epoch: roles.epoch,
    warnings,
  } as const;
  turn.save(closedRecord(state, operation, 'completed-with-warnings', because), because);
}
