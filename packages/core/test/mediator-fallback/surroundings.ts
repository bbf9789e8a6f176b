import { mediatorFallback, mediatorFallbackTiming, type MediatorFallbackEffect } from '../../src/index.js';
import { newPlay, playing, type Member, type Play, type WorldSetting } from './world.js';

/*
 * What the policy leaves to others, as simple as can be: links that break, leases that end at once, copies that are brought up to date.
 * The reference beside it is one number per copy: nobody may serve whose copy lacks a write that was acknowledged.
 */

/** Slower than by default, so that there is less to look at in an hour. */
const timing = {
  ...mediatorFallbackTiming,
  probeIntervalMs: 10_000,
  probeTimeoutMs: 5_000,
  downAfterMs: 30_000,
  reportFreshMs: 30_000,
};

export class Surroundings {
  readonly play: Play;
  readonly log: string[] = [];
  time = 0;
  /** The newest acknowledged write, and the newest that each copy has. */
  private newest = 0;
  private readonly copies = new Map<string, number>();
  /** A mediator has been called since all were in contact. */
  private asked = false;
  private readonly sides = new Map<string, string>();
  private readonly starting = new Set<string>();
  private readonly isolated = new Set<string>();
  private serving = new Map<string, string>();

  /** Wishes and messages so far, and the one that ends a process. */
  effects = 0;

  constructor(
    change: Partial<WorldSetting> = {},
    private readonly interrupt?: { readonly at: number; readonly when: 'before' | 'after' },
  ) {
    this.play = newPlay({ ...playing, timing, ...change });
    for (const id of this.names) this.copies.set(id, 0);
    this.pass(70_000);
    this.check();
  }

  get names(): readonly string[] {
    return this.play.setting.names;
  }

  member(id: string): Member {
    return this.play.member(id);
  }

  isUp(id: string): boolean {
    return this.member(id).up;
  }

  private reached(id: string): readonly string[] {
    if (id === '') return [];
    return this.names.filter((one) => one === id || (this.isUp(one) && this.play.reaches(id, one)));
  }

  /** Every host that may write, writes: to all copies that its member has to wait for. */
  write(): void {
    for (const id of this.names) {
      const { serves, state, up } = this.member(id);
      if (!up || serves === 'nothing') continue;
      this.newest += 1;
      const copies = new Set([
        id,
        ...state.record.partition.members,
        ...(state.returning?.waiting ?? []),
        state.synced ?? id,
      ]);
      for (const one of copies) if (this.reached(id).includes(one)) this.copies.set(one, this.newest);
    }
  }

  /** Cut from all others, or in contact with all that are not: contact is the same seen from every side. */
  isolate(id: string, isCut: boolean): void {
    const isLink = (cut: string): boolean =>
      this.names.some((one) => cut === `${one} ${id}` || cut === `${id} ${one}`);
    const rest = this.play.world.cuts.filter((cut) => !isLink(cut));
    const others = this.names.filter((one) => one !== id && (isCut || !this.isolated.has(one)));
    if (isCut) this.isolated.add(id);
    else this.isolated.delete(id);
    const kept = this.play.world.cuts.filter(
      (cut) => isLink(cut) && !others.some((one) => cut.includes(one)),
    );
    this.play.set({ cuts: isCut ? [...rest, ...others.map((one) => `${id} ${one}`)] : [...rest, ...kept] });
    this.lookAround();
  }

  /** Whether this member reaches this mediator. */
  sees(id: string, mediator: string, isSeen: boolean): void {
    const rest = this.play.world.cuts.filter((cut) => cut !== `${id} ${mediator}`);
    this.play.set({ cuts: isSeen ? rest : [...rest, `${id} ${mediator}`] });
  }

  mediator(id: string, up: boolean): void {
    this.play.setMediator(id, { up });
  }

  crash(id: string): void {
    if (!this.isUp(id)) return;
    this.play.setMember(id, { up: false, tasks: [], serves: 'nothing' });
    // What was under way between two processes is gone with the connection.
    this.play.set({ packets: this.play.world.packets.filter(({ from, to }) => to !== id && from !== id) });
    this.sides.delete(id);
    this.lookAround();
  }

  start(id: string): void {
    const { up, incarnation, disk } = this.member(id);
    if (up) return;
    this.play.begin(id, incarnation + 1, disk, this.time);
    if (disk.standing !== 'detached')
      this.play.dispatch(id, { kind: 'in-sync-changed', inSync: disk.partition.members });
    this.lookAround();
  }

  /** Leases end at once: whoever misses somebody of its partition stops, and asks who goes on. */
  private lookAround(): void {
    for (const id of this.names) {
      if (!this.isUp(id)) continue;
      const reached = this.reached(id);
      for (const peer of this.names) {
        if (peer === id) continue;
        const isKnown = this.member(id).state.connected.includes(peer);
        if (reached.includes(peer) && !isKnown)
          this.play.dispatch(id, { kind: 'peer-connected', nodeId: peer });
        if (!reached.includes(peer) && isKnown)
          this.play.dispatch(id, { kind: 'peer-disconnected', nodeId: peer });
      }
    }
    for (const id of this.names) if (this.isUp(id)) this.missAny(id);
    this.check();
  }

