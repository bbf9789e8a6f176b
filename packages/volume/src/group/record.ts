import { HoldfastError, type NodeRecord, type Store } from '@holdfast/core';
import { Origins, type OriginsSnapshot } from '../order/origins.js';

/** Where a group's record stands in the node's store. */
export function recordKey(groupId: string): string {
  return `group.${groupId}`;
}

/** @throws HoldfastError CORRUPT, FOREIGN_LEG or NOT_SUPPORTED; nothing is written. */
export async function loadRecord(
  store: Store,
  groupId: string,
  nodeId: string,
): Promise<NodeRecord | undefined> {
  const bytes = await store.load(recordKey(groupId));
  if (bytes === undefined) return undefined;
  let record: NodeRecord;
  try {
    record = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as NodeRecord;
  } catch (error) {
    throw new HoldfastError(
      'CORRUPT',
      `The record of group ${groupId} in ${store.name} cannot be read. Nothing was changed. ` +
        'Restore the folder from before, or move it and the metadata away to let this node be rebuilt from the other one.',
      { cause: error },
    );
  }
  if ((record.version as number) !== 1) {
    throw new HoldfastError(
      'NOT_SUPPORTED',
      `The record in ${store.name} was written by a newer release (version ${String(record.version)}): use that one.`,
    );
  }
  if (record.groupId !== groupId || record.nodeId !== nodeId) {
    throw new HoldfastError(
      'FOREIGN_LEG',
      `${store.name} is the store of node "${record.nodeId}" of group "${record.groupId}", not of node "${nodeId}" of "${groupId}". Nothing was changed.`,
    );
  }
  return record;
}

/** Where a group's notes on carried out writes stand in the node's store. */
export function notesKey(groupId: string): string {
  return `repeats.${groupId}`;
}

interface Notes extends OriginsSnapshot {
  /** What they speak of was flushed. Otherwise they are true until the machine loses its power, and perhaps no longer. */
  readonly isStable: boolean;
  readonly machineBootId: string;
}

/** @throws HoldfastError CORRUPT when the notes cannot be read; nothing is written. */
export async function loadNotes(
  store: Store,
  groupId: string,
  machineBootId: string,
): Promise<OriginsSnapshot | undefined> {
  const bytes = await store.load(notesKey(groupId));
  if (bytes === undefined) return undefined;
  try {
    const notes: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    // Whoever reads it says what is wrong with it.
    new Origins().restore(notes);
    const { isStable, machineBootId: bootOfNotes } = notes as Notes;
    return isStable || bootOfNotes === machineBootId ? (notes as Notes) : undefined;
  } catch (error) {
    throw new HoldfastError(
      'CORRUPT',
      `The notes on the writes of group ${groupId} that were carried out, in ${store.name}, cannot be read. Nothing was changed. ` +
        'Restore the folder from before, or move it and the metadata away to let this node be rebuilt from the other one.',
      { cause: error },
    );
  }
}

/** Saves one after the other, so that a later record never ends up under an earlier one, nor before notes that belong to it. */
export class RecordWriter {
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly store: Store,
    private readonly groupId: string,
    private readonly machineBootId: string,
  ) {}

  save(record: NodeRecord): Promise<void> {
    return this.inOrder(recordKey(this.groupId), record);
  }

  saveNotes(notes: OriginsSnapshot, isStable: boolean): Promise<void> {
    const { machineBootId } = this;
    return this.inOrder(notesKey(this.groupId), { ...notes, isStable, machineBootId } satisfies Notes);
  }

  private inOrder(key: string, value: unknown): Promise<void> {
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    const saved = this.last.then(() => this.store.save(key, bytes));
    this.last = saved.catch(() => undefined);
    return saved;
  }
}
