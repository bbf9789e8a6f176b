import type { InventoryMachine, ReservationMachine } from './inventory.js';
import { makeRoom, type Victim } from './make-room.js';
import { firmness, timed } from './ledger.js';
import { PlanSheet } from './plan-sheet.js';
import { place, type Seeker } from './placement.js';
import { NOWHERE, demandOf, type Demand } from './room.js';
import type { AgentNote, LedgerEntry } from './state.js';
import type { AskedIncident, ReservationPhase, WishedMachine } from './types.js';

/**
 * One decision over one snapshot. It reads the state, works on its own copy of the ledger and a `Room`, and is thrown away; nothing of
 * it is kept but what `Plan` exposes.
 *
 * The order is the rule: what runs, what is being restarted, what is claimed; machines that are down and wait for somebody else; room
 * that is held; and only then who asks anew, agent by agent as they came, within one ask by priority.
 */
export class Plan extends PlanSheet {
  /** Takes the asks in, keeps what was promised, and places the rest. */
  decide(): void {
    const notes = Object.values(this.state.agents).sort((one, other) => one.arrival - other.arrival);
    for (const note of notes) if (!note.isAnswered) this.takeIn(note);
    const failed = this.keepPromises();
    this.placeFailed(failed);
    for (const note of notes) if (!note.isAnswered) this.grant(note);
  }

  /** The room of one host beside everything that is promised there. */
  admit(machine: ReservationMachine, hostId: string): { readonly allowed: boolean; readonly demand: Demand } {
    const demand = demandOf(machine, this.state.options.floors);
    const host = this.room.indexOf(hostId);
    const allowed = host !== NOWHERE && this.room.fits(host, demand, machine.antiAffinityGroups);
    if (allowed) {
      this.enter(machine, hostId, '', hostId, 'admitted', []);
      this.room.take(host, demand, machine.antiAffinityGroups);
    }
    return { allowed, demand };
  }

  /** What an agent does not mention any more ends, and what it does mention takes its new phase. */
  private takeIn({ ask }: AgentNote): void {
    const wishes = new Map<string, { readonly wished: WishedMachine; readonly incident: AskedIncident }>();
    for (const incident of ask.incidents) {
      for (const wished of incident.machines) wishes.set(wished.machine.machineId, { wished, incident });
    }
    for (const [machineId, entry] of this.ledger) {
      const isFirm = entry.phase !== 'held' && entry.phase !== 'claimed';
      if (entry.agentHostId === ask.hostId && !isFirm && !wishes.has(machineId))
        this.ledger.delete(machineId);
    }
    for (const [machineId, { wished, incident }] of wishes) {
      const { machine, want, place: promised } = wished;
      if (want !== 'hold' && this.elsewhere(machineId, ask.hostId) !== undefined) continue;
      const entry = this.ledger.get(machineId);
      const phase: ReservationPhase = want === 'hold' ? 'held' : want === 'claim' ? 'claimed' : 'restarting';
      if (entry === undefined) {
        // A promise of a coordinator before this one: kept if it can be.
        if (promised !== undefined && promised.hostId !== ask.hostId) {
          this.enter(
            machine,
            ask.hostId,
            incident.component,
            promised.hostId,
            phase,
            [],
            promised.reservationId,
          );
          if (phase === 'restarting') this.starts.set(machineId, 'down');
        }
      } else if (entry.phase === 'held' || entry.phase === 'claimed') {
        const { timing } = this.state.options;
        this.ledger.set(machineId, timed({ ...entry, phase, agentHostId: ask.hostId }, this.now, timing));
        if (phase === 'restarting') this.starts.set(machineId, 'down');
      }
    }
  }

  /** Firm entries first, then held ones where they still fit. What has lost its place looks for another. */
  private keepPromises(): readonly Seeker[] {
    const entries = [...this.ledger.values()].sort(
      (one, other) =>
        firmness[one.phase] - firmness[other.phase] || other.machine.priority - one.machine.priority,
    );
    const homeless: LedgerEntry[] = [];
    for (const entry of entries) {
      const host = this.room.indexOf(entry.hostId);
      const seen = this.seen.get(entry.machine.machineId);
      // It is counted as running there already.
      if (firmness[entry.phase] === 0 && seen?.power === 'running' && seen.hostId === entry.hostId) continue;
      if (entry.isRefused !== true && this.keeps(entry, host))
        this.room.take(host, this.net(entry), entry.machine.antiAffinityGroups);
      else homeless.push(entry);
    }
    for (const entry of homeless) this.rehouse(entry);
    const failed = [...this.seen.values()].filter(
      ({ power, machineId }) =>
        power === 'failed' && !this.ledger.has(machineId) && !this.wished.has(machineId),
    );
    return failed.map((machine) => this.seeker(machine, machine.hostId));
  }

