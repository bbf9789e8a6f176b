import { effectId } from '../../kernel/effect-id.js';
import type { EffectId, Step } from '../../kernel/policy.js';
import type { Millis } from '../../kernel/time.js';
import type { UpgradeReason } from './reasons.js';
import type { ApplianceUpgradeState } from './state.js';
import type { UpgradeEffect, UpgradeRecord } from './types.js';

type Wish<Effect> = Effect extends UpgradeEffect ? Omit<Effect, 'id' | 'because' | 'after'> : never;
type Change<State> = { readonly [Key in keyof State]?: State[Key] | undefined };

/** One event being handled: the state so far and the wishes so far. Lives within one call of `step`. */
export class UpgradeTurn {
  state: ApplianceUpgradeState;
  readonly effects: UpgradeEffect[] = [];
  private readonly sequence: number;

  constructor(state: ApplianceUpgradeState, event: { readonly at: Millis; readonly sequence: number }) {
    this.state = { ...state, now: Math.max(state.now, event.at) };
    this.sequence = event.sequence;
  }

  get at(): Millis {
    return this.state.now;
  }

  patch(change: Change<ApplianceUpgradeState>): void {
    const next = { ...this.state, ...change };
    for (const key of Object.keys(next) as (keyof ApplianceUpgradeState)[]) {
      if (next[key] === undefined) Reflect.deleteProperty(next, key);
    }
    // Keys that are undefined were taken away just now: JSON has no such thing.
    this.state = next as ApplianceUpgradeState;
  }

  record(change: Partial<UpgradeRecord>): void {
    const { record } = this.state;
    if (record !== undefined) this.patch({ record: { ...record, ...change } });
  }

  ignore(kind: string): void {
    const { ignored } = this.state;
    this.patch({ ignored: { ...ignored, [kind]: (ignored[kind] ?? 0) + 1 } });
  }

  wish(wish: Wish<UpgradeEffect>, because: UpgradeReason, after: readonly EffectId[] = []): EffectId {
    const { groupId, nodeId, incarnation } = this.state.options;
    const id = effectId({ groupId, nodeId, incarnation }, this.sequence, this.effects.length);
    this.effects.push({ ...wish, id, because, ...(after.length === 0 ? {} : { after }) });
    return id;
  }

  report(level: 'info' | 'warning' | 'alarm', because: UpgradeReason): void {
    this.wish({ kind: 'report', level }, because);
  }

  /** Writes the record down; what begins now waits for it. */
  save(step: string): EffectId {
    const { record } = this.state;
    if (record === undefined) throw new TypeError('There is no upgrade to write down.');
    const because = { kind: 'record', step, direction: record.direction } as const;
    const unsaved = this.wish({ kind: 'persist', record }, because);
    this.patch({ unsaved, persistRetryAt: undefined });
    return unsaved;
  }

  end(): Step<ApplianceUpgradeState, UpgradeEffect> {
    return { state: this.state, effects: this.effects };
  }
}
