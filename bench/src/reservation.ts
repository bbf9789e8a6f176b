/*
 * How long one decision about room takes: hosts from 100 to 10,000, ten running machines on each, 1,000 impacted ones. Prints a curve;
 * it passes and fails nothing. `npm run bench:reservation -- --hosts 100,1000 --impacted 1000 --full`
 */
import { performance } from 'node:perf_hooks';
import {
  Prng,
  createInventory,
  reservationCoordinatorDefaults,
  resourceReservation,
  type InventoryMachine,
  type ReservationEvent,
  type ReservationHost,
  type ReservationState,
} from '@holdfast/core';

const words = process.argv.slice(2);
const option = (name: string, otherwise: string): string => {
  const index = words.indexOf(`--${name}`);
  return index < 0 ? otherwise : (words[index + 1] ?? otherwise);
};
const sizes = option('hosts', '100,300,1000,3000,10000').split(',').map(Number);
const impactedCount = Number(option('impacted', '1000'));
/** Nearly full hosts: most machines are denied, after everything was tried. */
const isFull = words.includes('--full');
const perHost = 10;

function inventoryOf(hostCount: number, prng: Prng) {
  const hosts = Array.from({ length: hostCount }, (_, index): ReservationHost => ({
    hostId: `host-${String(index)}`,
    cpuMHz: 40_000,
    memoryMiB: 262_144,
    condition: 'healthy',
    offers: ['datastore:gold', `datastore:rack-${String(index % 40)}`, `datastore:local-${String(index)}`],
    reportedEpoch: 1,
  }));
  const machines = hosts.flatMap(({ hostId }, at) =>
    Array.from({ length: perHost }, (_, index): InventoryMachine => ({
      machineId: `machine-${String(at)}-${String(index)}`,
      hostId,
      power: 'running',
      priority: 2,
      cpuReservationMHz: (isFull ? 3_600 : 2_000) + prng.below(400),
      memoryReservationMiB: (isFull ? 24_000 : 16_000) + prng.below(2_000),
      memoryOverheadMiB: 200,
      needs: ['datastore:gold'],
      antiAffinityGroups: index === 0 ? [`group-${String(at % 50)}`] : [],
    })),
  );
  return createInventory(hosts, machines);
}

function impacted(hostCount: number, prng: Prng) {
  return Array.from({ length: impactedCount }, (_, index) => ({
    machine: {
      machineId: `impacted-${String(index)}`,
      priority: (index % 5) as 0 | 1 | 2 | 3 | 4,
      cpuReservationMHz: prng.below(4_000),
      memoryReservationMiB: prng.below(32_000),
      memoryOverheadMiB: 200,
      needs: ['datastore:gold', ...(index % 3 === 0 ? [`datastore:rack-${String(index % 40)}`] : [])],
      antiAffinityGroups: index % 10 === 0 ? [`group-${String(index % 50)}`] : [],
    },
    want: 'hold' as const,
  })).slice(0, hostCount * 100);
}

function decide(hostCount: number): string {
  const prng = new Prng(7);
  const readAt = performance.now();
  const inventory = inventoryOf(hostCount, prng);
  const snapshotMs = performance.now() - readAt;
  const options = {
    ...reservationCoordinatorDefaults,
    groupId: 'bench',
    hostId: 'coordinator',
    incarnation: 1,
  };
  let state: ReservationState = resourceReservation.init({ ...options, epoch: 1 }, 0);
  const incident = { incidentId: 'i', component: 'network:a', isOpen: true, mode: 'best-effort' as const };
  const incidents = [{ ...incident, machines: impacted(hostCount, prng) }];
  const events: ReservationEvent[] = [
    {
      kind: 'ask-received',
      at: 0,
      sequence: 1,
      ask: { version: 1, hostId: 'host-0', ask: { incarnation: 1, number: 1 }, epoch: 1, incidents },
    },
    { kind: 'inventory-read', at: 0, sequence: 2, inventory },
  ];
  const startedAt = performance.now();
  let granted = 0;
  for (const event of events) {
    const step = resourceReservation.step(state, event);
    state = step.state;
    for (const effect of step.effects) {
      if (effect.kind !== 'send-answer') continue;
      granted += effect.answer.results.filter(({ outcome }) => outcome === 'reserved').length;
    }
  }
  const tookMs = performance.now() - startedAt;
  const memory = `${String(Math.round(process.memoryUsage().rss / 1_048_576))} MiB`;
  return [
    String(hostCount).padStart(7),
    String(hostCount * perHost).padStart(9),
    String(granted).padStart(8),
    `${tookMs.toFixed(0)} ms`.padStart(9),
    `${((tookMs * 1_000) / hostCount).toFixed(1)} us`.padStart(10),
    `${snapshotMs.toFixed(0)} ms`.padStart(9),
    memory.padStart(9),
  ].join(' ');
}

console.log('  hosts  machines  granted  decision   per host  snapshot       RSS');
decide(sizes[0] ?? 100);
for (const size of sizes) console.log(decide(size));
