import { effectId } from '../../kernel/effect-id.js';
import type { EffectId, Step } from '../../kernel/policy.js';
import type { Millis } from '../../kernel/time.js';
import type { SwapRecoveryReason } from './reasons.js';
import type { SwapAbsorbed, SwapAfterSave, SwapRecoveryState } from './state.js';
import type { SwapPhase, SwapRecord, SwapRecoveryEffect } from './types.js';

type Wish<Effect> = Effect extends SwapRecoveryEffect ? Omit<Effect, 'id' | 'because' | 'after'> : never;

/** One event being handled: the state so far and the wishes so far. Lives within one call of `step`. */
export class SwapTurn {
  state: SwapRecoveryState;
  readonly effects: SwapRecoveryEffect[] = [];
  private readonly sequence: number;

  constructor(state: SwapRecoveryState, event: { readonly at: Millis; readonly sequence: number }) {
    this.state = { ...state, now: Math.max(state.now, event.at) };
    this.sequence = event.sequence;
  }

  get at(): Millis {
    return this.state.now;
  }

  patch(change: Partial<SwapRecoveryState>): void {
    this.state = { ...this.state, ...change };
  }

  wish(
    wish: Wish<SwapRecoveryEffect>,
    because: SwapRecoveryReason,
    after: readonly EffectId[] = [],
  ): EffectId {
    const id = effectId(this.state.self, this.sequence, this.effects.length);
    this.effects.push({ ...wish, id, because, ...(after.length === 0 ? {} : { after }) });
    return id;
  }

  report(level: 'info' | 'warning' | 'alarm', because: SwapRecoveryReason): void {
    this.wish({ kind: 'report', level }, because);
  }

  answer(commandId: string, command: string, ok: boolean, detail: string): void {
    this.wish({ kind: 'answer', commandId, ok, detail }, { kind: 'command', command, detail });
  }

  /** A fact that fits nothing: nothing happens but that it is counted. */
  absorb(because: SwapAbsorbed): void {
    const { absorbed } = this.state;
    this.patch({ absorbed: { ...absorbed, [because]: (absorbed[because] ?? 0) + 1 } });
  }

  enter(phase: SwapPhase): void {
    this.patch({ phase });
  }

  /** Writes a record down, after the one that is on its way. */
  save(record: SwapRecord, then: SwapAfterSave, because: SwapRecoveryReason): EffectId | undefined {
    const { saving, queued } = this.state;
    if (saving === undefined) {
      const effect = this.wish({ kind: 'persist', record }, because);
      this.patch({ saving: { effect, record, then } });
      return effect;
    }
    // What an awaited record leads to must not be forgotten because something smaller was noted after it.
    const keeps = then === 'nothing' || queued?.then === 'adopted';
    this.patch({ queued: { record, because, then: keeps ? (queued?.then ?? then) : then } });
    return undefined;
  }

  end(): Step<SwapRecoveryState, SwapRecoveryEffect> {
    return { state: plain(this.state), effects: this.effects };
  }
}

/** Without keys that are undefined: JSON has no such thing, and a state must survive a round trip. */
function plain<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const copy = { ...value };
  for (const key of Object.keys(copy) as (keyof Value)[]) {
    if (copy[key] === undefined) Reflect.deleteProperty(copy, key);
    else copy[key] = plain(copy[key]);
  }
  return copy;
}
