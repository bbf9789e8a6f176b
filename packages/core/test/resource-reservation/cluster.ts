import {
  createInventory,
  reservationAgentDefaults,
  reservationCoordinatorDefaults,
  resourceReservation,
  type AgentRecord,
  type ClusterInventory,
  type InventoryMachine,
  type LedgerRecord,
  type ReservationAgentOptions,
  type ReservationAsk,
  type ReservationCoordinatorOptions,
  type ReservationEffect,
  type ReservationEvent,
  type ReservationHost,
  type ReservationOptions,
} from '../../src/index.js';
import { checkClaim, checkPromises } from './cluster-checks.js';
import { type Policy, type Fact, type ClusterOptions, type Process, delays } from './cluster-parts.js';

export type { ClusterOptions } from './cluster-parts.js';

/** A cluster on a virtual clock: the real policy in one agent per host and one coordinator, and a truth that it is judged by. */
export class Cluster {
  now = 0;
  readonly lines: string[] = [];
  readonly machines = new Map<string, InventoryMachine>();
  readonly hosts = new Map<string, ReservationHost>();
  readonly agents = new Map<string, Process>();
  readonly lives: Process[] = [];
  coordinator: Process | undefined;
  readonly cut = new Set<string>();
  readonly dead = new Set<string>();
  readonly stuck = new Set<string>();
  readonly unfit = new Set<string>();
  readonly asks: ReservationAsk[] = [];
  /** Durable records: of every agent, and the ledger, which is shared. */
  readonly records = new Map<string, AgentRecord>();
  ledger: LedgerRecord | undefined;
  diskFails = false;
  /** Only this process cannot write. */
  diskFailsOf: string | undefined;
  inventoryHangs = false;
  /** Kills one process before or after its n-th effect is carried out; it starts anew half a second later. */
  crashAt: { readonly name: string; readonly index: number; readonly moment: 'before' | 'after' } | undefined;
  readonly carriedOut = new Map<string, number>();
  onAgentStart: ((hostId: string) => void) | undefined;
  /** Checks that nothing is ended whose room is not firm in the durable ledger: for conservative agents. */
  claimsFirst = false;
  epoch = 0;
  reported = true;
  /** What is read whatever happens: a gatherer that has stopped. */
  frozenInventory: ClusterInventory | undefined;
  private version = 0;
  private digestAt = '';
  private inventoryNow: ClusterInventory | undefined;
  private readonly queue: { readonly at: number; readonly order: number; readonly run: () => void }[] = [];
  private order = 0;
  private readonly said = new Map<string, string>();
  private readonly policy: Policy;
  private readonly options: ClusterOptions;

  constructor(options: ClusterOptions) {
    this.options = options;
    this.policy = options.policy ?? resourceReservation;
    for (const host of options.hosts) this.hosts.set(host.hostId, host);
    for (const machine of options.machines) this.machines.set(machine.machineId, machine);
    this.startCoordinator();
    for (const { hostId } of options.hosts) this.startAgent(hostId);
    this.pass(100);
  }

  startAgent(hostId: string): void {
    const incarnation = this.lives.filter(({ name }) => name === hostId).length + 1;
    const record = this.records.get(hostId);
    const options: ReservationAgentOptions = {
      ...reservationAgentDefaults,
      groupId: 'lab',
      hostId,
      incarnation,
      ...this.options.agent,
      ...(record === undefined ? {} : { record }),
    };
    this.agents.set(hostId, this.begin(hostId, options));
    this.tellMachines(hostId);
    this.onAgentStart?.(hostId);
    if (this.epoch > 0) this.give(hostId, { kind: 'coordinator-changed', epoch: this.epoch });
  }

  startCoordinator(withLedger = true): void {
    this.epoch += 1;
    const options: ReservationCoordinatorOptions = {
      ...reservationCoordinatorDefaults,
      groupId: 'lab',
      hostId: 'coordinator',
      incarnation: this.epoch,
      epoch: this.epoch,
      ...this.options.coordinator,
      ...(this.ledger === undefined || !withLedger ? {} : { record: this.ledger }),
    };
    this.coordinator = this.begin('coordinator', options);
    for (const hostId of this.agents.keys()) {
      if (!this.cut.has(hostId)) this.give(hostId, { kind: 'coordinator-changed', epoch: this.epoch });
    }
  }

  stop(name: string): void {
    const process = name === 'coordinator' ? this.coordinator : this.agents.get(name);
    if (process !== undefined) process.isRunning = false;
  }

  /** The machine loses power: what ran there is down, and the cluster knows. */
  killHost(hostId: string): void {
    this.stop(hostId);
    this.dead.add(hostId);
    for (const machine of this.machines.values()) {
      if (machine.hostId === hostId && machine.power === 'running')
        this.setMachine({ ...machine, power: 'failed' });
    }
    const host = this.hosts.get(hostId);
    if (host !== undefined) this.setHost({ ...host, condition: 'disconnected' });
    this.later(50, () => this.giveCoordinator({ kind: 'host-lost', hostId }));
  }

  setHost(host: ReservationHost): void {
    this.hosts.set(host.hostId, host);
    this.inventoryNow = undefined;
  }

