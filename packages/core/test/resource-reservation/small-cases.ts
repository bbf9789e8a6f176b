import {
  Prng,
  createInventory,
  reservationCoordinatorDefaults,
  resourceReservation,
  type ClusterInventory,
  type InventoryMachine,
  type ReservationHost,
  type ReservationMachine,
} from '../../src/index.js';

type Policy = typeof resourceReservation;

export interface SmallCase {
  readonly inventory: ClusterInventory;
  readonly impacted: readonly ReservationMachine[];
}

/** A handful of hosts with a few machines on them; host h0 loses something, and its machines look for room. */
export function smallCase(seed: number): SmallCase {
  const prng = new Prng(seed);
  const pick = (bound: number): number => prng.below(bound);
  const hosts = Array.from({ length: 2 + pick(3) }, (_, index): ReservationHost => ({
    hostId: `h${String(index)}`,
    cpuMHz: (2 + pick(8)) * 1_000,
    memoryMiB: (2 + pick(8)) * 1_024,
    condition: pick(10) === 0 ? 'maintenance' : 'healthy',
    offers: ['gold', ...(pick(4) === 0 ? [] : ['silver'])],
    reportedEpoch: pick(12) === 0 ? 0 : 1,
  }));
  const machine = (machineId: string, bound: number): ReservationMachine => ({
    machineId,
    priority: pick(5) as 0 | 1 | 2 | 3 | 4,
    cpuReservationMHz: pick(bound) * 1_000,
    memoryReservationMiB: pick(bound) * 1_024,
    memoryOverheadMiB: 100,
    needs: pick(3) === 0 ? ['gold', 'silver'] : ['gold'],
    antiAffinityGroups: pick(4) === 0 ? ['g'] : [],
    ...(pick(8) === 0 ? { hostsAllowed: ['h1', 'h2'] } : {}),
  });
  const impacted = Array.from({ length: 1 + pick(6) }, (_, index) => machine(`m${String(index)}`, 5));
  const others = hosts
    .slice(1)
    .flatMap(({ hostId }, index) =>
      pick(2) === 0 ? [] : [{ ...machine(`o${String(index)}`, 3), hostId, power: 'running' as const }],
    );
  const own = impacted.map((one): InventoryMachine => ({ ...one, hostId: 'h0', power: 'running' }));
  return { inventory: createInventory(hosts, [...others, ...own]), impacted };
}

/** Where the policy puts whom, by its own answer to an ask. */
export function granted(
  { inventory, impacted }: SmallCase,
  policy: Policy = resourceReservation,
): ReadonlyMap<string, string> {
  const options = { ...reservationCoordinatorDefaults, groupId: 'g', hostId: 'c', incarnation: 1, epoch: 1 };
  const ask = {
    version: 1,
    hostId: 'h0',
    ask: { incarnation: 1, number: 1 },
    epoch: 1,
    incidents: [
      {
        incidentId: 'i',
        component: 'gold',
        isOpen: true,
        mode: 'best-effort',
        machines: impacted.map((machine) => ({ machine, want: 'hold' as const })),
      },
    ],
  } as const;
  const asked = policy.step(policy.init(options, 0), { kind: 'ask-received', at: 0, sequence: 1, ask });
  // The time to gather has passed: hosts that have not reported are left out.
  const { effects } = policy.step(asked.state, {
    kind: 'inventory-read',
    at: 20_000,
    sequence: 2,
    inventory,
  });
  const places = effects.flatMap((effect) =>
    effect.kind === 'send-answer'
      ? effect.answer.results.flatMap(({ machineId, outcome, place }) =>
          outcome === 'reserved' && place !== undefined ? [[machineId, place.hostId] as const] : [],
        )
      : [],
  );
  return new Map(places);
}

/** Counts again, from the inventory alone: undefined when every grant is true. */
export function falseGrant(
  { inventory, impacted }: SmallCase,
  places: ReadonlyMap<string, string>,
): string | undefined {
  for (const { hostId, cpuMHz, memoryMiB, condition, offers, reportedEpoch } of inventory.hosts) {
    const moved = impacted.filter(({ machineId }) => places.get(machineId) === hostId);
    if (moved.length === 0) continue;
    if (hostId === 'h0' || condition !== 'healthy' || reportedEpoch !== 1) return `${hostId} takes nothing`;
    const all = [...inventory.machines.filter((one) => one.hostId === hostId), ...moved];
    const cpu = all.reduce((sum, one) => sum + Math.max(32, one.cpuReservationMHz), 0);
    const memory = all.reduce((sum, one) => sum + one.memoryReservationMiB + one.memoryOverheadMiB, 0);
    if (cpu > cpuMHz || memory > memoryMiB)
      return `${hostId} is promised ${String(cpu)} MHz, ${String(memory)} MiB`;
    if (
      all.filter(({ antiAffinityGroups }) => antiAffinityGroups.includes('g')).length > 1 &&
      moved.some((one) => one.antiAffinityGroups.length > 0)
    ) {
      return `${hostId} has two of one group`;
    }
    for (const { needs, hostsAllowed, machineId } of moved) {
      if (!needs.every((label) => offers.includes(label))) return `${hostId} lacks a need of ${machineId}`;
      if (hostsAllowed?.includes(hostId) === false) return `${machineId} may not run on ${hostId}`;
    }
  }
  return undefined;
}
