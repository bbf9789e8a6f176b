import type { FailbackRecord } from './types.js';

export interface FreshFailbackRecordOptions {
  readonly groupId: string;
  /** The group's present epoch. */
  readonly epoch: number;
}

/** The record of a group that is at home, with both copies complete. */
export function freshFailbackRecord(options: FreshFailbackRecordOptions): FailbackRecord {
  return {
    version: 1,
    groupId: options.groupId,
    epoch: options.epoch,
    activeSite: 'primary',
    completeCopy: 'both',
    moves: 0,
    aborts: 0,
  };
}

export function withoutRedirect(record: FailbackRecord): FailbackRecord {
  const { redirect: _redirect, ...kept } = record;
  return kept;
}

export function withoutLock(record: FailbackRecord): FailbackRecord {
  const { lock: _lock, ...kept } = record;
  return { ...kept, moves: 0, aborts: 0 };
}
