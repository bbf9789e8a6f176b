import {
  freshPoolDevicesRecord,
  poolDevices,
  type PoolDevicesCommand,
  type PoolDevicesEffect,
  type PoolDevicesEvent,
  type PoolDevicesFact,
  type PoolDevicesOptions,
  type PoolDevicesRecord,
  type PoolDevicesRefusal,
  type PoolDevicesState,
} from '../../src/index.js';
import { claimAt, execute, rehearse, releaseAt, viewOf, type Lab } from './lab.js';

/** What shall happen to the next command of a kind. */
export type Fault =
  | { readonly kind: 'refuse'; readonly refusal: PoolDevicesRefusal }
  | { readonly kind: 'unknown'; readonly applied: boolean }
  /** The controller ends right after the command was sent. */
  | { readonly kind: 'crash'; readonly applied: boolean }
  | { readonly kind: 'slow'; readonly forMs: number };

/** Milliseconds that things take here. */
const took = { persist: 1, claim: 2, inspect: 5, rehearse: 20, 'remove-unit': 68, 'add-unit': 93, other: 30 };

export interface BenchOptions {
  readonly policy?: typeof poolDevices;
  readonly options?: Partial<PoolDevicesOptions>;
  readonly nodeId?: string;
}

/** One controller after another over a lab, on a virtual clock: the driver's law in a few lines. */
export class Bench {
  now = 0;
  state: PoolDevicesState | undefined;
  disk: PoolDevicesRecord = freshPoolDevicesRecord('estate');
  incarnation = 0;
  readonly lines: string[] = [];
  readonly faults: { readonly command: PoolDevicesCommand['kind']; readonly fault: Fault }[] = [];
  /** The next writes of the record that fail. */
  failingPersists = 0;
  registryAway = false;
  /** What the next dry runs say beside what they find. */
  rehearsalRefusals: readonly PoolDevicesRefusal[] = [];
  /** Options and events of every life, for replays. */
  readonly lives: {
    readonly options: PoolDevicesOptions;
    readonly at: number;
    readonly events: PoolDevicesEvent[];
  }[] = [];
  /** Called after every change of the lab. */
  watch: () => void = () => undefined;
  /** Crash just before the effect of this number is carried out, counted over all lives. */
  crashAt: { readonly effect: number; readonly applied: boolean } | undefined;
  effects = 0;
  private readonly policy: typeof poolDevices;
  private queue: {
    readonly at: number;
    readonly order: number;
    readonly life: number;
    readonly run: () => void;
  }[] = [];
  private order = 0;
  private sequence = 0;
  private waiting: { readonly effect: PoolDevicesEffect; readonly after: Set<string> }[] = [];
  /** When each appliance has carried out everything it was sent: a view is taken after that. */
  private readonly busyUntil = new Map<string, number>();

  constructor(
    readonly lab: Lab,
    private readonly settings: BenchOptions = {},
  ) {
    this.policy = settings.policy ?? poolDevices;
  }

  get isRunning(): boolean {
    return this.state !== undefined;
  }

  start(): void {
    this.incarnation += 1;
    this.sequence = 0;
    this.waiting = [];
    const options: PoolDevicesOptions = {
      groupId: 'estate',
      nodeId: this.settings.nodeId ?? 'controller',
      incarnation: this.incarnation,
      appliances: this.lab.appliances,
      record: this.disk,
      ...this.settings.options,
    };
    this.lives.push({ options, at: this.now, events: [] });
    this.state = this.policy.init(options, this.now);
    this.say('the controller starts');
    this.dispatch({ kind: 'tick' });
  }

  crash(): void {
    if (this.state === undefined) return;
    this.state = undefined;
    this.say('the controller dies');
  }

  dispatch(fact: PoolDevicesFact): void {
    if (this.state === undefined) return;
    const event = { ...fact, at: this.now, sequence: (this.sequence += 1) };
    this.lives.at(-1)?.events.push(event);
    const { state, effects } = this.policy.step(this.state, event);
    this.state = state;
    for (const invariant of this.policy.invariants) {
      const broken = invariant.check(state);
      if (broken !== undefined) throw new Error(`${invariant.name}: ${broken}`);
    }
    for (const effect of effects) this.waiting.push({ effect, after: new Set(effect.after ?? []) });
    this.handOut();
  }

  private handOut(): void {
    for (;;) {
      const index = this.waiting.findIndex(({ after }) => after.size === 0);
      const [entry] = index < 0 ? [] : this.waiting.splice(index, 1);
      if (entry === undefined) return;
      this.effects += 1;
      if (this.crashAt?.effect === this.effects) {
        if (this.crashAt.applied) this.perform(entry.effect);
        this.crash();
        return;
      }
      this.perform(entry.effect);
      if (this.state === undefined) return;
    }
  }

  private later(delayMs: number, run: () => void, life = this.incarnation): void {
    this.queue.push({ at: this.now + delayMs, order: (this.order += 1), life, run });
  }

  /** An answer to the life that asked. */
  private answer(delayMs: number, fact: () => PoolDevicesFact): void {
    const life = this.incarnation;
    this.later(delayMs, () => {
      if (this.incarnation === life) this.dispatch(fact());
    });
  }