  setMachine(machine: InventoryMachine): void {
    const before = this.machines.get(machine.machineId);
    this.machines.set(machine.machineId, machine);
    this.inventoryNow = undefined;
    for (const hostId of new Set([before?.hostId, machine.hostId])) {
      if (hostId !== undefined && this.agents.get(hostId)?.isRunning === true) this.tellMachines(hostId);
    }
  }

  tellMachines(hostId: string): void {
    const machines = [...this.machines.values()]
      .filter((machine) => machine.hostId === hostId && machine.power === 'running')
      .map(({ power: _power, hostId: _hostId, ...machine }) => ({ ...machine, isProtected: true }));
    this.give(hostId, { kind: 'machines-changed', machines });
  }

  snapshot(): ClusterInventory {
    if (this.inventoryNow !== undefined) return this.inventoryNow;
    const hosts = [...this.hosts.values()].map((host) => ({
      ...host,
      reportedEpoch: this.reported && !this.cut.has(host.hostId) ? this.epoch : host.reportedEpoch,
    }));
    this.version += 1;
    this.inventoryNow = createInventory(hosts, [...this.machines.values()], this.version);
    this.digestAt = this.inventoryNow.digest;
    return this.inventoryNow;
  }

  give(hostId: string, fact: Fact): void {
    const agent = this.agents.get(hostId);
    if (agent !== undefined) this.dispatch(agent, fact);
  }

  giveCoordinator(fact: Fact): void {
    if (this.coordinator !== undefined) this.dispatch(this.coordinator, fact);
  }

  pass(durationMs: number): void {
    const untilAt = this.now + durationMs;
    for (let turns = 0; turns < 200_000; turns += 1) {
      const next = this.next();
      if (next === undefined || next.at > untilAt) break;
      this.now = Math.max(this.now, next.at);
      next.run();
      checkPromises(this);
    }
    this.now = untilAt;
  }

  later(delayMs: number, run: () => void): void {
    this.order += 1;
    this.queue.push({ at: this.now + delayMs, order: this.order, run });
  }

  private begin(name: string, options: ReservationOptions): Process {
    const process: Process = {
      name,
      options,
      startedAt: this.now,
      events: [],
      state: this.policy.init(options, this.now),
      sequence: 0,
      isRunning: true,
      durable: new Set(),
      failed: new Set(),
    };
    this.lives.push(process);
    return process;
  }

  private processes(): readonly Process[] {
    const all = this.coordinator === undefined ? [] : [this.coordinator];
    return [...all, ...this.agents.values()].filter(({ isRunning }) => isRunning);
  }

  private next(): { readonly at: number; readonly run: () => void } | undefined {
    let best: { readonly at: number; readonly run: () => void } | undefined;
    this.queue.sort((one, other) => one.at - other.at || one.order - other.order);
    const [first] = this.queue;
    if (first !== undefined) best = { at: first.at, run: () => this.queue.shift()?.run() };
    for (const process of this.processes()) {
      const wakeAt = this.policy.wakeAt(process.state);
      if (wakeAt !== undefined && (best === undefined || wakeAt < best.at)) {
        best = { at: wakeAt, run: () => this.dispatch(process, { kind: 'tick' }) };
      }
    }
    return best;
  }

  private dispatch(process: Process, fact: Fact): void {
    if (!process.isRunning) return;
    process.sequence += 1;
    const event = { ...fact, at: this.now, sequence: process.sequence } as ReservationEvent;
    process.events.push(event);
    const { state, effects } = this.policy.step(process.state, event);
    process.state = state;
    for (const invariant of this.policy.invariants) {
      const broken = invariant.check(state);
      if (broken !== undefined) throw new Error(`${process.name}: ${invariant.name}: ${broken}`);
    }
    for (const effect of effects) this.carryOut(process, effect);
  }

  private log(process: Process, effect: ReservationEffect): void {
    if (effect.kind === 'persist' || effect.kind === 'read-inventory') return;
    const sentence = this.policy.explain(effect);
    if (effect.kind === 'send-ask' || effect.kind === 'send-answer') {
      // Renewals say the same again and again.
      const key = `${process.name} ${effect.kind} ${effect.kind === 'send-answer' ? effect.hostId : ''}`;
      const content = effect.kind === 'send-ask' ? effect.ask.incidents : effect.answer.results;
      const text = JSON.stringify(content);
      const isRepeat =
        this.said.get(key) === text && (effect.kind !== 'send-ask' || !sentence.includes('attempt 3'));
      this.said.set(key, text);
      if (isRepeat || (effect.kind === 'send-ask' && text === '[]')) return;
      if (effect.kind === 'send-answer' && effect.answer.results.length === 0) return;
    }
    const seconds = (Math.round(this.now) / 1_000).toFixed(3).padStart(9);
    this.lines.push(
      `${seconds} ${process.name}: ${effect.kind}${effect.kind === 'report' ? ` (${effect.level})` : ''}`,
    );
    this.lines.push(`          ${sentence}`);
    if (effect.kind === 'send-answer') {
      for (const { machineId, outcome, place, detail } of effect.answer.results) {
        const where = place === undefined ? '' : ` on ${place.hostId}`;
        this.lines.push(`          - ${machineId} ${outcome}${where}${detail === '' ? '' : ` (${detail})`}`);
      }
    }
  }

