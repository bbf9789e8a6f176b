import { isBeforeCommit } from './record.js';
import type { PlannedFailoverState } from './state.js';
import type { PlannedFailoverGate } from './types.js';

/** The only place where it is said who is held and who orders writes. A function of the state: no step can forget it. */
export function gateFor(state: PlannedFailoverState): PlannedFailoverGate {
  const { record, standing, self } = state;
  const { roles } = record;
  const host = sourceHolds(state) || targetHolds(state) ? 'hold' : 'free';
  const isMirrored =
    standing.service === 'mirrored' &&
    standing.epoch === roles.epoch &&
    standing.lineageId === roles.lineageId;
  return { host, ordersWrites: host === 'free' && isMirrored && roles.sequencer === self.nodeId, roles };
}

/** From the durable fence until it is durably taken back, or until the target is known to have the roles. */
function sourceHolds({ record, source }: PlannedFailoverState): boolean {
  const phase = record.operation?.phase;
  return phase === 'fenced' || (phase === 'committed' && source?.applied !== true);
}

/** From the barrier until the roles are durable here, or the operation is over. */
function targetHolds({ record, target }: PlannedFailoverState): boolean {
  const { preparation } = record;
  if (preparation === undefined || preparation.discarded || target?.over === true) return false;
  return target?.barrierSequence !== undefined;
}

export function sameGate(one: PlannedFailoverGate, other: PlannedFailoverGate): boolean {
  return (
    one.host === other.host &&
    one.ordersWrites === other.ordersWrites &&
    one.roles.epoch === other.roles.epoch &&
    one.roles.lineageId === other.roles.lineageId &&
    one.roles.sequencer === other.roles.sequencer &&
    one.roles.preferred === other.roles.preferred
  );
}

/**
 * Whether fault handling may claim survivorship for this node, which ends the epoch: never while a context stands that could still
 * change the roles, and never again under a commit that the target may not have heard of.
 */
export function mayArbitrate({ record, saving, source }: PlannedFailoverState): boolean {
  const { operation, preparation } = record;
  if (saving?.record.operation !== undefined && isBeforeCommit(saving.record.operation.phase)) return false;
  if (operation !== undefined) return operation.phase === 'demoting' || source?.applied === true;
  if (saving?.record.grant !== undefined && record.grant === undefined) return false;
  return preparation === undefined || preparation.discarded;
}
