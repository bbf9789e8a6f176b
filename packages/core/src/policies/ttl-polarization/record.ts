import type { PolarizationState } from './state.js';
import type { Lineage, NodeId, NodeRecord, Role } from './types.js';

/** Lineages that a record remembers. A node that was away for longer is copied to in full. */
const HISTORY_LIMIT = 16;

export interface FreshRecordOptions {
  readonly groupId: string;
  readonly nodeId: NodeId;
  readonly peerId: NodeId;
  readonly role: Role;
  readonly machineBootId: string;
}

/** The record of a node that has never served this group. */
export function freshRecord(options: FreshRecordOptions): NodeRecord {
  return {
    version: 1,
    groupId: options.groupId,
    nodeId: options.nodeId,
    mode: 'fresh',
    epoch: 0,
    lineageId: '',
    sequencer: options.role === 'preferred' ? options.nodeId : options.peerId,
    dataState: 'inconsistent',
    history: [],
    machineBootId: options.machineBootId,
    clean: true,
  };
}

export function lineageOf(record: NodeRecord): Lineage {
  return { epoch: record.epoch, lineageId: record.lineageId };
}

/** All lineages of a copy, the present one first. A fresh node has none. */
export function chainOf(record: NodeRecord): readonly Lineage[] {
  return record.mode === 'fresh' ? [] : [lineageOf(record), ...record.history];
}

/** The history of a copy that leaves the present lineage of `record` for `lineageId`. */
export function historyBehind(record: NodeRecord, lineageId: string): readonly Lineage[] {
  return chainOf(record)
    .filter((past) => past.lineageId !== lineageId)
    .slice(0, HISTORY_LIMIT);
}

/** Whether the copy behind `record` went through `lineageId`, or is in it. */
export function wentThrough(record: NodeRecord, lineageId: string): boolean {
  return chainOf(record).some((past) => past.lineageId === lineageId);
}

export function related(one: NodeRecord, other: NodeRecord): boolean {
  return chainOf(one).some((past) => wentThrough(other, past.lineageId));
}

export type RecordChange = Partial<Omit<NodeRecord, 'version' | 'groupId' | 'nodeId' | 'owner'>> & {
  /** Survivorship ends or passes with every record: whoever writes one says whose it is. */
  readonly owner: NodeId | undefined;
};

/** The next record: what is agreed for one step only (`prepared`, the full resync) does not carry over by itself. */
export function nextRecord(state: PolarizationState, change: RecordChange): NodeRecord {
  const { prepared: _prepared, fullResync: _full, fullCopyId: _copy, owner: _owner, ...kept } = state.record;
  const { owner, ...changes } = change;
  const { incarnation } = state.witness;
  return {
    ...kept,
    machineBootId: state.self.machineBootId,
    clean: false,
    ...(incarnation === undefined ? {} : { witnessIncarnation: incarnation }),
    ...changes,
    ...(owner === undefined ? {} : { owner }),
  };
}

/** A full resync that was agreed on and is not complete, as the next record has to say it again. */
export function openFullResync(record: NodeRecord): Pick<NodeRecord, 'fullResync' | 'fullCopyId'> {
  const { fullResync, fullCopyId } = record;
  return {
    ...(fullResync === undefined ? {} : { fullResync }),
    ...(fullCopyId === undefined ? {} : { fullCopyId }),
  };
}

/** This node holds survivorship of the record's epoch. */
export function ownedBySelf(record: NodeRecord): boolean {
  return record.owner === record.nodeId;
}

/** The record names the other node as the one who goes on: nothing in this copy is missing there. */
export function follows(record: NodeRecord, other: NodeId): boolean {
  return record.owner === other;
}
