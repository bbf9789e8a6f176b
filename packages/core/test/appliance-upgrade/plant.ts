import {
  applianceUpgrade,
  applianceUpgradeDefaults,
  type ApplianceUpgradeOptions,
  type ApplianceUpgradeState,
  type UpgradeAppliance,
  type UpgradeCommand,
  type UpgradeEffect,
  type UpgradeEvent,
  type UpgradePlan,
  type UpgradeRecord,
} from '../../src/index.js';

type Policy = typeof applianceUpgrade;
type Fact = UpgradeEvent extends infer Event
  ? Event extends UpgradeEvent
    ? Omit<Event, 'at' | 'sequence'>
    : never
  : never;
type Run = Extract<UpgradeEffect, { kind: 'run' }>;

export interface PlantOptions {
  readonly policy?: Policy;
  readonly options?: Partial<ApplianceUpgradeOptions>;
  readonly plan?: Partial<UpgradePlan>;
  /** Bytes that the first appliance's users write per second. */
  readonly writesPerSecond?: number;
  readonly linkBytesPerSecond?: number;
}

/** What a step does instead of succeeding, the next so many times. */
export interface Trouble {
  readonly step: string;
  readonly what:
    'retry' | 'partial-replica' | 'parent-missing' | 'final' | 'silent' | 'crash-before' | 'crash-after';
  times: number;
}

/** Two appliances with volumes, an identity that is fenced by a number, and users who write: what the policy is judged by. */
export class Plant {
  now = 0;
  readonly lines: string[] = [];
  readonly ran: string[] = [];
  readonly troubles: Trouble[] = [];
  readonly plan: UpgradePlan;
  state: ApplianceUpgradeState;
  durable: UpgradeRecord | undefined;
  /** Content of each volume: lines that somebody wrote. */
  readonly first = new Map<string, readonly string[]>();
  readonly second = new Map<string, readonly string[]>();
  readonly snapshots = new Map<string, readonly string[]>();
  baseline = '';
  serves = { first: true, second: false };
  lost = { first: false, second: false };
  identity = { owner: 'first' as UpgradeAppliance, epoch: 1 };
  highlyAvailable = true;
  locked = false;
  lockedByOther = false;
  verified = false;
  isPartitioned = false;
  diskFails = false;
  /** Number of the effect at which the orchestrator dies, before or after it is carried out. */
  crashAt: { readonly index: number; readonly moment: 'before' | 'after' } | undefined;
  effects = 0;
  crashes = 0;
  private incarnation = 0;
  private sequence = 0;
  private pendingBytes = 0;
  private readonly done = new Set<string>();
  private readonly failed = new Set<string>();
  private readonly queue: {
    readonly at: number;
    readonly order: number;
    readonly life: number;
    readonly run: () => void;
  }[] = [];
  private order = 0;
  private readonly given: PlantOptions;
  private readonly policy: Policy;

  constructor(given: PlantOptions = {}) {
    this.given = given;
    this.policy = given.policy ?? applianceUpgrade;
    this.plan = {
      upgradeId: 'u1',
      fromVersion: '8.0',
      toVersion: '9.0',
      volumes: ['db', 'conf'],
      scripts: ['add-column'],
      isHighlyAvailable: false,
      ...given.plan,
    };
    for (const volume of this.plan.volumes) this.first.set(volume, ['as it was']);
    this.highlyAvailable = this.plan.isHighlyAvailable;
    this.baseline = this.contents();
    this.state = this.boot();
  }

  contents(): string {
    return JSON.stringify([...this.first]);
  }

  command(command: UpgradeCommand): void {
    this.dispatch({ kind: 'command', commandId: `c${String(this.sequence)}`, command });
  }

  start(plan = this.plan): void {
    this.command({ kind: 'start', plan });
  }

  crash(): void {
    this.crashes += 1;
    this.lines.push(`${this.clock()} the orchestrator dies and starts anew`);
    this.state = this.boot();
  }

  pass(durationMs: number): void {
    const untilAt = this.now + durationMs;
    for (let turns = 0; turns < 20_000; turns += 1) {
      this.queue.sort((one, other) => one.at - other.at || one.order - other.order);
      const [first] = this.queue;
      const wakeAt = this.policy.wakeAt(this.state);
      const isTick = wakeAt !== undefined && (first === undefined || wakeAt < first.at);
      const at = isTick ? wakeAt : first?.at;
      if (at === undefined || at > untilAt) break;
      this.elapse(Math.max(this.now, at));
      if (isTick) this.dispatch({ kind: 'tick' });
      else this.queue.shift()?.run();
    }
    this.elapse(untilAt);
  }