  private missAny(id: string): void {
    const { state, serves } = this.member(id);
    const { partition, standing } = state.record;
    if (standing === 'detached') return;
    const here = this.reached(id).filter((one) => partition.members.includes(one));
    const isWhole = here.length === partition.members.length;
    const side = here.filter((one) => {
      const { record, saving } = this.member(one).state;
      const next = saving?.record ?? record;
      const isSame =
        next.partition.generation === partition.generation ||
        next.standing === 'survivor' ||
        this.isForming(one, id) ||
        this.isForming(id, one);
      return next.standing !== 'detached' && isSame && next.partition.members.includes(id);
    });
    if (isWhole && serves !== 'nothing') {
      this.sides.delete(id);
      return;
    }
    if (serves === 'nothing' && this.sides.get(id) === side.join()) return;
    this.sides.set(id, side.join());
    this.play.setMember(id, { serves: 'nothing' });
    this.play.dispatch(id, { kind: 'fault', side });
  }

  /** One of them forms the group anew with the other: the side is kept until both have that on their disks. */
  private isForming(one: string, other: string): boolean {
    const { returning } = this.member(one).state;
    return returning?.partition.members.includes(other) === true;
  }

  /** Carries out one wish. `fails`: without an answer that says anything, whether it was done or not. */
  carryOut(id: string, index: number, fails = false): void {
    const { up, tasks } = this.member(id);
    if (!up || tasks.length === 0) return;
    const task = this.play.take(id, index % tasks.length);
    if (task.kind !== 'probe' && this.isInterrupted()) {
      this.die(id, task);
      return;
    }
    if (fails) this.fail(id, task);
    else this.play.finish(id, task);
    this.check();
  }

  private isInterrupted(): boolean {
    this.effects += 1;
    return this.effects === this.interrupt?.at;
  }

  /** The process ends before this wish is carried out, or after it and before it hears so; and starts again from its disk. */
  private die(id: string, task?: MediatorFallbackEffect): void {
    if (this.interrupt?.when === 'after') {
      if (task?.kind === 'persist') this.play.setMember(id, { disk: task.record });
      else if (task?.kind === 'mediate' && this.play.reaches(id, task.mediator))
        this.play.swap(task.mediator, task.from, task.to);
    }
    this.crash(id);
    this.starting.add(id);
  }

  private fail(id: string, task: MediatorFallbackEffect): void {
    const effect = task.id;
    if (task.kind === 'persist') this.play.dispatch(id, { kind: 'persist-failed', effect, detail: 'EIO' });
    else if (task.kind === 'probe')
      this.play.dispatch(id, { kind: 'probed', effect, answer: { kind: 'failed', detail: 'late' } });
    else if (task.kind === 'mediate') {
      if (this.play.reaches(id, task.mediator)) this.play.swap(task.mediator, task.from, task.to);
      this.play.dispatch(id, { kind: 'mediated', effect, answer: { kind: 'unknown', detail: 'late' } });
    } else this.play.dispatch(id, { kind: 'mediated', effect, answer: { kind: 'unknown', detail: 'late' } });
  }

  deliver(index: number, is: 'once' | 'twice' | 'lost' = 'once'): void {
    const { packets } = this.play.world;
    const packet = packets[index % Math.max(1, packets.length)];
    if (packet === undefined) return;
    if (packet.message.kind !== 'report' && this.isInterrupted()) {
      if (this.interrupt?.when === 'after') this.deliver(index);
      this.die(packet.from);
      return;
    }
    if (is !== 'twice') this.play.set({ packets: packets.filter((one) => one !== packet) });
    if (is !== 'lost' && this.play.reaches(packet.from, packet.to))
      this.play.dispatch(packet.to, { kind: 'peer-message', nodeId: packet.from, message: packet.message });
    this.check();
  }

  /** Fault handling's words, wherever they are true. */
  tell(): void {
    const up = this.names.filter((id) => this.isUp(id));
    const isReturning = up.some((id) => this.member(id).state.returning !== undefined);
    const server = up.find((id) => this.member(id).serves !== 'nothing');
    const back = this.reached(server ?? '').find((id) => this.member(id).serves === 'nothing');
    if (server !== undefined && back !== undefined && !isReturning) {
      this.copies.set(back, this.newest);
      const { inSync } = this.member(server).state;
      this.play.dispatch(server, { kind: 'in-sync-changed', inSync: inSync.filter((id) => id !== back) });
      this.play.dispatch(server, { kind: 'member-synced', nodeId: back });
    }
    const [first] = up;
    if (first === undefined) return;
    const { generation, members } = this.member(first).state.record.partition;
    const isWhole = members.every((id) => {
      const { up: isUp, state, serves } = this.member(id);
      const { record, saving } = state;
      const isSame = record.partition.generation === generation && record.standing !== 'detached';
      return (
        isUp &&
        isSame &&
        serves === 'nothing' &&
        saving?.record.standing !== 'survivor' &&
        saving?.record.standing !== 'detached' &&
        members.every((one) => this.reached(id).includes(one))
      );
    });
    if (!isWhole) return;
    const asked = this.asked;
    for (const id of members) this.play.dispatch(id, { kind: 'fault-over', asked });
    this.check();
  }