  private perform(effect: PoolDevicesEffect): void {
    const { id } = effect;
    switch (effect.kind) {
      case 'persist':
        this.persist(id, effect.record);
        break;
      case 'answer':
        this.say(`${effect.accepted ? 'accepted' : 'refused'}: ${this.policy.explain(effect)}`);
        break;
      case 'report':
        this.say(`${effect.level === 'info' ? '' : `${effect.level}: `}${this.policy.explain(effect)}`);
        break;
      case 'inspect': {
        const start = Math.max(this.now, this.busyUntil.get(effect.appliance) ?? 0);
        this.answer(start - this.now + took.inspect, () => {
          const view = viewOf(this.lab, effect.appliance);
          return view === undefined
            ? { kind: 'inspect-failed', effect: id, detail: 'no answer' }
            : { kind: 'inspected', effect: id, view };
        });
        break;
      }
      case 'claim':
        this.answer(took.claim, () => {
          if (this.registryAway)
            return { kind: 'claim-failed', effect: id, detail: 'the registry does not answer' };
          const { kind, ...answer } = claimAt(this.lab, effect.jobId, effect.resources);
          const all = { owners: [], resource: '', holder: '', ...answer };
          return kind === 'granted'
            ? { kind: 'claim-granted', effect: id, owners: all.owners }
            : { kind: 'claim-refused', effect: id, resource: all.resource, holder: all.holder };
        });
        break;
      case 'release':
        this.answer(took.claim, () => {
          if (this.registryAway)
            return { kind: 'release-failed', effect: id, detail: 'the registry does not answer' };
          releaseAt(this.lab, effect.jobId, effect.owners);
          this.watch();
          return { kind: 'released', effect: id };
        });
        break;
      case 'rehearse':
        this.answer(took.rehearse, () => ({
          kind: 'rehearsed',
          effect: id,
          refusals: [...rehearse(this.lab, effect.at, effect.units), ...this.rehearsalRefusals],
        }));
        break;
      case 'command':
        this.command(id, effect.command, this.policy.explain(effect));
        break;
    }
  }

  private persist(id: string, record: PoolDevicesRecord): void {
    const life = this.incarnation;
    const isFailing = this.failingPersists > 0;
    if (isFailing) this.failingPersists -= 1;
    this.later(took.persist, () => {
      if (!isFailing && this.incarnation === life) this.disk = structuredClone(record);
      if (this.incarnation !== life || this.state === undefined) return;
      if (isFailing) {
        this.waiting = this.waiting.filter(({ after }) => !after.has(id));
        this.dispatch({ kind: 'persist-failed', effect: id, detail: 'no space left' });
        return;
      }
      for (const { after } of this.waiting) after.delete(id);
      this.dispatch({ kind: 'persisted', effect: id });
      this.handOut();
    });
  }

  private command(id: string, command: PoolDevicesCommand, why: string): void {
    this.say(`-> ${why}`);
    const index = this.faults.findIndex((each) => each.command === command.kind);
    const [planned] = index < 0 ? [] : this.faults.splice(index, 1);
    const fault = planned?.fault;
    const appliance = command.kind === 'clear-label' ? command.appliance : command.at.appliance;
    const usual =
      command.kind === 'remove-unit' || command.kind === 'add-unit' ? took[command.kind] : took.other;
    const forMs = fault?.kind === 'slow' ? fault.forMs : usual;
    const start = Math.max(this.now, this.busyUntil.get(appliance) ?? 0);
    this.busyUntil.set(appliance, start + forMs);
    const life = this.incarnation;
    this.later(start - this.now + forMs, () => {
      const fact = this.outcome(id, command, fault);
      this.watch();
      if (this.incarnation === life) this.dispatch(fact);
    });
    if (fault?.kind === 'slow')
      this.answer(forMs / 2, () => ({ kind: 'command-progress', effect: id, donePercent: 50 }));
    if (fault?.kind === 'crash') this.crash();
  }

  private outcome(id: string, command: PoolDevicesCommand, fault: Fault | undefined): PoolDevicesFact {
    if (fault?.kind === 'refuse') {
      this.say(`   refused: ${fault.refusal.code}: ${fault.refusal.detail}`);
      return { kind: 'command-refused', effect: id, refusal: fault.refusal };
    }
    const isApplied = fault === undefined || fault.kind === 'slow' || fault.applied;
    const refusal = isApplied ? execute(this.lab, command) : undefined;
    if (fault?.kind === 'unknown' || fault?.kind === 'crash') {
      this.say('   the appliance loses its connection');
      return { kind: 'command-unknown', effect: id, detail: 'connection lost' };
    }
    if (refusal === undefined) return { kind: 'command-done', effect: id };
    this.say(`   refused: ${refusal.code}: ${refusal.detail}`);
    return { kind: 'command-refused', effect: id, refusal };
  }

  /** Lets that much time pass; without a number, what happens within 20 seconds, and no longer. */
  run(forMs?: number): void {
    const end = this.now + (forMs ?? 20_000);
    for (;;) {
      const wakeAt = this.state === undefined ? undefined : this.policy.wakeAt(this.state);
      this.queue.sort((one, other) => one.at - other.at || one.order - other.order);
      const [next] = this.queue;
      const at = Math.min(next?.at ?? Infinity, wakeAt ?? Infinity);
      if (at > end) {
        if (forMs !== undefined) this.now = end;
        break;
      }
      this.now = Math.max(this.now, at);
      if (next !== undefined && next.at <= this.now) {
        this.queue.shift();
        next.run();
      } else {
        this.dispatch({ kind: 'tick' });
      }
    }
  }

  say(text: string): void {
    this.lines.push(`+${String(Math.round(this.now))}ms ${text}`);
  }
}
