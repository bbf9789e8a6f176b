import type { FailbackRecord } from '../policies/latency-failback/index.js';
import type { MediatorFallbackRecord } from '../policies/mediator-fallback/index.js';
import type { PlannedFailoverRecord } from '../policies/planned-failover/index.js';
import type { SwapRecord } from '../policies/swap-recovery/index.js';
import type { Lineage, NodeId, NodeRecord } from '../policies/ttl-polarization/index.js';
import type { GroupOperationRecord, GroupRecord } from './record.js';
import type { GroupPolicyName } from './types.js';

/** Lineages that a record remembers, as many as fault handling does. */
const HISTORY_LIMIT = 16;

/** A change of the epoch outside of fault handling: the copies stay what they are, only the order of writes passes. */
export interface EpochChange extends Lineage {
  readonly sequencer: NodeId;
  readonly preferred: NodeId;
}

export function withEpoch(record: GroupRecord, change: EpochChange): GroupRecord {
  if (change.epoch <= record.epoch) return record;
  const { epoch, lineageId } = record;
  const history = [{ epoch, lineageId }, ...record.history].slice(0, HISTORY_LIMIT);
  return { ...record, ...change, history, clean: false };
}

/** What a policy wishes to write becomes part of the one record. Whose word counts for what is said here, and nowhere else. */
export function foldPolarization(base: GroupRecord, own: NodeRecord): GroupRecord {
  const { preferred, operation, model, planned, swap, failback } = base;
  const raised = own.epoch > base.epoch;
  // A commit of the group is on its way already: what fault handling knows is of the epoch before, and must not take it back.
  const { epoch, lineageId, sequencer, history } = base;
  const committed = own.epoch < base.epoch ? { epoch, lineageId, sequencer, history } : {};
  const { discarded: _discarded, ...outcome } = planned ?? {};
  // A promise that fault handling has ended is of no use in another epoch.
  const kept = raised ? outcome : planned;
  return {
    ...own,
    ...committed,
    preferred,
    ...(operation === undefined || (raised && isOvertaken(operation, own.epoch)) ? {} : { operation }),
    ...(model === undefined ? {} : { model }),
    ...(kept === undefined ? {} : { planned: kept }),
    ...(swap === undefined ? {} : { swap }),
    ...(failback === undefined ? {} : { failback }),
  };
}

/** A swap is done by the epoch that it was for; the others say themselves when they are over. */
function isOvertaken(operation: GroupOperationRecord, epoch: number): boolean {
  return operation.policy === 'swap-recovery' && epoch >= operation.toEpoch;
}

export function foldFallback(base: GroupRecord, own: MediatorFallbackRecord): GroupRecord {
  const { version: _version, groupId: _group, nodeId: _node, ...model } = own;
  return { ...base, model };
}

/** The roles count when they are newer: by the commit at the source, and by the grant at the target. */
export function foldPlanned(base: GroupRecord, own: PlannedFailoverRecord): GroupRecord {
  const { roles, operation, preparation, grant, last } = own;
  const record = withEpoch(base, roles);
  const discarded = preparation?.discarded === true ? preparation : undefined;
  const holds: GroupOperationRecord | undefined =
    operation !== undefined
      ? { policy: 'planned-failover', source: operation }
      : grant !== undefined
        ? { policy: 'planned-failover', grant }
        : preparation !== undefined && discarded === undefined
          ? { policy: 'planned-failover', promise: preparation }
          : undefined;
  const planned = {
    ...(last === undefined ? {} : { last }),
    ...(discarded === undefined ? {} : { discarded }),
  };
  const { planned: _before, ...rest } = withOperation(record, 'planned-failover', holds);
  return last === undefined && discarded === undefined ? rest : { ...rest, planned };
}

export function foldSwap(base: GroupRecord, own: SwapRecord): GroupRecord {
  const { swap: intent, version: _v, groupId: _g, epoch: _e, activeSite: _a, ...swap } = own;
  // The epoch is raised by the handover that carries the swap out; an intent of a past epoch is no operation.
  const holds =
    intent !== undefined && intent.toEpoch > base.epoch
      ? ({ policy: 'swap-recovery', ...intent } as const)
      : undefined;
  return { ...withOperation(base, 'swap-recovery', holds), swap };
}

/** `raise`: the redirect's commit, with the lineage that the group has drawn for it. */
export function foldFailback(base: GroupRecord, own: FailbackRecord, raise?: EpochChange): GroupRecord {
  const { redirect, moves, aborts, lock } = own;
  const record = raise === undefined ? base : withEpoch(base, raise);
  const holds =
    redirect !== undefined && redirect.toEpoch > record.epoch
      ? ({ policy: 'latency-failback', ...redirect } as const)
      : undefined;
  const failback = { moves, aborts, ...(lock === undefined ? {} : { lock }) };
  return { ...withOperation(record, 'latency-failback', holds), failback };
}

function withOperation(
  base: GroupRecord,
  policy: GroupPolicyName,
  holds: GroupOperationRecord | undefined,
): GroupRecord {
  if (holds !== undefined) return { ...base, operation: holds };
  if (base.operation?.policy !== policy) return base;
  const { operation: _over, ...rest } = base;
  return rest;
}