  /** Time passes by itself: timers go off in their order, nothing else happens. */
  pass(ms: number): void {
    const end = this.time + ms;
    for (let count = 0; count < 5_000; count += 1) {
      this.rest();
      // A start takes longer than what is on its way.
      for (const id of this.starting) this.start(id);
      this.starting.clear();
      this.rest();
      const next = this.nextTimer();
      if (next === undefined || next.at > end) break;
      this.time = Math.max(this.time, next.at);
      this.setClocks();
      this.play.dispatch(next.id, { kind: 'tick' });
      this.check();
    }
    this.time = end;
    this.setClocks();
  }

  /** Time jumps, whatever waits. */
  jump(ms: number): void {
    this.time += ms;
    this.setClocks();
    for (const id of this.names) if (this.isUp(id)) this.play.dispatch(id, { kind: 'tick' });
    this.check();
  }

  private setClocks(): void {
    for (const id of this.names) this.play.setMember(id, { at: this.time });
  }

  private nextTimer(): { id: string; at: number } | undefined {
    const timers = this.names.flatMap((id) => {
      const at = this.isUp(id) ? this.play.setting.policy.wakeAt(this.member(id).state) : undefined;
      return at === undefined ? [] : [{ id, at }];
    });
    return timers.sort((one, two) => one.at - two.at)[0];
  }

  /** Everything that is under way happens. */
  rest(): void {
    for (let count = 0; count < 2_000; count += 1) {
      const busy = this.names.find((id) => this.isUp(id) && this.member(id).tasks.length > 0);
      if (this.play.world.packets.length > 0) this.deliver(0);
      else if (busy !== undefined) this.carryOut(busy, 0);
      else return;
    }
    throw new Error('it never comes to rest');
  }

  /** All is well from now on: who is down starts, every link holds, mediators answer. */
  recover(): void {
    for (const id of Object.keys(this.play.world.mediators)) this.mediator(id, true);
    this.play.set({ cuts: [] });
    this.isolated.clear();
    for (const id of this.names) this.start(id);
    this.lookAround();
    for (let round = 0; round < 12 && !this.isWell(); round += 1) {
      this.pass(20_000);
      this.tell();
    }
    this.pass(1_000);
  }

  private isWell(): boolean {
    return this.names.every((id) => {
      const { state, serves } = this.member(id);
      const { current, pending } = state.record;
      return serves !== 'nothing' && pending === undefined && current.model.kind === 'mediator';
    });
  }

  /** How it has ended: who serves, and by which model a fault would be survived. */
  end(): unknown {
    return this.names.map((id) => {
      const { state, serves } = this.member(id);
      const { current, pending, partition } = state.record;
      return {
        id,
        serves: serves !== 'nothing',
        standing: state.record.standing,
        members: partition.members,
        model: current.model,
        isOpen: pending !== undefined,
      };
    });
  }

  /** @throws when a rule is broken. */
  private check(): void {
    // Whoever goes on with somebody who is out of contact cannot acknowledge a write: that is the next fault.
    for (const id of this.names) if (this.isUp(id)) this.missAny(id);
    const serving = this.names.filter((id) => this.isUp(id) && this.member(id).serves !== 'nothing');
    this.asked ||= this.names.some((id) => (this.member(id).state.fault?.tries ?? 0) > 0);
    if (serving.length === this.names.length) this.asked = false;
    for (const id of serving) {
      const { partition } = this.member(id).state.record;
      const before = this.serving.get(id);
      if (before === undefined && (this.copies.get(id) ?? 0) < this.newest)
        throw new Error(`${id} serves, and its copy lacks acknowledged writes`);
      for (const other of serving) {
        const theirs = this.member(other).state.record.partition;
        // Of two that serve, whoever was later has the other one with it, and is in contact with it.
        const isLater = partition.generation >= theirs.generation;
        const isTogether = partition.members.includes(other) && this.play.reaches(id, other);
        if (isLater && !isTogether) throw new Error(`${id} goes on without ${other}, which serves`);
      }
    }
    this.serving = new Map(serving.map((id) => [id, this.member(id).serves]));
    for (const id of this.names) {
      const { up, state } = this.member(id);
      for (const invariant of up ? mediatorFallback.invariants : []) {
        const broken = invariant.cost === 'cheap' ? invariant.check(state) : undefined;
        if (broken !== undefined) throw new Error(`${invariant.name}: ${broken}`);
      }
    }
  }
}
