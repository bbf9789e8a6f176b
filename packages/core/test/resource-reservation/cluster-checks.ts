import type { Cluster } from './cluster.js';

/** B1 in the truth: what runs on a host and what the durable ledger promises there fits, host by host. */
export function checkPromises(cluster: Cluster): void {
  for (const { hostId, cpuMHz, memoryMiB } of cluster.hosts.values()) {
    let cpu = 0;
    let memory = 0;
    const add = (machine: {
      cpuReservationMHz: number;
      memoryReservationMiB: number;
      memoryOverheadMiB: number;
    }) => {
      cpu += Math.max(32, machine.cpuReservationMHz);
      memory += machine.memoryReservationMiB + machine.memoryOverheadMiB;
    };
    const evicted = new Set<string>();
    for (const { machine, hostId: target, evicts } of cluster.ledger?.reservations ?? []) {
      if (target !== hostId || cluster.dead.has(hostId)) continue;
      const truth = cluster.machines.get(machine.machineId);
      if (truth?.hostId === hostId && truth.power === 'running') continue;
      add(machine);
      for (const { machineId } of evicts) evicted.add(machineId);
    }
    for (const machine of cluster.machines.values()) {
      if (machine.hostId === hostId && machine.power === 'running' && !evicted.has(machine.machineId))
        add(machine);
    }
    if (cpu > cpuMHz || memory > memoryMiB) {
      throw new Error(
        `${hostId} is promised ${String(cpu)} MHz and ${String(memory)} MiB at ${String(cluster.now)}`,
      );
    }
  }
}

/** A conservative agent ends nothing whose room is not firm on the disk. */
export function checkClaim(cluster: Cluster, hostId: string, machineId: string): void {
  const truth = cluster.machines.get(machineId);
  if (!cluster.claimsFirst || truth?.hostId !== hostId || truth.power !== 'running') return;
  const entry = cluster.ledger?.reservations.find(({ machine }) => machine.machineId === machineId);
  if (entry !== undefined && entry.phase !== 'held') return;
  throw new Error(
    `${machineId} is ended at ${String(cluster.now)}, and its room is ${entry?.phase ?? 'not there'}`,
  );
}

/** Where everything is, and what the durable ledger says. */
export function whereIsWhat(cluster: Cluster): string {
  const places = [...cluster.machines.values()].map(
    ({ machineId, hostId, power }) => `${machineId}: ${power === 'running' ? hostId : power}`,
  );
  const ledger = (cluster.ledger?.reservations ?? []).map(
    ({ machine, phase, hostId }) => `${machine.machineId} ${phase} on ${hostId}`,
  );
  return [...places, `ledger: ${ledger.length === 0 ? 'empty' : ledger.join(', ')}`].join('\n');
}
