import {
  explainGroup,
  type GroupEffect,
  type GroupEvent,
  type GroupFact,
  type GroupGate,
  type GroupIntroduction,
  type GroupOptions,
  type GroupPartEffect,
  type GroupRecord,
  type GroupState,
  introduceGroup,
} from '../../src/index.js';
import { perform } from './perform.js';
import { other, type NodeId } from './names.js';
import type { World } from './world.js';

/** One process after another on one machine: the driver's law in a few lines, with a disk and a clock of its own. */
export class TestNode {
  isRunning = false;
  incarnation = 0;
  machineBoots = 1;
  state: GroupState | undefined;
  /** Writes that stand in this copy. */
  copy = new Set<number>();
  syncing = false;
  /** Mostly the world's; an own one makes a slow disk. */
  persistMs: number | undefined;
  failWrites = false;
  draining: string | undefined;
  legFailed = false;
  generation = 1;
  resync: { token: object; session: number } | undefined;
  readonly history: { options: GroupOptions; at: number; events: GroupEvent[] }[] = [];
  readonly said: GroupEffect[] = [];
  private sequence = 0;
  private waiting: { effect: GroupEffect; after: Set<string> }[] = [];
  private wakeToken = 0;
  private ticks = 0;
  private tickedAt = -1;

  constructor(
    readonly world: World,
    readonly id: NodeId,
    public disk: GroupRecord,
  ) {}

  /** This machine's clock has an origin that nobody else shares. */
  get clock(): number {
    return (this.id === 'a' ? 10_000 : 70_000) + this.world.now;
  }

  get live(): GroupState {
    if (this.state === undefined) throw new Error(`node ${this.id} has never been started`);
    return this.state;
  }

  get gate(): GroupGate {
    return this.live.gate;
  }

  get isOpen(): boolean {
    return this.isRunning && this.gate.host === 'open';
  }

  get mayAcknowledgeAlone(): boolean {
    return this.isOpen && (this.gate.legs === 'own' || this.gate.legs === 'own-and-target');
  }

  introduction(): GroupIntroduction {
    return introduceGroup(this.live);
  }

  start(): void {
    this.incarnation += 1;
    this.isRunning = true;
    this.sequence = 0;
    this.waiting = [];
    this.syncing = false;
    this.resync = undefined;
    this.draining = undefined;
    const options = this.world.optionsOf(this);
    this.history.push({ options, at: this.clock, events: [] });
    this.state = this.world.policy.init(options, this.clock);
    this.world.log(`${this.id}: starts`);
    if (options.swapRecovery !== undefined)
      this.dispatch({
        kind: 'part',
        policy: 'swap-recovery',
        fact: { kind: 'members-changed', volumes: 2, mirrored: 2 },
      });
    this.dispatch({
      kind: 'part',
      policy: 'ttl-polarization',
      fact: { kind: 'initiators-changed', initiators: this.world.hosts[this.id] },
    });
  }

  /** The process ends. What was on its way to the disk may have arrived or not: `landed` decides. */
  crash(landed = false): void {
    if (!this.isRunning) return;
    const { saving } = this.live;
    if (landed && saving !== undefined) this.disk = structuredClone(saving.record);
    this.isRunning = false;
    this.world.log(`${this.id}: crashes`);
  }

  dispatch(fact: GroupFact): void {
    if (!this.isRunning) return;
    const before = this.live;
    const event = { ...fact, at: this.clock, sequence: (this.sequence += 1) };
    this.history.at(-1)?.events.push(event);
    const { state, effects } = this.world.policy.step(before, event);
    this.state = state;
    this.world.hasChanged = true;
    this.tell(before, state, effects);
    for (const effect of effects) {
      this.world.onEffect?.(this, effect);
      this.said.push(effect);
      this.waiting.push({ effect, after: new Set(effect.after ?? []) });
    }
    this.handOut();
    this.arm();
  }

  private tell(before: GroupState, state: GroupState, effects: readonly GroupEffect[]): void {
    const said = new Set<string>();
    for (const effect of effects) {
      const inner = effect.kind === 'part' ? effect.effect : effect;
      const who = effect.kind === 'part' ? `${effect.policy}: ` : '';
      if (inner.kind === 'report' && inner.level !== 'info')
        said.add(`${inner.level === 'alarm' ? 'ALARM ' : ''}${who}${explainGroup(effect)}`);
      if (inner.kind === 'answer') said.add(`${who}${inner.ok ? 'done' : 'refused'}: ${inner.detail}`);
    }
    const mode = state.polarization.mode;
    const changed =
      before.polarization.mode !== mode ||
      before.gate.host !== state.gate.host ||
      before.gate.epoch !== state.gate.epoch ||
      before.gate.ordersWrites !== state.gate.ordersWrites;
    const orders = state.gate.ordersWrites ? ', orders writes' : '';
    if (changed)
      this.world.log(
        `${this.id}: [${mode}, epoch ${String(state.record.epoch)}, hosts ${state.gate.host}${orders}]`,
      );
    for (const text of said) this.world.log(`${this.id}: ${text}`);
  }

  private handOut(): void {
    const ready = this.waiting.filter((entry) => entry.after.size === 0);
    this.waiting = this.waiting.filter((entry) => entry.after.size > 0);
    for (const { effect } of ready) this.perform(effect);
  }

  done(id: string): void {
    for (const entry of this.waiting) entry.after.delete(id);
    this.handOut();
  }

  later(delayMs: number, run: () => void): void {
    const life = this.incarnation;
    this.world.after(delayMs, () => {
      if (this.incarnation === life && this.isRunning) run();
    });
  }

  private perform(effect: GroupEffect): void {
    const { world } = this;
    switch (effect.kind) {
      case 'persist':
        this.persist(effect.id, structuredClone(effect.record));
        return;
      case 'set-gate':
        this.draining = undefined;
        this.done(effect.id);
        return;
      case 'send':
        world.send(this.id, effect.session, (session) => ({
          kind: 'peer-message',
          session,
          message: effect.message,
        }));
        this.done(effect.id);
        return;
      case 'report':
        this.done(effect.id);
        return;
      case 'part':
        this.performPart(effect);
    }
  }

  private persist(id: string, record: GroupRecord): void {
    this.later(this.persistMs ?? this.world.persistMs, () => {
      if (this.failWrites) {
        this.dispatch({ kind: 'persist-failed', effect: id, detail: 'the disk is full' });
        return;
      }
      if (record.epoch < this.disk.epoch)
        throw new Error(`node ${this.id}: epoch ${String(this.disk.epoch)} then ${String(record.epoch)}`);
      this.disk = record;
      this.done(id);
      this.dispatch({ kind: 'persisted', effect: id });
    });
  }

  private performPart(effect: GroupPartEffect): void {
    perform(this, effect);
    if (effect.effect.kind !== 'ask-witness') this.done(effect.id);
  }

  get peer(): TestNode {
    return this.world.nodes[other(this.id)];
  }

  private arm(): void {
    const token = (this.wakeToken += 1);
    const at = this.world.policy.wakeAt(this.live);
    if (at === undefined) return;
    this.later(Math.max(0, at - this.clock), () => {
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
