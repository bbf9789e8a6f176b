import type { Millis } from '../../kernel/time.js';
import type { ReservationMachine } from './inventory.js';
import type { ReservationTiming } from './options.js';
import type { Demand, Room } from './room.js';
import type { LedgerEntry, ReservationCoordinatorState } from './state.js';
import type { LedgerRecord, Reservation, ReservationOutcome, ReservationPhase } from './types.js';

/** 0: takes its room whatever the sums say, since it runs there or is about to. */
export const firmness: Readonly<Record<ReservationPhase, number>> = {
  committed: 0,
  restarting: 0,
  admitted: 0,
  claimed: 1,
  held: 2,
};

export function outcomeOf(phase: Exclude<ReservationPhase, 'admitted'>): ReservationOutcome {
  const outcomes = {
    held: 'reserved',
    claimed: 'claimed',
    restarting: 'restarting',
    committed: 'restarted',
  } as const;
  return outcomes[phase];
}

/** Held and admitted room ends by itself, a restart is asked for again; what is claimed or runs has no end. */
export function timed(entry: Reservation, now: Millis, timing: ReservationTiming): LedgerEntry {
  const { reservationId, machine, agentHostId, component, hostId, phase, evicts, attempts } = entry;
  const bare = { reservationId, machine, agentHostId, component, hostId, phase, evicts, attempts };
  if (phase === 'held') return { ...bare, until: now + timing.reservationTtlMs };
  if (phase === 'restarting' || phase === 'admitted') return { ...bare, until: now + timing.commitTimeoutMs };
  return bare;
}

/** What an open incident at a host takes away from its offers, as far as its agent has said so. */
export function brokenLabels({
  agents,
}: ReservationCoordinatorState): ReadonlyMap<string, ReadonlySet<string>> {
  const broken = new Map<string, Set<string>>();
  for (const { ask } of Object.values(agents)) {
    for (const { component, isOpen } of ask.incidents) {
      if (!isOpen) continue;
      const labels = broken.get(ask.hostId) ?? new Set();
      labels.add(component);
      broken.set(ask.hostId, labels);
    }
  }
  return broken;
}

/** A surplus that the victims leave behind is nobody else's: they may come back if the restart is called off. */
export function netDemand(demand: Demand, freed: readonly Demand[]): Demand {
  const sum = (pick: (one: Demand) => number): number => freed.reduce((total, one) => total + pick(one), 0);
  return {
    cpuMHz: Math.max(0, demand.cpuMHz - sum(({ cpuMHz }) => cpuMHz)),
    memoryMiB: Math.max(0, demand.memoryMiB - sum(({ memoryMiB }) => memoryMiB)),
  };
}

/** Why no host takes the machine, in numbers per host: the sum over hosts says nothing. */
export function whyNoRoom(room: Room, machine: ReservationMachine, from: number): string {
  let hosts = 0;
  let cpuMHz = 0;
  let memoryMiB = 0;
  for (const index of room.compatible(machine)) {
    if (index === from) continue;
    hosts += 1;
    cpuMHz = Math.max(cpuMHz, room.freeCpuMHz[index] ?? 0);
    memoryMiB = Math.max(memoryMiB, room.freeMemoryMiB[index] ?? 0);
  }
  if (hosts === 0) {
    const lacking = room.lacking(machine, from);
    return lacking === undefined ? 'no other host offers all it needs' : `no other host offers ${lacking}`;
  }
  return `${String(hosts)} compatible hosts, none with room; the most free on any one is ${String(cpuMHz)} MHz, ${String(memoryMiB)} MiB`;
}

export function ledgerRecord(epoch: number, ledger: ReadonlyMap<string, LedgerEntry>): LedgerRecord {
  const reservations = [...ledger.values()].map(({ until: _until, ...reservation }) => reservation);
  return { version: 1, kind: 'ledger', epoch, reservations };
}

/** Whether the durable parts differ; the ends of reservations are not written down. */
export function sameLedger(
  one: Readonly<Record<string, LedgerEntry>>,
  other: ReadonlyMap<string, LedgerEntry>,
): boolean {
  const before = Object.values(one);
  if (before.length !== other.size) return false;
  return before.every((entry) => {
    const after = other.get(entry.machine.machineId);
    return (
      after !== undefined &&
      after.reservationId === entry.reservationId &&
      after.hostId === entry.hostId &&
      after.phase === entry.phase &&
      after.agentHostId === entry.agentHostId &&
      after.attempts === entry.attempts
    );
  });
}
