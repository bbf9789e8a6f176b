import { assert } from '../kernel/assert.js';
import { effectId } from '../kernel/effect-id.js';
import type { EffectId, Step } from '../kernel/policy.js';
import type { Millis } from '../kernel/time.js';
import type { LatencyFailbackFact } from '../policies/latency-failback/index.js';
import type { MediatorFallbackFact } from '../policies/mediator-fallback/index.js';
import type { PlannedFailoverFact } from '../policies/planned-failover/index.js';
import type { SwapRecoveryFact } from '../policies/swap-recovery/index.js';
import type { PolarizationFact } from '../policies/ttl-polarization/index.js';
import { gateFor, sameGroupGate } from './gate.js';
import type { GroupReason } from './reasons.js';
import type { GroupRecord } from './record.js';
import { wantedRecordOf, type GroupAwaiting, type GroupState } from './state.js';
import type { GroupEffect, GroupGate, GroupPartEffect, GroupPolicyName } from './types.js';

/** A fact on its way to one policy, within one step. */
export type Delivery =
  | { readonly policy: 'ttl-polarization'; readonly fact: PolarizationFact }
  | { readonly policy: 'mediator-fallback'; readonly fact: MediatorFallbackFact }
  | { readonly policy: 'swap-recovery'; readonly fact: SwapRecoveryFact }
  | { readonly policy: 'planned-failover'; readonly fact: PlannedFailoverFact }
  | { readonly policy: 'latency-failback'; readonly fact: LatencyFailbackFact };

/**
 * Deliveries within one step, at most: what one policy's wish means to the others is told them in the same step, and that has to end.
 * The explored and simulated groups never need more than a third of it.
 */
export const DELIVERIES_LIMIT = 96;

type Wish<Effect> = Effect extends GroupEffect ? Omit<Effect, 'id' | 'because' | 'after'> : never;
type OwnEffect = Exclude<GroupEffect, { kind: 'part' }>;

/** One event being handled: the state so far, the wishes so far, and what the policies are still to be told. */
export class GroupTurn {
  state: GroupState;
  readonly effects: GroupEffect[] = [];
  private readonly queue: Delivery[] = [];
  private readonly sequence: number;
  /** Under which ids a policy's record and gate went out: for wishes that wait for them. */
  private renamed: Map<string, EffectId> | undefined;
  private delivered = 0;
  /** Sequence of the newest delivery, over this life. */
  deliveries: number;
  private own = 0;
  private lastGate: { readonly gate: GroupGate; readonly id: EffectId } | undefined;
  /** The gate that was set last in this step, after every wish to drain: it has ended them. */
  drainsEndedBy: EffectId | undefined;

  constructor(state: GroupState, event: { readonly at: Millis; readonly sequence: number }) {
    this.state = { ...state, now: Math.max(state.now, event.at) };
    this.sequence = event.sequence;
    this.deliveries = state.deliveries;
  }

  get at(): Millis {
    return this.state.now;
  }

  patch(change: Partial<GroupState>): void {
    const next = { ...this.state, ...change };
    this.state = isPlain(change) ? next : plain(next);
  }

  tell(delivery: Delivery): void {
    this.queue.push(delivery);
  }

  /** The next fact for a policy that is there; undefined when all has been said. */
  next(): Delivery | undefined {
    const delivery = this.queue.shift();
    if (delivery === undefined) return undefined;
    this.delivered += 1;
    assert(this.delivered <= DELIVERIES_LIMIT, 'the policies of a group come to rest within one step');
    this.deliveries += 1;
    return delivery;
  }

  get hasMore(): boolean {
    return this.queue.length > 0;
  }

  wish(wish: Wish<OwnEffect>, because: GroupReason, after: readonly EffectId[] = []): EffectId {
    const id = this.nextId();
    this.effects.push({ ...wish, id, because, ...(after.length === 0 ? {} : { after }) });
    return id;
  }

  report(level: 'info' | 'warning' | 'alarm', because: GroupReason): void {
    this.wish({ kind: 'report', level }, because);
  }

  /** Lets a policy's wish out, under its policy's name. */
  pass(effect: GroupPartEffect): void {
    // A wish to drain holds hosts by itself, so the gate that follows it is set again.
    if (effect.effect.kind === 'drain' || effect.effect.kind === 'hold-io') {
      this.lastGate = undefined;
      this.drainsEndedBy = undefined;
    }
    this.effects.push(effect);
  }

  /** For a wish of a policy that the group repeats in its name. */
  nextId(): EffectId {
    const id = effectId(this.state.self, this.sequence, this.own);
    this.own += 1;
    return id;
  }

  /** The names that a policy's wish waits for, as they went out. What is done already needs no wait. */
  afterOf(policy: GroupPolicyName, after: readonly EffectId[] | undefined): readonly EffectId[] {
    return (after ?? []).flatMap((id) => this.renamed?.get(`${policy} ${id}`) ?? []);
  }

  rename(policy: GroupPolicyName, inner: EffectId, outer: EffectId): void {
    this.renamed ??= new Map();
    this.renamed.set(`${policy} ${inner}`, outer);
  }

  /** A policy's record becomes part of the next write. */
  write(record: GroupRecord, awaiting: readonly GroupAwaiting[], because: GroupReason): void {
    const before = this.state.draft?.awaiting ?? [];
    this.patch({ draft: { record, awaiting: [...before, ...awaiting], because } });
  }

  /** What the next write is based on. */
  get base(): GroupRecord {
    return wantedRecordOf(this.state);
  }

  /** A policy has set its gate, perhaps again, which ends a wish to drain: the group sets the one gate of all. */
  noteGate(policy: GroupPolicyName, inner: EffectId, because: GroupReason): void {
    const { gate } = gateFor(this.state);
    const isSet = this.lastGate !== undefined && sameGroupGate(this.lastGate.gate, gate);
    const id = isSet && this.lastGate !== undefined ? this.lastGate.id : this.setGate(gate, because);
    this.rename(policy, inner, id);
  }

  private setGate(gate: GroupGate, because: GroupReason): EffectId {
    const id = this.wish({ kind: 'set-gate', gate }, because);
    this.lastGate = { gate, id };
    this.drainsEndedBy = id;
    this.patch({ gate });
    return id;
  }

  /** At the end of a step: whatever has changed the gate by other ways than a policy's own wish. */
  settleGate(): void {
    const { gate, strictest } = gateFor(this.state);
    if (sameGroupGate(gate, this.state.gate)) return;
    this.setGate(gate, { kind: 'joined', host: gate.host, strictest });
  }

  absorb(what: string): void {
    const { absorbed } = this.state;
    this.patch({ absorbed: { ...absorbed, [what]: (absorbed[what] ?? 0) + 1 } });
  }

  /** A lineage that nobody else can choose; fault handling draws its own from the same seed without this mark. */
  drawLineage(epoch: number): string {
    const lineagesDrawn = this.state.lineagesDrawn + 1;
    this.patch({ lineagesDrawn });
    return `${this.state.self.lineageSeed}-${String(epoch)}-g${String(lineagesDrawn)}`;
  }

  end(): Step<GroupState, GroupEffect> {
    return { state: { ...this.state, deliveries: this.deliveries }, effects: this.effects };
  }
}

/**
 * Without keys that are undefined: JSON has no such thing, and a state must survive a round trip. The copy is built up rather than cut
 * down, since an object that a key was deleted from is slow to read for good.
 */
function plain<Fields extends object>(fields: Fields): Fields {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Fields;
}

function isPlain(change: Partial<GroupState>): boolean {
  for (const key in change) if (change[key as keyof GroupState] === undefined) return false;
  return true;
}
