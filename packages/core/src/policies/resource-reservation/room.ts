import type { ReservationHost, ReservationMachine } from './inventory.js';

/** What a machine takes away from a host. */
export interface Demand {
  readonly cpuMHz: number;
  readonly memoryMiB: number;
}

export interface DemandFloors {
  readonly minimumCpuMHz: number;
  readonly minimumMemoryMiB: number;
}

/** The guaranteed share with its floor, plus what the host needs to run the machine. A reservation of zero is not free. */
export function demandOf(machine: ReservationMachine, floors: DemandFloors): Demand {
  return {
    cpuMHz: Math.max(machine.cpuReservationMHz, floors.minimumCpuMHz),
    memoryMiB: Math.max(machine.memoryReservationMiB, floors.minimumMemoryMiB) + machine.memoryOverheadMiB,
  };
}

/** `spread`: the host that is left with the largest share of both resources. `pack`: the one left with the smallest. */
export type Fit = 'spread' | 'pack';

export const NOWHERE = -1;

/**
 * The free room of every host, in flat arrays: built once per decision in time linear in hosts and machines, changed while the
 * decision is made, and then thrown away.
 */
export class Room {
  readonly hosts: readonly ReservationHost[];
  readonly freeCpuMHz: Float64Array;
  readonly freeMemoryMiB: Float64Array;
  /** Hosts looked at so far: the cost of the decision, for the bound on its effort. */
  looked = 0;
  /** One by capacity: what a share is computed with. */
  private readonly perCpuMHz: Float64Array;
  private readonly perMemoryMiB: Float64Array;
  private readonly indexes = new Map<string, number>();
  private readonly usable: Uint8Array;
  private readonly offering = new Map<string, number[]>();
  private readonly candidates = new Map<string, Int32Array>();
  /** Per anti-affinity group: how many of its machines are on which host. */
  private readonly groups = new Map<string, Map<number, number>>();

  /** @param usable whether a host may be given anything; `broken`: labels that it offers and that do not work there. */
  constructor(
    hosts: readonly ReservationHost[],
    usable: (host: ReservationHost) => boolean,
    broken: ReadonlyMap<string, ReadonlySet<string>> = new Map(),
  ) {
    this.hosts = hosts;
    this.freeCpuMHz = Float64Array.from(hosts, ({ cpuMHz }) => cpuMHz);
    this.freeMemoryMiB = Float64Array.from(hosts, ({ memoryMiB }) => memoryMiB);
    this.perCpuMHz = Float64Array.from(hosts, ({ cpuMHz }) => 1 / Math.max(1, cpuMHz));
    this.perMemoryMiB = Float64Array.from(hosts, ({ memoryMiB }) => 1 / Math.max(1, memoryMiB));
    this.usable = new Uint8Array(hosts.length);
    for (const [index, host] of hosts.entries()) {
      this.indexes.set(host.hostId, index);
      if (!usable(host)) continue;
      this.usable[index] = 1;
      const bad = broken.get(host.hostId);
      for (const label of new Set(host.offers)) {
        if (bad?.has(label) === true) continue;
        const list = this.offering.get(label);
        if (list === undefined) this.offering.set(label, [index]);
        else list.push(index);
      }
    }
  }

  indexOf(hostId: string): number {
    return this.indexes.get(hostId) ?? NOWHERE;
  }

  hostIdOf(index: number): string {
    return this.hosts[index]?.hostId ?? '';
  }

  isUsable(index: number): boolean {
    return this.usable[index] === 1;
  }

  take(index: number, demand: Demand, groups: readonly string[]): void {
    this.change(index, demand, groups, 1);
  }

  giveBack(index: number, demand: Demand, groups: readonly string[]): void {
    this.change(index, demand, groups, -1);
  }

