import { readFile } from 'node:fs/promises';

/** Microseconds of processor time that these processes and all their threads have used so far. */
export async function processorMicros(processIds: readonly number[]): Promise<number> {
  const times = await Promise.all(processIds.map(oneProcess));
  return times.reduce((sum, time) => sum + time, 0);
}

async function oneProcess(processId: number): Promise<number> {
  const text = await readFile(`/proc/${processId}/stat`, 'latin1');
  // The second field is a name in brackets and may hold spaces; user and system time are the 14th and 15th.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  // Linux counts hundredths of a second for everybody, whatever its own clock does.
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}
