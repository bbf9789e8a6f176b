import {
  explain,
  gateOf,
  introduce,
  readableUntil,
  type Gate,
  type Introduction,
  type NodeRecord,
  type PolarizationEffect,
  type PolarizationEvent,
  type PolarizationFact,
  type PolarizationOptions,
  type PolarizationState,
  type ttlPolarization,
} from '../../src/index.js';
import type { World } from './world.js';

export type NodeId = 'a' | 'b';

/** One process after another on one machine: the driver's law in a few lines, with a disk and a clock of its own. */
export class TestNode {
  isRunning = false;
  paused = false;
  incarnation = 0;
  machineBoots = 1;
  state: PolarizationState | undefined;
  copy = new Set<number>();
  syncing = false;
  /** Since it last mirrored. */
  lostPower = false;
  persistMs: number | undefined;
  readonly history: { options: PolarizationOptions; at: number; events: PolarizationEvent[] }[] = [];
  private sequence = 0;
  private waiting: { effect: PolarizationEffect; after: Set<string> }[] = [];
  private inbox: PolarizationFact[] = [];
  private wakeToken = 0;
  private ticks = 0;
  private tickedAt = -1;
  /** The wish to drain that stands; host I/O is held as long as it does. */
  draining: string | undefined;
  private resync: { token: object; session: number } | undefined;

  constructor(
    readonly world: World,
    readonly id: NodeId,
    public disk: NodeRecord,
    readonly rate: number,
    readonly policy: typeof ttlPolarization,
  ) {}

  /** This machine's clock: its own rate, and an origin that nobody else shares. */
  get clock(): number {
    return (this.id === 'a' ? 10_000 : 70_000) + this.world.now * this.rate;
  }

  get gate(): Gate {
    return gateOf(this.live);
  }

  get isServing(): boolean {
    return this.isRunning && !this.paused;
  }

  get live(): PolarizationState {
    if (this.state === undefined) throw new Error(`node ${this.id} has never been started`);
    return this.state;
  }

  /** Whether a read that has fetched its bytes just now would be answered. */
  get mayRead(): boolean {
    return this.isServing && this.gate.host === 'open' && this.clock < readableUntil(this.live);
  }

  get mayAcknowledgeAlone(): boolean {
    return (
      this.isRunning &&
      this.gate.host === 'open' &&
      (this.gate.legs === 'own' || this.gate.legs === 'own-and-target')
    );
  }

  introduction(): Introduction {
    return introduce(this.live);
  }

  start(): void {
    this.incarnation += 1;
    this.isRunning = true;
    this.paused = false;
    this.sequence = 0;
    this.waiting = [];
    this.inbox = [];
    this.syncing = false;
    this.resync = undefined;
    this.draining = undefined;
    const options: PolarizationOptions = {
      groupId: 'g',
      nodeId: this.id,
      peerId: this.id === 'a' ? 'b' : 'a',
      role: this.id === 'a' ? 'preferred' : 'nonPreferred',
      incarnation: this.incarnation,
      bootId: `${this.id}${String(this.incarnation)}`,
      machineBootId: `machine-${this.id}-${String(this.machineBoots)}`,
      lineageSeed: `${this.id}${String(this.incarnation)}`,
      faultModel: this.world.faultModel,
      timing: this.world.timing,
      bootAlone: this.world.options.bootAlone ?? false,
      record: this.disk,
      pristine: this.disk.mode === 'fresh' && this.copy.size === 0,
    };
    this.history.push({ options, at: this.clock, events: [] });
    this.state = this.policy.init(options, this.clock);
    this.world.log(`${this.id}: starts`);
    this.arm();
  }

  /** The process ends. What was on its way to the disk may have arrived or not: `landed` decides. */
  crash(landed = false): void {
    if (!this.isRunning) return;
    const { saving } = this.live;
    if (landed && saving !== undefined) this.disk = saving.record;
    this.isRunning = false;
    this.world.log(`${this.id}: crashes`);
  }

  pause(): void {
    this.paused = true;
  }

  resume(stalledMs: number): void {
    this.paused = false;
    if (!this.isRunning) return;
    for (const check of this.world.checks) check();
    if (stalledMs > 0) this.dispatch({ kind: 'clock-stalled', stalledMs });
    for (const fact of this.inbox.splice(0)) this.dispatch(fact);
  }

  dispatch(fact: PolarizationFact): void {
    if (!this.isRunning) return;
    if (this.paused) {
      this.inbox.push(fact);
      return;
    }
    const before = this.live;
    const event: PolarizationEvent = { ...fact, at: this.clock, sequence: (this.sequence += 1) };
    this.history.at(-1)?.events.push(event);
    const { state, effects } = this.policy.step(before, event);
    this.state = state;
    this.tell(before, state, effects);
    for (const effect of effects) this.waiting.push({ effect, after: new Set(effect.after ?? []) });
    this.handOut();
    this.arm();
  }

  private tell(
    before: PolarizationState,
    state: PolarizationState,
    effects: readonly PolarizationEffect[],
  ): void {
    const said = new Set<string>();
    for (const effect of effects) {
      if (effect.kind === 'report')
        said.add(`${effect.level === 'alarm' ? 'ALARM: ' : ''}${explain(effect.because)}`);
      if (effect.kind === 'answer') said.add(`${effect.ok ? 'done' : 'refused'}: ${effect.detail}`);
    }
    const changed = before.mode !== state.mode || before.gate.host !== state.gate.host;
    const now = changed
      ? `[${state.mode}, epoch ${String(state.record.epoch)}, host ${state.gate.host}] `
      : '';
    const gate = effects.find((effect) => effect.kind === 'set-gate');
    if (said.size === 0 && changed) said.add(gate === undefined ? '' : explain(gate.because));
    for (const text of said) this.world.log(`${this.id}: ${now}${text}`.trimEnd());
  }