  private keeps(entry: LedgerEntry, host: number): boolean {
    if (host === NOWHERE || this.state.lostHosts[entry.hostId] !== undefined) return false;
    if (firmness[entry.phase] === 0) return true;
    if (entry.hostId === entry.agentHostId) return false;
    const { machine } = entry;
    return (
      this.room.compatible(machine).includes(host) &&
      this.room.fits(host, this.net(entry), machine.antiAffinityGroups)
    );
  }

  private rehouse(entry: LedgerEntry): void {
    const { machine, phase, agentHostId, hostId, component } = entry;
    const { machineId } = machine;
    this.ledger.delete(machineId);
    if (phase === 'admitted') return;
    const next = phase === 'committed' ? 'restarting' : phase;
    const seeker = this.seeker(machine, agentHostId, hostId);
    const host = this.settle(seeker, next !== 'held');
    const detail = host === NOWHERE ? 'no other host has room' : `moved to ${this.room.hostIdOf(host)}`;
    if (host === NOWHERE && entry.isRefused === true && this.keeps(entry, this.room.indexOf(hostId))) {
      this.room.take(this.room.indexOf(hostId), this.net(entry), machine.antiAffinityGroups);
      const { isRefused: _isRefused, ...again } = entry;
      this.ledger.set(machineId, again);
      return;
    }
    this.lost.push({ machineId, hostId, detail });
    if (host === NOWHERE) {
      this.denied.set(machineId, `its host ${hostId} is gone and no other has room`);
      if (next === 'restarting') this.isWaiting = true;
      return;
    }
    this.enter(machine, agentHostId, component, this.room.hostIdOf(host), next, []);
    const moved = this.ledger.get(machineId);
    if (moved !== undefined) this.ledger.set(machineId, { ...moved, attempts: entry.attempts });
    if (next === 'restarting') this.starts.set(machineId, 'place-lost');
  }

  /** Finds and takes one place; who is down may push out room that is only held. */
  private settle(seeker: Seeker, isUrgent: boolean): number {
    const [host = NOWHERE] = place(this.room, [seeker], 0);
    if (host !== NOWHERE || !isUrgent) return host;
    const held = this.heldByHost();
    const made = makeRoom(this.room, seeker, (index) => held.get(index) ?? []);
    if (made === undefined) return NOWHERE;
    for (const { machine } of made.victims) {
      const entry = this.ledger.get(machine.machineId);
      if (entry === undefined) continue;
      this.room.giveBack(made.host, this.net(entry), machine.antiAffinityGroups);
      this.ledger.delete(machine.machineId);
    }
    this.room.take(made.host, seeker.demand, seeker.machine.antiAffinityGroups);
    for (const { machine } of made.victims) {
      const entry = this.state.ledger[machine.machineId];
      if (entry !== undefined) this.rehouse({ ...entry, phase: 'held' });
    }
    return made.host;
  }

  private heldByHost(): ReadonlyMap<number, readonly Victim[]> {
    const held = new Map<number, Victim[]>();
    for (const entry of this.ledger.values()) {
      if (entry.phase !== 'held') continue;
      const host = this.room.indexOf(entry.hostId);
      held.set(host, [...(held.get(host) ?? []), { machine: entry.machine, demand: this.net(entry) }]);
    }
    return held;
  }

  /** Machines that others restart: their room is set aside for this decision, around what is held if possible. */
  private placeFailed(failed: readonly Seeker[]): void {
    const placement = place(this.room, failed, this.state.options.rearrangeEffort);
    for (const [index, seeker] of failed.entries()) {
      if (placement[index] === NOWHERE) this.settle(seeker, true);
    }
  }

