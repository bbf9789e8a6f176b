import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash);
  return hash.digest('hex');
}

/** Resident memory of a process in MiB: now, and at its highest. */
export async function residentMebibytes(processId: number): Promise<{ now: number; highest: number }> {
  const status = await readFile(`/proc/${processId}/status`, 'latin1');
  const field = (name: string): number => {
    const match = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status);
    return Number(match?.[1] ?? 0) / 1024;
  };
  return { now: field('VmRSS'), highest: field('VmHWM') };
}
