import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';

/**
 * The identity of this start of the machine, the same for every process and container on it. Where the system does not tell
 * one, each call gives another: then every start of a node counts as a restart of its machine, which is the careful side.
 */
export function machineBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return `unknown-${randomUUID()}`;
  }
}

/**
 * Milliseconds since this machine started, counting the time it slept; steps of 10 ms. Costs one small read of a kernel file
 * (some 10 µs). Without /proc it is what the operating system reports to Node, in its own steps.
 */
export function bootTimeMs(): number {
  try {
    const seconds = Number(readFileSync('/proc/uptime', 'latin1').split(' ', 1)[0]);
    if (Number.isFinite(seconds)) return seconds * 1000;
  } catch {
    // No /proc here.
  }
  return uptime() * 1000;
}