  lose(appliance: UpgradeAppliance): void {
    this.lost[appliance] = true;
    this.serves[appliance] = false;
    this.dispatch({ kind: 'appliance-lost', appliance });
  }

  dispatch(fact: Fact): void {
    this.sequence += 1;
    const event = { ...fact, at: this.now, sequence: this.sequence } as UpgradeEvent;
    const { state, effects } = this.policy.step(this.state, event);
    this.state = state;
    for (const invariant of this.policy.invariants) {
      const broken = invariant.check(state);
      if (broken !== undefined) throw new Error(`${invariant.name}: ${broken}`);
    }
    const life = this.incarnation;
    for (const effect of effects) if (life === this.incarnation) this.carryOut(effect);
  }

  where(): string {
    const of = (appliance: UpgradeAppliance): string =>
      `${appliance} ${this.lost[appliance] ? 'is lost' : this.serves[appliance] ? 'serves' : 'does not serve'}`;
    const bytes = this.contents() === this.baseline ? 'to the byte what it was' : 'not what it was';
    return [
      `${of('first')}, ${of('second')}; the identity is with the ${this.identity.owner} (epoch ${String(this.identity.epoch)})`,
      `the first appliance is ${bytes}; end: ${this.state.record?.end ?? 'none yet'}`,
    ].join('\n');
  }

  private boot(): ApplianceUpgradeState {
    this.incarnation += 1;
    this.sequence = 0;
    const options: ApplianceUpgradeOptions = {
      ...applianceUpgradeDefaults,
      groupId: 'g',
      nodeId: 'lcm',
      incarnation: this.incarnation,
      ...this.given.options,
      ...(this.durable === undefined ? {} : { record: this.durable }),
    };
    return this.policy.init(options, this.now);
  }

  private clock(): string {
    return (Math.round(this.now) / 1_000).toFixed(3).padStart(10);
  }

  private elapse(at: number): void {
    const seconds = (at - this.now) / 1_000;
    this.now = at;
    if (this.serves.first) this.pendingBytes += seconds * (this.given.writesPerSecond ?? 1_000);
  }

  private later(delayMs: number, run: () => void): void {
    this.order += 1;
    const life = this.incarnation;
    this.queue.push({ at: this.now + delayMs, order: this.order, life, run });
  }

  private carryOut(effect: UpgradeEffect): void {
    const { after = [] } = effect;
    if (after.some((id) => this.failed.has(id))) {
      this.failed.add(effect.id);
      return;
    }
    const life = this.incarnation;
    if (!after.every((id) => this.done.has(id))) {
      this.later(1, () => {
        if (life === this.incarnation) this.carryOut(effect);
      });
      return;
    }
    this.effects += 1;
    const isCrash = this.crashAt?.index === this.effects;
    if (isCrash && this.crashAt?.moment === 'before') {
      this.crash();
      return;
    }
    if (effect.kind !== 'persist') {
      const what =
        effect.kind === 'run' ? 'run' : effect.kind === 'report' ? `report (${effect.level})` : effect.kind;
      this.lines.push(`${this.clock()} ${what}: ${this.policy.explain(effect)}`);
    }
    if (effect.kind === 'persist') {
      if (isCrash) this.durable = effect.record;
      else this.later(2, () => this.persist(effect, life));
    }
    if (effect.kind === 'run') this.later(10, () => this.run(effect, life));
    if (isCrash) this.crash();
  }

  private persist(effect: Extract<UpgradeEffect, { kind: 'persist' }>, life: number): void {
    if (life !== this.incarnation) return;
    if (this.diskFails) {
      this.failed.add(effect.id);
      this.dispatch({ kind: 'persist-failed', effect: effect.id, detail: 'EIO' });
      return;
    }
    this.durable = effect.record;
    this.done.add(effect.id);
    this.dispatch({ kind: 'persisted', effect: effect.id });
  }

