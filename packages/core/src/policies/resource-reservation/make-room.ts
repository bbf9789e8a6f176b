import type { ReservationMachine } from './inventory.js';
import type { Seeker } from './placement.js';
import type { Demand, Room } from './room.js';

/** Something on a host that could go. */
export interface Victim {
  readonly machine: ReservationMachine;
  readonly demand: Demand;
}

export interface MadeRoom {
  readonly host: number;
  readonly victims: readonly Victim[];
}

/**
 * The host where the fewest have to go so that the seeker fits, and among those the one whose highest victim is lowest. Nothing is
 * changed in the room. Victims are taken lowest priority first, then largest first, and whoever turns out not to be needed stays.
 */
export function makeRoom(
  room: Room,
  { machine, demand, from, avoid }: Seeker,
  victimsOn: (host: number) => readonly Victim[],
): MadeRoom | undefined {
  let best: MadeRoom | undefined;
  for (const host of room.compatible(machine)) {
    if (host === from || host === avoid) continue;
    const offered = [...victimsOn(host)].sort(
      (one, other) =>
        one.machine.priority - other.machine.priority ||
        other.demand.memoryMiB - one.demand.memoryMiB ||
        other.demand.cpuMHz - one.demand.cpuMHz,
    );
    const victims = fewest(room, host, machine, demand, offered);
    if (victims !== undefined && (best === undefined || isKinder(victims, best.victims)))
      best = { host, victims };
  }
  return best;
}

function fewest(
  room: Room,
  host: number,
  machine: ReservationMachine,
  demand: Demand,
  offered: readonly Victim[],
): readonly Victim[] | undefined {
  const gone: Victim[] = [];
  const fits = (): boolean => room.fits(host, demand, machine.antiAffinityGroups);
  for (const victim of offered) {
    if (fits()) break;
    room.giveBack(host, victim.demand, victim.machine.antiAffinityGroups);
    gone.push(victim);
  }
  const suffices = fits();
  const needed: Victim[] = [];
  for (const victim of [...gone].reverse()) {
    room.take(host, victim.demand, victim.machine.antiAffinityGroups);
    if (!suffices || fits()) continue;
    room.giveBack(host, victim.demand, victim.machine.antiAffinityGroups);
    needed.push(victim);
  }
  for (const victim of needed) room.take(host, victim.demand, victim.machine.antiAffinityGroups);
  return suffices ? needed : undefined;
}

function isKinder(victims: readonly Victim[], than: readonly Victim[]): boolean {
  if (victims.length !== than.length) return victims.length < than.length;
  const highest = (list: readonly Victim[]): number =>
    Math.max(-1, ...list.map((one) => one.machine.priority));
  return highest(victims) < highest(than);
}