  private carryOut(process: Process, effect: ReservationEffect): void {
    const { after = [] } = effect;
    if (after.some((id) => process.failed.has(id))) {
      process.failed.add(effect.id);
      return;
    }
    if (after.every((id) => process.durable.has(id))) this.run(process, effect);
    else if (process.isRunning) this.later(1, () => this.carryOut(process, effect));
  }

  private run(process: Process, effect: ReservationEffect): void {
    if (!process.isRunning) return;
    const count = (this.carriedOut.get(process.name) ?? 0) + 1;
    this.carriedOut.set(process.name, count);
    const isCrash = this.crashAt?.name === process.name && this.crashAt.index === count;
    if (isCrash && this.crashAt?.moment === 'before') {
      this.crash(process);
      return;
    }
    this.log(process, effect);
    this.act(process, effect);
    // What was handed to the outside goes on there; a record that was on its way to the disk has arrived.
    if (!isCrash) return;
    if (effect.kind === 'persist') this.persist(process, effect);
    this.crash(process);
  }

  private crash(process: Process): void {
    process.isRunning = false;
    this.lines.push(`          ${process.name} dies`);
    this.later(500, () => {
      if (process.name === 'coordinator') this.startCoordinator();
      else this.startAgent(process.name);
      this.inventoryNow = undefined;
    });
  }

  private act(process: Process, effect: ReservationEffect): void {
    switch (effect.kind) {
      case 'persist':
        this.later(delays.disk, () => this.persist(process, effect));
        return;
      case 'send-ask':
        this.asks.push(effect.ask);
        this.deliver(process.name, () => this.giveCoordinator({ kind: 'ask-received', ask: effect.ask }));
        return;
      case 'send-answer':
        this.deliver(effect.hostId, () =>
          this.give(effect.hostId, { kind: 'answer-received', answer: effect.answer }),
        );
        return;
      case 'read-inventory':
        if (this.inventoryHangs) return;
        this.later(delays.inventory, () =>
          this.dispatch(process, {
            kind: 'inventory-read',
            inventory: this.frozenInventory ?? this.snapshot(),
          }),
        );
        return;
      case 'terminate-machine':
        checkClaim(this, process.name, effect.machineId);
        this.later(delays.terminate, () => this.terminate(process, effect.machineId));
        return;
      case 'restart-machine':
        this.later(delays.restart, () => this.restart(process, effect));
        return;
      case 'reset-machine':
      case 'answer-admission':
      case 'answer':
      case 'report':
        return;
    }
  }

  private persist(process: Process, effect: Extract<ReservationEffect, { kind: 'persist' }>): void {
    if (!process.isRunning) return;
    if (this.diskFails || this.diskFailsOf === process.name) {
      process.failed.add(effect.id);
      this.dispatch(process, { kind: 'persist-failed', effect: effect.id, detail: 'EIO' });
      return;
    }
    const { record } = effect;
    if (record.kind === 'agent') this.records.set(process.name, record);
    else this.ledger = record;
    process.durable.add(effect.id);
    this.dispatch(process, { kind: 'persisted', effect: effect.id });
  }

  private deliver(hostId: string, run: () => void): void {
    if (this.cut.has(hostId)) return;
    this.later(delays.message, () => {
      if (!this.cut.has(hostId)) run();
    });
  }

  private terminate(process: Process, machineId: string): void {
    const machine = this.machines.get(machineId);
    if (this.dead.has(process.name)) return;
    if (this.stuck.has(machineId)) {
      this.give(process.name, { kind: 'terminate-ended', machineId, outcome: 'stuck', detail: 'D state' });
      return;
    }
    if (machine?.hostId === process.name && machine.power === 'running')
      this.setMachine({ ...machine, power: 'failed' });
    this.give(process.name, { kind: 'terminate-ended', machineId, outcome: 'terminated', detail: '' });
  }

  private restart(process: Process, effect: Extract<ReservationEffect, { kind: 'restart-machine' }>): void {
    const { machineId, hostId, reservationId, evicts } = effect;
    const machine = this.machines.get(machineId);
    if (machine === undefined || this.dead.has(hostId)) return;
    if (this.unfit.has(hostId)) {
      this.dispatch(process, { kind: 'restart-ended', reservationId, ok: false, detail: 'the host refused' });
      return;
    }
    const isRunning = machine.power === 'running';
    if (isRunning && machine.hostId !== hostId)
      throw new Error(`a second copy of ${machineId} is started on ${hostId}`);
    for (const victim of evicts) {
      const evicted = this.machines.get(victim);
      if (evicted !== undefined) this.setMachine({ ...evicted, power: 'off' });
    }
    if (!isRunning) this.setMachine({ ...machine, hostId, power: 'running' });
    this.dispatch(process, { kind: 'restart-ended', reservationId, ok: true, detail: '' });
  }
}
