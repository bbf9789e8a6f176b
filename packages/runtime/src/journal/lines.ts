import { HoldfastError } from '@holdfast/core';
import { JOURNAL_VERSION, type JournalRecord } from './types.js';

/** One record as one line of JSON, with the line end. @throws TypeError for what JSON cannot say. */
export function formatRecord(record: JournalRecord): string {
  return `${JSON.stringify(record)}\n`;
}

/**
 * The records of one file. A last line without its end, or that makes no sense, was torn by a crash and is left out.
 *
 * @param source names the file in errors.
 * @throws CORRUPT for a broken line before the last; NOT_SUPPORTED for a newer version.
 */
export function parseRecords(text: string, source: string): readonly JournalRecord[] {
  const lines = text.split('\n');
  // After the last line end there is nothing, or the torn rest of a line.
  lines.pop();
  const records: JournalRecord[] = [];
  for (const [index, line] of lines.entries()) {
    const record = parseLine(line);
    if (record !== undefined) records.push(record);
    else if (index < lines.length - 1) {
      throw new HoldfastError(
        'CORRUPT',
        `${source}, line ${String(index + 1)}, is no journal record. Cut the file before it.`,
      );
    }
  }
  const newer = records.find((record) => record.record === 'opening' && record.version !== JOURNAL_VERSION);
  if (newer?.record === 'opening') {
    throw new HoldfastError(
      'NOT_SUPPORTED',
      `${source} has version ${String(newer.version)}; this release reads ${String(JOURNAL_VERSION)}.`,
    );
  }
  return records;
}

function parseLine(line: string): JournalRecord | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is JournalRecord {
  if (typeof value !== 'object' || value === null || !('record' in value) || !('sequence' in value))
    return false;
  if (typeof value.sequence !== 'number') return false;
  if (value.record === 'opening') return 'policy' in value && 'state' in value && 'version' in value;
  return value.record === 'step' && 'event' in value && 'effects' in value && Array.isArray(value.effects);
}
