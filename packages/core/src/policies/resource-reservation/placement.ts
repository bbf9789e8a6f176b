import type { ReservationMachine } from './inventory.js';
import { NOWHERE, type Demand, type Fit, type Room } from './room.js';

/** A machine that looks for a host. */
export interface Seeker {
  readonly machine: ReservationMachine;
  readonly demand: Demand;
  /** Index of the host that it must leave, or NOWHERE. */
  readonly from: number;
  /** Index of another host to leave out, or NOWHERE. */
  readonly avoid: number;
}

/** Where each seeker goes, by its place in the list; NOWHERE for those without a host. */
export type Placement = Int32Array;

interface Attempt {
  readonly fit: Fit;
  /** Within one priority: the large ones first, or the small ones. */
  readonly first: 'large' | 'small';
}

/** The first that places everybody wins, so that the usual case costs one pass. */
const attempts: readonly Attempt[] = [
  { fit: 'spread', first: 'large' },
  { fit: 'pack', first: 'large' },
  { fit: 'pack', first: 'small' },
  { fit: 'spread', first: 'small' },
];

/**
 * Finds a host for as many machines as it can, the highest priority first; nobody of a higher priority goes without so that somebody
 * of a lower one gets a place. What it returns is taken from the room, host by host.
 *
 * Cost: seekers × compatible hosts per attempt, at most four attempts, plus rearranging, which looks at no more than `effort` hosts.
 */
export function place(room: Room, seekers: readonly Seeker[], effort: number): Placement {
  let best: { readonly placement: Placement; readonly counts: readonly number[] } | undefined;
  let left = effort;
  for (const attempt of attempts) {
    const run = new Run(room, seekers, attempt, left);
    run.go();
    left = run.effort;
    const counts = countsOf(seekers, run.placement);
    run.undo();
    if (best === undefined || isBetter(counts, best.counts)) best = { placement: run.placement, counts };
    if (!run.placement.includes(NOWHERE)) break;
  }
  const placement = best?.placement ?? new Int32Array(0);
  for (const [index, { machine, demand }] of seekers.entries()) {
    room.take(placement[index] ?? NOWHERE, demand, machine.antiAffinityGroups);
  }
  return placement;
}

class Run {
  readonly placement: Placement;
  effort: number;
  private readonly room: Room;
  private readonly seekers: readonly Seeker[];
  private readonly attempt: Attempt;
  private readonly on = new Map<number, Set<number>>();

  constructor(room: Room, seekers: readonly Seeker[], attempt: Attempt, effort: number) {
    this.room = room;
    this.seekers = seekers;
    this.attempt = attempt;
    this.effort = effort;
    this.placement = new Int32Array(seekers.length).fill(NOWHERE);
  }

  go(): void {
    for (const index of this.order()) {
      const seeker = this.seekers[index];
      if (seeker === undefined) continue;
      const { machine, demand, from, avoid } = seeker;
      const host = this.room.best(machine, demand, this.attempt.fit, [from, avoid]);
      if (host !== NOWHERE) this.put(index, host);
      else this.makeWay(index, seeker, 2);
    }
  }

  undo(): void {
    for (const index of this.seekers.keys()) this.takeOff(index);
  }

  private takeOff(index: number): void {
    const seeker = this.seekers[index];
    const host = this.placement[index] ?? NOWHERE;
    if (seeker === undefined || host === NOWHERE) return;
    this.room.giveBack(host, seeker.demand, seeker.machine.antiAffinityGroups);
    this.on.get(host)?.delete(index);
  }

  private put(index: number, host: number): void {
    const seeker = this.seekers[index];
    if (seeker === undefined) return;
    this.room.take(host, seeker.demand, seeker.machine.antiAffinityGroups);
    this.placement[index] = host;
    const there = this.on.get(host) ?? new Set();
    there.add(index);
    this.on.set(host, there);
  }

  /** Moves one that was placed before to another host, which may again take moving one, so that this one fits. */
  private makeWay(index: number, { machine, demand, from, avoid }: Seeker, depth: number): boolean {
    for (const host of this.room.compatible(machine)) {
      if (host === from || host === avoid) continue;
      for (const other of [...(this.on.get(host) ?? [])]) {
        if (this.effort <= 0) return false;
        this.effort -= 1;
        if (this.swap(index, machine, demand, host, other, depth)) return true;
      }
    }
    return false;
  }

  private swap(
    index: number,
    machine: ReservationMachine,
    demand: Demand,
    host: number,
    other: number,
    depth: number,
  ): boolean {
    const moved = this.seekers[other];
    if (moved === undefined) return false;
    this.takeOff(other);
    if (this.room.fits(host, demand, machine.antiAffinityGroups)) {
      this.put(index, host);
      const before = this.room.looked;
      const elsewhere = this.room.best(moved.machine, moved.demand, this.attempt.fit, [
        moved.from,
        moved.avoid,
        host,
      ]);
      this.effort -= this.room.looked - before;
      if (elsewhere !== NOWHERE) {
        this.put(other, elsewhere);
        return true;
      }
      if (depth > 1 && this.makeWay(other, moved, depth - 1)) return true;
      this.takeOff(index);
      this.placement[index] = NOWHERE;
    }
    this.put(other, host);
    return false;
  }

  private order(): number[] {
    const sizes = this.seekers.map(({ demand }) => this.size(demand));
    const sign = this.attempt.first === 'large' ? 1 : -1;
    return [...this.seekers.keys()].sort((one, other) => {
      const byPriority = this.priority(other) - this.priority(one);
      if (byPriority !== 0) return byPriority;
      const bySize = sign * ((sizes[other] ?? 0) - (sizes[one] ?? 0));
      return bySize === 0 ? one - other : bySize;
    });
  }

  private priority(index: number): number {
    return this.seekers[index]?.machine.priority ?? 0;
  }

  private size({ cpuMHz, memoryMiB }: Demand): number {
    const [first] = this.room.hosts;
    if (first === undefined) return 0;
    return Math.max(cpuMHz / Math.max(1, first.cpuMHz), memoryMiB / Math.max(1, first.memoryMiB));
  }
}

/** How many found a host, per priority, the highest first. */
function countsOf(seekers: readonly Seeker[], placement: Placement): readonly number[] {
  const counts = [0, 0, 0, 0, 0];
  for (const [index, { machine }] of seekers.entries()) {
    if (placement[index] !== NOWHERE) counts[4 - machine.priority] = (counts[4 - machine.priority] ?? 0) + 1;
  }
  return counts;
}

function isBetter(counts: readonly number[], than: readonly number[]): boolean {
  const differs = counts.findIndex((count, index) => count !== than[index]);
  return differs >= 0 && (counts[differs] ?? 0) > (than[differs] ?? 0);
}
