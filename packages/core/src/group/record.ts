import { HoldfastError } from '../errors/index.js';
import type { FailbackRecord } from '../policies/latency-failback/index.js';
import type { MediatorFallbackRecord } from '../policies/mediator-fallback/index.js';
import type {
  PlannedFailoverGrant,
  PlannedFailoverOperation,
  PlannedFailoverOutcome,
  PlannedFailoverPreparation,
  PlannedFailoverRecord,
  PlannedFailoverRoles,
} from '../policies/planned-failover/index.js';
import type { SwapRecord, SwapSite } from '../policies/swap-recovery/index.js';
import { freshRecord, type NodeId, type NodeRecord } from '../policies/ttl-polarization/index.js';

/** Version of the record and of the state that this release reads and writes. */
export const GROUP_VERSION = 1;

/** The operation that holds the group's lock on this node, with all that has to survive a crash. At most one. */
export type GroupOperationRecord =
  | { readonly policy: 'planned-failover'; readonly source: PlannedFailoverOperation }
  | { readonly policy: 'planned-failover'; readonly promise: PlannedFailoverPreparation }
  | { readonly policy: 'planned-failover'; readonly grant: PlannedFailoverGrant }
  | {
      readonly policy: 'swap-recovery' | 'latency-failback';
      readonly operationId: string;
      readonly toEpoch: number;
    };

/**
 * The one record of one node about one group. Epoch, lineage, owner and sequencer stand in it once, and every policy reads them
 * from here: there is no second record that could disagree. Plain JSON.
 */
export interface GroupRecord extends NodeRecord {
  /** Goes first when the two lose each other. Moves with a planned failover. */
  readonly preferred: NodeId;
  readonly operation?: GroupOperationRecord;
  /** The agreed fault response model, and one that may have been agreed on. */
  readonly model?: Omit<MediatorFallbackRecord, 'version' | 'groupId' | 'nodeId'>;
  /** How the latest planned failover ended, and a promise of this epoch that fault handling has ended. */
  readonly planned?: {
    readonly last?: PlannedFailoverOutcome;
    readonly discarded?: PlannedFailoverPreparation;
  };
  readonly swap?: Omit<SwapRecord, 'version' | 'groupId' | 'epoch' | 'activeSite' | 'swap'>;
  readonly failback?: Pick<FailbackRecord, 'moves' | 'aborts' | 'lock'>;
}

export interface FreshGroupRecordOptions {
  readonly groupId: string;
  readonly nodeId: NodeId;
  readonly peerId: NodeId;
  /** The node that goes first. Name the same one at both. */
  readonly preferred: NodeId;
  readonly machineBootId: string;
}

/** The record of a node that has never served this group. */
export function freshGroupRecord(options: FreshGroupRecordOptions): GroupRecord {
  const { preferred, ...names } = options;
  const role = preferred === names.nodeId ? 'preferred' : 'nonPreferred';
  return { ...freshRecord({ ...names, role }), preferred };
}

/** @throws HoldfastError `NOT_SUPPORTED` when somebody else's version stands there. Nothing is overwritten. */
export function checkGroupVersion(what: 'record' | 'state', version: number): void {
  if (version === GROUP_VERSION) return;
  throw new HoldfastError(
    'NOT_SUPPORTED',
    `The consistency group's ${what} has version ${String(version)}, and this release knows version ${String(GROUP_VERSION)}. Nothing was changed: use the release that wrote it.`,
  );
}

export function rolesOf(record: GroupRecord): PlannedFailoverRoles {
  const { epoch, lineageId, sequencer, preferred } = record;
  return { epoch, lineageId, sequencer, preferred };
}

/** Who holds a copy with every acknowledged write: both while they mirror, else whoever goes on alone. */
export function completeCopiesOf(record: GroupRecord, peerId: NodeId): readonly NodeId[] {
  if (record.owner !== undefined) return [record.owner];
  return record.mode === 'mirrored' ? [record.nodeId, peerId] : [];
}

/** What fault handling reads: the same fields, without those of the others. */
export function polarizationRecordOf(record: GroupRecord): NodeRecord {
  const {
    preferred: _preferred,
    operation: _operation,
    model: _model,
    planned: _planned,
    swap: _swap,
    failback: _failback,
    ...own
  } = record;
  return own;
}

export function fallbackRecordOf(record: GroupRecord): MediatorFallbackRecord | undefined {
  const { model, groupId, nodeId } = record;
  return model === undefined ? undefined : { version: 1, groupId, nodeId, ...model };
}

export function plannedRecordOf(record: GroupRecord): PlannedFailoverRecord {
  const { groupId, nodeId, operation, planned } = record;
  const { last, discarded } = planned ?? {};
  return {
    version: 1,
    groupId,
    nodeId,
    roles: rolesOf(record),
    ...(last === undefined ? {} : { last }),
    ...(discarded === undefined ? {} : { preparation: discarded }),
    ...(operation?.policy !== 'planned-failover'
      ? {}
      : 'source' in operation
        ? { operation: operation.source }
        : 'promise' in operation
          ? { preparation: operation.promise }
          : { grant: operation.grant }),
  };
}

/** Where hosts' writes are answered for: the owner while one goes on alone, else whoever orders them. */
export function activeNodeOf(record: GroupRecord): NodeId {
  return record.owner ?? record.sequencer;
}

export function swapSiteOf(node: NodeId, first: NodeId): SwapSite {
  return node === first ? 'first' : 'second';
}

export function swapRecordOf(record: GroupRecord, first: NodeId): SwapRecord {
  const { groupId, epoch, operation, swap } = record;
  const kept = swap ?? {
    protection: record.mode === 'mirrored' || record.mode === 'fresh' ? 'duplex' : 'exposed',
    conditions: [],
    errorTracks: [],
    fullCopy: false,
    restarts: 0,
    swaps: 0,
  };
  return {
    version: 1,
    groupId,
    epoch,
    activeSite: swapSiteOf(activeNodeOf(record), first),
    ...kept,
    // That one goes on alone stands in the same record: whatever this policy had written before, the copies are not equal.
    ...(record.owner === undefined ? {} : { protection: 'exposed' as const }),
    ...(operation?.policy === 'swap-recovery'
      ? { swap: { operationId: operation.operationId, toEpoch: operation.toEpoch } }
      : {}),
  };
}

/** The owner of a resync has given the order of writes to its target. */
export function hasPassedOrder({ owner, sequencer, mode }: GroupRecord): boolean {
  const isResync = mode === 'syncSource' || mode === 'syncTarget';
  return isResync && owner !== undefined && sequencer !== owner;
}

/** The primary site is the preferred node: home is where preference is. While both mirror, both serve and nobody is away. */
export function failbackPlaceOf(
  record: GroupRecord,
): Pick<FailbackRecord, 'epoch' | 'activeSite' | 'completeCopy'> {
  const { epoch, owner, preferred } = record;
  if (owner === undefined) return { epoch, activeSite: 'primary', completeCopy: 'both' };
  if (owner === preferred) return { epoch, activeSite: 'primary', completeCopy: 'primary' };
  const activeSite = hasPassedOrder(record) ? 'primary' : 'secondary';
  return { epoch, activeSite, completeCopy: 'secondary' };
}

export function failbackRecordOf(record: GroupRecord): FailbackRecord {
  const { groupId, operation, failback } = record;
  return {
    version: 1,
    groupId,
    ...failbackPlaceOf(record),
    moves: 0,
    aborts: 0,
    ...failback,
    ...(operation?.policy === 'latency-failback'
      ? { redirect: { operationId: operation.operationId, toEpoch: operation.toEpoch } }
      : {}),
  };
}
