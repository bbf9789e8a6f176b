import type { Millis } from '../../kernel/time.js';
import type { ClusterInventory, InventoryMachine, ReservationMachine } from './inventory.js';
import { brokenLabels, netDemand, outcomeOf, timed, whyNoRoom } from './ledger.js';
import type { Seeker } from './placement.js';
import { NOWHERE, Room, demandOf, type Demand } from './room.js';
import type { AgentNote, LedgerEntry, ReservationCoordinatorState } from './state.js';
import type { ReservationPhase, ReservationResult, WishedMachine } from './types.js';

/** Something that the decision changed, for the reports. */
export interface LostPlace {
  readonly machineId: string;
  readonly hostId: string;
  readonly detail: string;
}

/** What a decision knows, and how it writes down what it decides: the snapshot, the room, and a copy of the ledger. */
export class PlanSheet {
  readonly ledger: Map<string, LedgerEntry>;
  readonly room: Room;
  /** Machines to start now, with what is said of why. */
  readonly starts = new Map<string, 'down' | 'place-lost'>();
  readonly lost: LostPlace[] = [];
  drawn: number;
  /** Somebody is down and has no place yet. */
  isWaiting = false;
  protected readonly state: ReservationCoordinatorState;
  protected readonly now: Millis;
  protected readonly seen = new Map<string, InventoryMachine>();
  protected readonly wished = new Set<string>();
  protected readonly running = new Map<number, InventoryMachine[]>();
  protected readonly denied = new Map<string, string>();

  constructor(state: ReservationCoordinatorState, inventory: ClusterInventory) {
    this.state = state;
    this.now = state.now;
    this.drawn = state.drawn;
    this.ledger = new Map(Object.entries(state.ledger));
    const { epoch } = state.options;
    const broken = brokenLabels(state);
    this.room = new Room(
      inventory.hosts,
      ({ condition, reportedEpoch, hostId }) =>
        condition === 'healthy' &&
        reportedEpoch === epoch &&
        state.lostHosts[hostId] === undefined &&
        broken.get(hostId)?.has('host') !== true,
      broken,
    );
    this.count(inventory);
  }

  /** What the agent is told about each machine it wished for. */
  results({ ask }: AgentNote): readonly ReservationResult[] {
    return ask.incidents.flatMap(({ machines }) => machines.map((wished) => this.result(ask.hostId, wished)));
  }

  /** One pass over the machines: what runs takes room, and what is of interest is remembered. */
  private count({ machines }: ClusterInventory): void {
    for (const { ask } of Object.values(this.state.agents)) {
      for (const { machines: wished } of ask.incidents) {
        for (const { machine } of wished) this.wished.add(machine.machineId);
      }
    }
    const interesting = new Set([...this.ledger.keys(), ...this.wished]);
    for (const { evicts } of this.ledger.values())
      for (const { machineId } of evicts) interesting.add(machineId);
    for (const machine of machines) {
      const { power, machineId } = machine;
      if (power === 'off') continue;
      if (power === 'failed' || interesting.has(machineId)) this.seen.set(machineId, machine);
      if (power !== 'running') continue;
      const host = this.room.indexOf(machine.hostId);
      this.room.take(host, this.demand(machine), machine.antiAffinityGroups);
      if (!this.state.options.preempt || host === NOWHERE) continue;
      const there = this.running.get(host);
      if (there === undefined) this.running.set(host, [machine]);
      else there.push(machine);
    }
    for (const [machineId, entry] of this.ledger) if (this.isSettled(entry)) this.ledger.delete(machineId);
  }

  /** A snapshot shows what the ledger stands for, or that somebody else has moved on. */
  private isSettled({ machine, phase, hostId, agentHostId }: LedgerEntry): boolean {
    if (phase !== 'committed' && phase !== 'admitted') return false;
    const seen = this.seen.get(machine.machineId);
    if (seen?.power !== 'running') return false;
    return seen.hostId === hostId || (phase === 'committed' && seen.hostId !== agentHostId);
  }

  /** Where a machine runs that its agent still thinks about: its restart has come about, and the ledger is done with it. */
  protected elsewhere(machineId: string, agentHostId: string): string | undefined {
    const seen = this.seen.get(machineId);
    if (this.ledger.get(machineId)?.agentHostId === agentHostId) return undefined;
    return seen?.power === 'running' && seen.hostId !== agentHostId ? seen.hostId : undefined;
  }

  protected demand(machine: ReservationMachine): Demand {
    return demandOf(machine, this.state.options.floors);
  }

  /** What an entry takes beside what those give back that have to go for it and still run. */
  protected net({ machine, hostId, evicts }: LedgerEntry): Demand {
    const still = evicts.filter(({ machineId }) => {
      const seen = this.seen.get(machineId);
      return seen?.power === 'running' && seen.hostId === hostId;
    });
    return this.netOf(this.demand(machine), still);
  }

  protected netOf(demand: Demand, evicts: readonly InventoryMachine[]): Demand {
    return netDemand(
      demand,
      evicts.map((machine) => this.demand(machine)),
    );
  }

  protected seeker(machine: ReservationMachine, fromHostId: string, avoidHostId = ''): Seeker {
    const { room } = this;
    const demand = this.demand(machine);
    return { machine, demand, from: room.indexOf(fromHostId), avoid: room.indexOf(avoidHostId) };
  }

  protected enter(
    machine: ReservationMachine,
    agentHostId: string,
    component: string,
    hostId: string,
    phase: ReservationPhase,
    evicts: readonly InventoryMachine[],
    promisedId?: string,
  ): void {
    this.drawn += 1;
    const { epoch, incarnation } = this.state.options;
    const reservationId = promisedId ?? `${String(epoch)}.${String(incarnation)}-${String(this.drawn)}`;
    const attempts = 0;
    const entry = { reservationId, machine, agentHostId, component, hostId, phase, evicts, attempts };
    this.ledger.set(machine.machineId, timed(entry, this.now, this.state.options.timing));
  }

  protected deny(machine: ReservationMachine, agentHostId: string, detail?: string): void {
    this.denied.set(
      machine.machineId,
      detail ?? whyNoRoom(this.room, machine, this.room.indexOf(agentHostId)),
    );
  }

  protected result(agentHostId: string, { machine, want }: WishedMachine): ReservationResult {
    const { machineId } = machine;
    const entry = this.ledger.get(machineId);
    const elsewhere = want === 'hold' ? undefined : this.elsewhere(machineId, agentHostId);
    if (elsewhere !== undefined) {
      const place = { reservationId: '', hostId: elsewhere };
      return { machineId, outcome: 'restarted', place, detail: '' };
    }
    if (entry !== undefined && entry.phase !== 'admitted') {
      const { reservationId, hostId, phase } = entry;
      return { machineId, outcome: outcomeOf(phase), place: { reservationId, hostId }, detail: '' };
    }
    const given = this.state.failedRestarts[machineId];
    if (given !== undefined && want === 'restart')
      return { machineId, outcome: 'restart-failed', detail: given };
    const isCompatible = this.room
      .compatible(machine)
      .some((host) => host !== this.room.indexOf(agentHostId));
    const outcome = isCompatible ? 'insufficient' : 'incompatible';
    return { machineId, outcome, detail: this.denied.get(machineId) ?? 'no host has room' };
  }
}