  private handOut(): void {
    const ready = this.waiting.filter((entry) => entry.after.size === 0);
    this.waiting = this.waiting.filter((entry) => entry.after.size > 0);
    for (const { effect } of ready) this.perform(effect);
  }

  private done(id: string): void {
    for (const entry of this.waiting) entry.after.delete(id);
    this.handOut();
  }

  private later(delayMs: number, run: () => void): void {
    const life = this.incarnation;
    this.world.after(delayMs, () => {
      if (this.incarnation === life && this.isRunning) run();
    });
  }

  private perform(effect: PolarizationEffect): void {
    const { world } = this;
    switch (effect.kind) {
      case 'persist': {
        const record = structuredClone(effect.record);
        const lies = world.options.lyingDisk === true;
        const confirm = (): void => {
          this.done(effect.id);
          this.dispatch({ kind: 'persisted', effect: effect.id });
        };
        this.later(this.persistMs ?? world.options.persistMs ?? 1, () => {
          if (record.epoch < this.disk.epoch)
            throw new Error(`node ${this.id}: epoch ${String(this.disk.epoch)} then ${String(record.epoch)}`);
          this.disk = record;
          if (record.mode === 'mirrored') this.lostPower = false;
          if (!lies) confirm();
        });
        if (lies) this.later(0, confirm);
        return;
      }
      case 'send':
        world.send(this.id, effect.session, effect.message);
        break;
      case 'ask-witness':
        this.ask(effect);
        return;
      case 'drain':
        this.drain(effect.id);
        return;
      case 'start-resync':
        this.startResync(effect);
        break;
      case 'stop-resync':
        this.resync = undefined;
        this.syncing = false;
        break;
      case 'drop-session':
        world.drop(this.id, effect.session);
        break;
      case 'set-gate':
        this.draining = undefined;
        if (effect.gate.mode !== 'syncTarget') this.syncing = false;
        break;
      case 'answer':
      case 'report':
        break;
    }
    this.done(effect.id);
  }

  /** Beside a target, nothing is in flight only when it has everything. */
  private drain(id: string): void {
    this.draining = id;
    const { world } = this;
    const tryIt = (): void => {
      if (this.draining !== id) return;
      const peer = world.nodes[this.id === 'a' ? 'b' : 'a'];
      const isWhole =
        this.gate.legs !== 'own-and-target' || [...this.copy].every((write) => peer.copy.has(write));
      if (!isWhole) {
        this.later(5, tryIt);
        return;
      }
      // Host I/O stays held until the next gate.
      this.done(id);
      this.dispatch({ kind: 'drained', effect: id });
    };
    this.later(1, tryIt);
  }

  private ask(effect: Extract<PolarizationEffect, { kind: 'ask-witness' }>): void {
    const { world, id } = this;
    let answered = false;
    const reply = (answer: Extract<PolarizationFact, { kind: 'witness-answered' }>['answer']): void => {
      if (answered) return;
      answered = true;
      this.done(effect.id);
      this.dispatch({ kind: 'witness-answered', effect: effect.id, answer });
    };
    this.later(world.timing.witnessCallTimeoutMs, () =>
      reply({ kind: 'unreachable', detail: 'no answer in time' }),
    );
    if (world.cuts.has(`${id}>w`)) return;
    world.after(world.witnessDelayMs, () => {
      const { call, epoch, fromEpoch, lineageId, incarnation, history } = effect;
      const answer = world.witness.answer({
        call,
        nodeId: id,
        epoch,
        fromEpoch,
        lineageId,
        ...(incarnation === undefined ? {} : { incarnation }),
        ...(history === undefined ? {} : { history }),
      });
      if (!world.cuts.has(`w>${id}`)) this.later(world.witnessDelayMs, () => reply(answer));
    });
  }

  /** The copy is complete when both sides have worked on it for the whole time, in the same session. */
  private startResync(effect: Extract<PolarizationEffect, { kind: 'start-resync' }>): void {
    const token = {};
    this.resync = { token, session: effect.session };
    if (effect.side === 'target') {
      this.syncing = true;
      return;
    }
    const { world } = this;
    const peer = world.nodes[this.id === 'a' ? 'b' : 'a'];
    const tryIt = (): void => {
      if (this.resync?.token !== token) return;
      const { session } = world;
      const linked =
        session?.numbers[this.id] === effect.session && session.open[this.id] && session.open[peer.id];
      if (linked && peer.isServing && peer.syncing && !world.cuts.has('a>b') && !world.cuts.has('b>a')) {
        peer.copy = new Set(this.copy);
        this.dispatch({ kind: 'resync-caught-up', effect: effect.id, movedBytes: 4096 });
      } else {
        this.later(10, tryIt);
      }
    };
    this.later(world.options.resyncMs ?? 20, tryIt);
  }

  private arm(): void {
    const token = (this.wakeToken += 1);
    const at = this.policy.wakeAt(this.live);
    if (at === undefined) return;
    this.later(Math.max(0, (at - this.clock) / this.rate), () => {
      if (token !== this.wakeToken) return;
      this.ticks = this.tickedAt === this.world.now ? this.ticks + 1 : 0;
      this.tickedAt = this.world.now;
      if (this.ticks > 20)
        throw new Error(
          `node ${this.id} asks for ticks for ever:\n${this.world.lines.join('\n')}\n${JSON.stringify(this.state, null, 1)}`,
        );
      this.dispatch({ kind: 'tick' });
    });
  }
}
