import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Case } from './cases.js';

/** What one run of fio saw. */
export interface Sample {
  readonly operationsPerSecond: number;
  readonly mebibytesPerSecond: number;
  /** Of the completion latency, microseconds. */
  readonly medianMicros: number;
  readonly p99Micros: number;
  readonly operations: number;
}

interface Direction {
  readonly iops: number;
  readonly total_ios: number;
  readonly bw_bytes: number;
  readonly clat_ns: { readonly percentile?: Readonly<Record<string, number>> };
}

/** Runs one case against an NBD export, for so many seconds. */
export async function runFio(program: string, uri: string, load: Case, seconds: number): Promise<Sample> {
  const { stdout } = await promisify(execFile)(program, [
    '--name=bench',
    '--ioengine=nbd',
    `--uri=${uri}`,
    `--rw=${load.pattern}`,
    `--bs=${load.blockBytes}`,
    `--iodepth=${load.depth}`,
    '--time_based',
    `--runtime=${seconds}`,
    '--randrepeat=0',
    '--norandommap',
    '--output-format=json',
  ]);
  // fio may say something before the JSON begins.
  const report = JSON.parse(stdout.slice(stdout.indexOf('{'))) as {
    jobs: { read: Direction; write: Direction }[];
  };
  const job = report.jobs[0];
  if (job === undefined) throw new Error(`fio reported no job for ${load.name} on ${uri}`);
  const side = load.pattern.endsWith('read') ? job.read : job.write;
  return {
    operations: side.total_ios,
    operationsPerSecond: side.iops,
    mebibytesPerSecond: side.bw_bytes / 2 ** 20,
    medianMicros: (side.clat_ns.percentile?.['50.000000'] ?? 0) / 1000,
    p99Micros: (side.clat_ns.percentile?.['99.000000'] ?? 0) / 1000,
  };
}

/** Writes the whole export once, so that reads find blocks and not holes. */
export async function fill(program: string, uri: string, sizeBytes: number): Promise<void> {
  await promisify(execFile)(program, [
    '--name=fill',
    '--ioengine=nbd',
    `--uri=${uri}`,
    '--rw=write',
    '--bs=131072',
    '--iodepth=8',
    `--size=${sizeBytes}`,
    '--refill_buffers',
  ]);
}
