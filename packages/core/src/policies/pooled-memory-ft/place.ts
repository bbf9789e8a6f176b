import type { PooledMemoryOptions } from './options.js';
import type { PooledMemoryHost } from './types.js';

export interface SecondaryPlace {
  readonly host: PooledMemoryHost | undefined;
  readonly candidates: number;
}

type Needs = Pick<PooledMemoryOptions, 'processors' | 'reservedMhz' | 'tuning'>;

/**
 * Where a secondary may wait: not on the primary's host nor in its failure domain, not where the machine has just failed, with the pool
 * in reach, room in the limits per host, and as much processor time as the primary has reserved. The most free one; of equals the lower id.
 */
export function placeSecondary(
  hosts: readonly PooledMemoryHost[],
  primary: string,
  excluded: readonly string[],
  needs: Needs,
): SecondaryPlace {
  const { machinesPerHostMax, processorsPerHostMax } = needs.tuning;
  const domain = hosts.find(({ id }) => id === primary)?.failureDomain;
  const candidates = hosts.filter(
    (host) =>
      host.id !== primary &&
      host.failureDomain !== domain &&
      !excluded.includes(host.id) &&
      host.poolReachable &&
      (machinesPerHostMax === 0 || host.machines < machinesPerHostMax) &&
      (processorsPerHostMax === 0 || host.processors + needs.processors <= processorsPerHostMax) &&
      host.freeMhz >= needs.reservedMhz,
  );
  const host = candidates.reduce<PooledMemoryHost | undefined>(
    (best, next) =>
      best === undefined ||
      next.freeMhz > best.freeMhz ||
      (next.freeMhz === best.freeMhz && next.id < best.id)
        ? next
        : best,
    undefined,
  );
  return { host, candidates: candidates.length };
}
