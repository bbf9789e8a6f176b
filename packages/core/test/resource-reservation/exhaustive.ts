import type { ClusterInventory, ReservationMachine } from '../../src/index.js';

interface Case {
  readonly inventory: ClusterInventory;
  readonly impacted: readonly ReservationMachine[];
}

/** The greatest weight that any assignment places: every machine on every host or nowhere, tried one after the other. Exponential. */
export function bestPossible(
  { inventory, impacted }: Case,
  floors: { readonly minimumCpuMHz: number; readonly minimumMemoryMiB: number },
  weigh: (priority: number) => number,
): number {
  const cpuOf = (one: ReservationMachine): number => Math.max(one.cpuReservationMHz, floors.minimumCpuMHz);
  const memoryOf = (one: ReservationMachine): number =>
    Math.max(one.memoryReservationMiB, floors.minimumMemoryMiB) + one.memoryOverheadMiB;
  const hosts = inventory.hosts
    .filter(
      ({ hostId, condition, reportedEpoch }) =>
        hostId !== 'h0' && condition === 'healthy' && reportedEpoch === 1,
    )
    .map((host) => {
      const there = inventory.machines.filter(
        ({ hostId, power }) => hostId === host.hostId && power === 'running',
      );
      return {
        ...host,
        cpu: host.cpuMHz - there.reduce((sum, one) => sum + cpuOf(one), 0),
        memory: host.memoryMiB - there.reduce((sum, one) => sum + memoryOf(one), 0),
        groups: there.flatMap(({ antiAffinityGroups }) => antiAffinityGroups),
      };
    });
  let best = 0;
  const search = (index: number, weight: number): void => {
    const machine = impacted[index];
    if (machine === undefined) {
      best = Math.max(best, weight);
      return;
    }
    for (const host of hosts) {
      const fits =
        host.cpu >= cpuOf(machine) &&
        host.memory >= memoryOf(machine) &&
        machine.needs.every((label) => host.offers.includes(label)) &&
        machine.hostsAllowed?.includes(host.hostId) !== false &&
        !machine.antiAffinityGroups.some((group) => host.groups.includes(group));
      if (!fits) continue;
      host.cpu -= cpuOf(machine);
      host.memory -= memoryOf(machine);
      host.groups.push(...machine.antiAffinityGroups);
      search(index + 1, weight + weigh(machine.priority));
      host.groups.length -= machine.antiAffinityGroups.length;
      host.memory += memoryOf(machine);
      host.cpu += cpuOf(machine);
    }
    search(index + 1, weight);
  };
  search(0, 0);
  return best;
}