  private run(effect: Run, life: number): void {
    const step = effect.subject === undefined ? effect.action : `${effect.action}:${effect.subject}`;
    const trouble = this.troubles.find((one) => one.step === step && one.times > 0);
    const isOfSecond = step.endsWith('-second') || step === 'verify-replica';
    const isUnreachable = this.isPartitioned && isOfSecond && step !== 'fence-second';
    const isDead =
      (isOfSecond && this.lost.second && step !== 'discard-second') ||
      (/-first|^revert|^expand/.test(step) && this.lost.first);
    if (trouble !== undefined) trouble.times -= 1;
    if (trouble?.what === 'crash-before') {
      this.crash();
      return;
    }
    if (trouble?.what === 'silent' || isUnreachable) return;
    const answer = (fact: Fact): void => {
      if (life === this.incarnation) this.dispatch(fact);
    };
    if (isDead || (trouble !== undefined && trouble.what !== 'crash-after')) {
      const cause = trouble === undefined || trouble.what === 'crash-after' ? 'retry' : trouble.what;
      if (step.startsWith('expand')) this.touch('half of a script');
      answer({ kind: 'step-failed', effect: effect.id, cause, detail: isDead ? 'it is lost' : 'it failed' });
      return;
    }
    this.ran.push(step);
    const moved = this.act(effect);
    if (trouble?.what === 'crash-after') {
      this.crash();
      return;
    }
    if (moved === 'refused') {
      answer({ kind: 'step-failed', effect: effect.id, cause: 'final', detail: 'somebody else has it' });
      return;
    }
    const tookMs = moved === 0 ? 1 : (moved / (this.given.linkBytesPerSecond ?? 100_000_000)) * 1_000;
    this.later(tookMs, () => answer({ kind: 'step-done', effect: effect.id, movedBytes: moved, tookMs }));
  }

  private touch(line: string): void {
    for (const [volume, content] of this.first) this.first.set(volume, [...content, line]);
  }

  private act({ action, subject = '', identityEpoch }: Run): number | 'refused' {
    switch (action) {
      case 'take-lock':
        if (this.lockedByOther) return 'refused';
        this.locked = true;
        return 0;
      case 'release-lock':
        this.locked = false;
        return 0;
      case 'snapshot':
        for (const [volume, content] of this.first) {
          if (!this.snapshots.has(volume)) this.snapshots.set(volume, content);
        }
        return 0;
      case 'sync-base':
        this.second.set(subject, this.snapshots.get(subject) ?? []);
        return 1_000_000;
      case 'expand':
        if (!this.snapshots.has('db')) throw new Error('expanded without a snapshot');
        // A script that is told again finishes what it has left half done.
        for (const [volume, content] of this.first) {
          const whole = content.filter((line) => line !== 'half of a script' && line !== subject);
          this.first.set(volume, [...whole, subject]);
        }
        return 0;
      case 'send-delta':
      case 'send-final-delta':
        return this.copy();
      case 'undeploy-ha':
        this.highlyAvailable = false;
        return 0;
      case 'redeploy-ha':
        this.highlyAvailable = true;
        return 0;
      case 'quiesce-first':
      case 'stop-first':
        if (this.serves.first && action === 'quiesce-first') this.touch('the last write');
        this.serves.first = false;
        return 0;
      case 'verify-replica':
        this.verified = JSON.stringify([...this.second]) === this.contents();
        return this.verified ? 0 : 'refused';
      case 'take-identity':
      case 'return-identity':
        if (identityEpoch <= this.identity.epoch) return 'refused';
        this.identity = { owner: action === 'take-identity' ? 'second' : 'first', epoch: identityEpoch };
        return 0;
      default:
        return this.serve(action, subject, identityEpoch);
    }
  }

  private serve(action: Run['action'], subject: string, identityEpoch: number): number {
    switch (action) {
      case 'start-second':
        if (identityEpoch < this.identity.epoch) return 0;
        if (!this.verified) throw new Error('the second appliance starts on a replica that is not verified');
        this.begin('second');
        return 0;
      case 'stop-second':
      case 'fence-second':
      case 'discard-second':
        this.serves.second = false;
        return 0;
      case 'start-first':
        this.begin('first');
        return 0;
      case 'revert-volume':
        if (this.serves.first) throw new Error('a volume is exchanged under running services');
        this.first.set(subject, this.snapshots.get(subject) ?? []);
        return 0;
      case 'contract-first':
        for (const [volume, content] of this.first) {
          const added = new Set([...this.plan.scripts, 'half of a script']);
          this.first.set(
            volume,
            content.filter((line) => !added.has(line)),
          );
        }
        return 0;
      case 'discard-snapshots':
      case 'clean-up':
        this.snapshots.clear();
        return 0;
      default:
        return 0;
    }
  }

  /** D1: never both, and only with the identity. */
  private begin(appliance: UpgradeAppliance): void {
    const other = appliance === 'first' ? 'second' : 'first';
    if (this.serves[other]) throw new Error('both appliances serve');
    if (this.identity.owner !== appliance)
      throw new Error(`the ${appliance} appliance starts without the identity`);
    this.serves[appliance] = true;
  }

  private copy(): number {
    for (const [volume, content] of this.first) this.second.set(volume, content);
    const moved = Math.round(this.pendingBytes);
    this.pendingBytes = 0;
    return moved;
  }
}
