import type { Journal, JournalRecord, JournalOpening, JournalStep } from './types.js';

export interface RingJournal extends Journal {
  /**
   * Oldest first: an opening, then the steps after it. When the oldest steps are forgotten, there is no opening for the rest
   * and a replay has to begin elsewhere; ask `complete`.
   */
  readonly records: readonly JournalRecord[];
  /** Whether every step since the driver was made is still here. */
  readonly complete: boolean;
}

/** Keeps the last `maxRecords` decisions in memory, for status pages and tests. Default 1,000. */
export function ringJournal(maxRecords = 1_000): RingJournal {
  let opening: JournalOpening | undefined;
  const ring: (JournalStep | undefined)[] = [];
  let appended = 0;

  const steps = (): readonly JournalStep[] => {
    const start = appended > maxRecords ? appended % maxRecords : 0;
    return [...ring.slice(start), ...ring.slice(0, start)].filter((step) => step !== undefined);
  };
  return {
    get records() {
      const kept = steps();
      return opening === undefined || appended > maxRecords ? kept : [opening, ...kept];
    },
    get complete() {
      return opening !== undefined && appended <= maxRecords;
    },
    append: (record) => {
      if (record.record === 'opening') {
        opening = record;
        ring.length = 0;
        appended = 0;
        return;
      }
      ring[appended % maxRecords] = record;
      appended += 1;
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}