  /** Whether this very host has the room, whatever the sums over all hosts say. */
  fits(index: number, demand: Demand, groups: readonly string[]): boolean {
    if ((this.freeCpuMHz[index] ?? 0) < demand.cpuMHz) return false;
    if ((this.freeMemoryMiB[index] ?? 0) < demand.memoryMiB) return false;
    return groups.every((group) => (this.groups.get(group)?.get(index) ?? 0) === 0);
  }

  /** Hosts that offer all that the machine needs and that it may run on, by index; room does not matter here. */
  compatible(machine: ReservationMachine): Int32Array {
    const { needs, hostsAllowed } = machine;
    const key = JSON.stringify(hostsAllowed === undefined ? [needs] : [needs, hostsAllowed]);
    let found = this.candidates.get(key);
    if (found === undefined) {
      found = this.intersect([...new Set(needs)], hostsAllowed);
      this.candidates.set(key, found);
    }
    return found;
  }

  /** The first of the machine's needs that no usable host but `except` offers. */
  lacking(machine: ReservationMachine, except: number): string | undefined {
    return machine.needs.find((label) => !(this.offering.get(label) ?? []).some((index) => index !== except));
  }

  /** The feasible host that suits best, or NOWHERE. Looks at every compatible host once. */
  best(machine: ReservationMachine, demand: Demand, fit: Fit, except: readonly number[]): number {
    const { cpuMHz, memoryMiB } = demand;
    const { freeCpuMHz, freeMemoryMiB, perCpuMHz, perMemoryMiB } = this;
    const compatible = this.compatible(machine);
    const groups = machine.antiAffinityGroups;
    const sign = fit === 'spread' ? 1 : -1;
    this.looked += compatible.length;
    let best = NOWHERE;
    let bestScore = -2;
    // The one loop that the cost of a decision is made of: no call and no object in the usual case.
    for (let at = 0; at < compatible.length; at += 1) {
      const index = compatible[at] ?? NOWHERE;
      const leftCpu = (freeCpuMHz[index] ?? 0) - cpuMHz;
      const leftMemory = (freeMemoryMiB[index] ?? 0) - memoryMiB;
      if (leftCpu < 0 || leftMemory < 0) continue;
      const cpuShare = leftCpu * (perCpuMHz[index] ?? 0);
      const memoryShare = leftMemory * (perMemoryMiB[index] ?? 0);
      const score = sign * (cpuShare < memoryShare ? cpuShare : memoryShare);
      if (score <= bestScore || except.includes(index)) continue;
      if (groups.length > 0 && !this.fits(index, demand, groups)) continue;
      best = index;
      bestScore = score;
    }
    return best;
  }

  private change(index: number, demand: Demand, groups: readonly string[], sign: 1 | -1): void {
    if (index === NOWHERE) return;
    this.freeCpuMHz[index] = (this.freeCpuMHz[index] ?? 0) - sign * demand.cpuMHz;
    this.freeMemoryMiB[index] = (this.freeMemoryMiB[index] ?? 0) - sign * demand.memoryMiB;
    for (const group of groups) {
      const counts = this.groups.get(group) ?? new Map<number, number>();
      counts.set(index, (counts.get(index) ?? 0) + sign);
      this.groups.set(group, counts);
    }
  }

  private intersect(needs: readonly string[], hostsAllowed: readonly string[] | undefined): Int32Array {
    const lists = needs.map((label) => this.offering.get(label) ?? []);
    if (hostsAllowed !== undefined) lists.push([...new Set(hostsAllowed)].map((id) => this.indexOf(id)));
    if (lists.length === 0) return Int32Array.from(this.hosts.keys()).filter((index) => this.isUsable(index));
    const counts = new Uint16Array(this.hosts.length);
    for (const list of lists) {
      for (const index of list) if (index !== NOWHERE) counts[index] = (counts[index] ?? 0) + 1;
    }
    const shortest = lists.reduce((one, other) => (other.length < one.length ? other : one));
    return Int32Array.from(
      shortest.filter((index) => counts[index] === lists.length && this.isUsable(index)),
    ).sort();
  }
}
