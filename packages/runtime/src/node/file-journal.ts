import { type PolicyEffect, type PolicyEvent, type Telemetry, noTelemetry } from '@holdfast/core';
import { type FileHandle, mkdir, open, readdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { formatRecord, parseRecords } from '../journal/lines.js';
import type { Journal, JournalOpening, JournalRecord } from '../journal/types.js';

export interface FileJournalOptions {
  /** Made if it is not there. One driver writes to a folder at a time. */
  readonly folder: string;
  /** A file that has grown to this is followed by the next. Default 8 MiB. */
  readonly maxFileBytes?: number;
  /** The oldest files beyond this number are removed. Default 8. */
  readonly maxFiles?: number;
  /** Lines that may wait for a slow disk. What comes beyond is left out, and the next file begins. Default 4 MiB. */
  readonly maxPendingBytes?: number;
  /**
   * Which steps are worth their place, for those who do not want a line per lease renewal. A journal with gaps can be read and
   * explained, but not replayed. Default: all.
   */
  readonly keep?: (event: PolicyEvent, effects: readonly PolicyEffect[]) => boolean;
  readonly telemetry?: Telemetry;
}

const FILE_NAME = /^journal-(\d{8})\.jsonl$/;

/** After a failure, one of so many records tries again with a new file. */
const RETRY_EVERY_RECORDS = 1_000;

/**
 * Decisions as lines of JSON in a folder, bounded by `maxFileBytes` times `maxFiles`. Every file begins with the state it starts
 * from, so each can be replayed alone. Written behind the driver's back and not forced to the disk: it explains what
 * happened, and nothing depends on it. When the disk is slow, full or broken, records are left out and telemetry says so.
 */
export async function fileJournal(options: FileJournalOptions): Promise<Journal> {
  await mkdir(options.folder, { recursive: true });
  const numbers = await fileNumbers(options.folder);
  return new FileJournal(options, numbers);
}

/**
 * All records of a folder, oldest first, also while a journal writes there. What a crash has torn is left out.
 *
 * @param last only so many of the newest. Default all.
 * @throws CORRUPT, NOT_SUPPORTED.
 */
export async function readJournal(
  folder: string,
  last = Number.POSITIVE_INFINITY,
): Promise<readonly JournalRecord[]> {
  const numbers = await fileNumbers(folder);
  let records: JournalRecord[] = [];
  for (const number of numbers.reverse()) {
    const path = join(folder, fileName(number));
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      // The journal may have removed its oldest file since the folder was listed.
      if (typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT')
        return '';
      throw error;
    });
    records = [...parseRecords(text, path), ...records];
    if (records.length >= last) break;
  }
  return records.slice(-Math.min(last, records.length));
}

class FileJournal implements Journal {
  private readonly options: FileJournalOptions;
  private readonly telemetry: Telemetry;
  private readonly maxFileBytes: number;
  private readonly maxPendingBytes: number;
  private readonly numbers: number[];
  private file: FileHandle | undefined;
  /** Of the current file, with what waits to be written. */
  private fileBytes = 0;
  private pending: { readonly line: string; readonly newFile: boolean }[] = [];
  private pendingBytes = 0;
  private writing: Promise<void> | undefined;
  /** Records were left out since the last one that was added. */
  private gap = true;
  private leftOut = 0;
  private failed = false;
  private closed = false;

  constructor(options: FileJournalOptions, numbers: number[]) {
    this.options = options;
    this.numbers = numbers;
    this.telemetry = options.telemetry ?? noTelemetry;
    this.maxFileBytes = options.maxFileBytes ?? 8 * 1024 * 1024;
    this.maxPendingBytes = options.maxPendingBytes ?? 4 * 1024 * 1024;
  }

  append(record: JournalRecord, opening: () => JournalOpening): void {
    if (this.closed || this.resting()) return;
    const { keep } = this.options;
    if (
      record.record === 'step' &&
      record.halted === undefined &&
      keep?.(record.event, record.effects) === false
    )
      return;
    try {
      if (this.pendingBytes > this.maxPendingBytes) {
        this.leaveOut('the disk is slower than the decisions');
        return;
      }
      if (record.record === 'opening') {
        this.add(formatRecord(record), true);
        return;
      }
      // After a gap the record itself is part of the gap: the new file begins with the state it led to.
      if (!this.gap) this.add(formatRecord(record), false);
      if (this.gap || this.fileBytes >= this.maxFileBytes) this.add(formatRecord(opening()), true);
    } catch (error) {
      this.leaveOut(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
    await this.writing;
    await this.file?.close();
    this.file = undefined;
  }

  private add(line: string, newFile: boolean): void {
    this.fileBytes = (newFile ? 0 : this.fileBytes) + line.length;
    if (newFile) this.gap = false;
    this.pending.push({ line, newFile });
    this.pendingBytes += line.length;
    this.writing ??= this.write();
  }

  private async write(): Promise<void> {
    // One more turn, so that what is decided together is written together.
    await Promise.resolve();
    try {
      while (this.pending.length > 0) {
        const batch = this.pending;
        this.pending = [];
        this.pendingBytes = 0;
        let text = '';
        for (const { line, newFile } of batch) {
          if (newFile) {
            await this.put(text);
            text = '';
            await this.nextFile();
          }
          text += line;
        }
        await this.put(text);
      }
    } catch (error) {
      this.failed = true;
      this.leaveOut(error);
    } finally {
      this.writing = undefined;
    }
  }

  private async put(text: string): Promise<void> {
    if (text !== '') await this.file?.appendFile(text);
  }

  private async nextFile(): Promise<void> {
    const { folder, maxFiles = 8 } = this.options;
    await this.file?.close().catch(() => undefined);
    this.file = undefined;
    const number = (this.numbers.at(-1) ?? 0) + 1;
    this.file = await open(join(folder, fileName(number)), 'ax', 0o600);
    this.numbers.push(number);
    while (this.numbers.length > maxFiles) {
      const oldest = this.numbers.shift();
      if (oldest !== undefined) await unlink(join(folder, fileName(oldest))).catch(() => undefined);
    }
  }

  private leaveOut(error: unknown): void {
    if (this.leftOut === 0)
      this.telemetry.emit({ kind: 'journal-left-out', folder: this.options.folder, error });
    this.leftOut += 1;
    this.gap = true;
  }

  /** True: the last write failed, and this record does not try again. */
  private resting(): boolean {
    if (!this.failed) return false;
    this.leftOut += 1;
    if (this.leftOut % RETRY_EVERY_RECORDS !== 0) return true;
    this.failed = false;
    this.pending = [];
    this.pendingBytes = 0;
    return false;
  }
}

async function fileNumbers(folder: string): Promise<number[]> {
  const names = await readdir(folder);
  return names
    .flatMap((name) => FILE_NAME.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

function fileName(number: number): string {
  return `journal-${String(number).padStart(8, '0')}.jsonl`;
}