  /** New places for what an agent asks and has none. */
  private grant({ ask }: AgentNote): void {
    for (const incident of ask.incidents) {
      const missing = incident.machines.filter(
        ({ machine: { machineId }, want }) =>
          !this.ledger.has(machineId) &&
          (want === 'hold' || this.elsewhere(machineId, ask.hostId) === undefined),
      );
      const urgent = missing.filter(({ want }) => want === 'restart');
      const calm = missing.filter(({ want }) => want !== 'restart');
      for (const wished of urgent) this.grantUrgent(ask.hostId, incident, wished);
      this.grantCalm(ask.hostId, incident, calm);
    }
  }

  private grantUrgent(agentHostId: string, { component }: AskedIncident, { machine }: WishedMachine): void {
    const { machineId } = machine;
    if (this.state.failedRestarts[machineId] !== undefined) return;
    const host = this.settle(this.seeker(machine, agentHostId), true);
    if (host === NOWHERE) {
      this.deny(machine, agentHostId);
      this.isWaiting = true;
      return;
    }
    this.enter(machine, agentHostId, component, this.room.hostIdOf(host), 'restarting', []);
    this.starts.set(machineId, 'down');
  }

  private grantCalm(agentHostId: string, incident: AskedIncident, wishes: readonly WishedMachine[]): void {
    const { component, mode } = incident;
    const seekers = wishes.map(({ machine }) => this.seeker(machine, agentHostId));
    const placement = place(this.room, seekers, this.state.options.rearrangeEffort);
    const preempted = new Map<number, readonly InventoryMachine[]>();
    for (const [index, seeker] of seekers.entries()) {
      if (placement[index] !== NOWHERE || !this.state.options.preempt) continue;
      const made = this.preempt(seeker);
      if (made === undefined) continue;
      placement[index] = made.host;
      preempted.set(index, made.evicts);
    }
    const isWhole = mode === 'best-effort' || !placement.includes(NOWHERE);
    if (!isWhole) this.letGo(incident);
    for (const [index, { machine, want }] of wishes.entries()) {
      const host = placement[index] ?? NOWHERE;
      const demand = this.netOf(this.demand(machine), preempted.get(index) ?? []);
      if (host === NOWHERE || !isWhole) {
        this.room.giveBack(host, demand, machine.antiAffinityGroups);
        this.deny(machine, agentHostId, isWhole ? undefined : 'all or nothing, and not all have room');
        continue;
      }
      const phase = want === 'claim' ? 'claimed' : 'held';
      this.enter(
        machine,
        agentHostId,
        component,
        this.room.hostIdOf(host),
        phase,
        preempted.get(index) ?? [],
      );
    }
  }

  /** All or nothing: what this incident holds already is not wanted without the rest. */
  private letGo({ machines }: AskedIncident): void {
    for (const { machine } of machines) {
      const entry = this.ledger.get(machine.machineId);
      if (entry?.phase !== 'held') continue;
      this.room.giveBack(this.room.indexOf(entry.hostId), this.net(entry), machine.antiAffinityGroups);
      this.ledger.delete(machine.machineId);
      this.denied.set(machine.machineId, 'all or nothing, and not all have room');
    }
  }

  /** The smallest set of running machines of a lower priority that would have to go, on one host. */
  private preempt(
    seeker: Seeker,
  ): { readonly host: number; readonly evicts: readonly InventoryMachine[] } | undefined {
    const taken = new Set(
      [...this.ledger.values()].flatMap(({ evicts }) => evicts.map(({ machineId }) => machineId)),
    );
    const made = makeRoom(this.room, seeker, (host) =>
      (this.running.get(host) ?? [])
        .filter(
          ({ machineId, priority }) =>
            priority < seeker.machine.priority && !taken.has(machineId) && !this.wished.has(machineId),
        )
        .map((machine) => ({ machine, demand: this.demand(machine) })),
    );
    if (made === undefined) return undefined;
    const evicts = made.victims.flatMap(({ machine }) => this.runningOn(made.host, machine.machineId));
    this.room.take(made.host, this.netOf(seeker.demand, evicts), seeker.machine.antiAffinityGroups);
    return { host: made.host, evicts };
  }

  private runningOn(host: number, machineId: string): readonly InventoryMachine[] {
    return (this.running.get(host) ?? []).filter((machine) => machine.machineId === machineId);
  }
}
