import { effectId } from '../../kernel/effect-id.js';
import type { EffectId, Step } from '../../kernel/policy.js';
import type { Millis } from '../../kernel/time.js';
import { gateFor, sameGate } from './gate.js';
import type { LatencyFailbackReason } from './reasons.js';
import type { AbsorbedBecause, AfterSave, LatencyFailbackState } from './state.js';
import type { FailbackPhase, FailbackRecord, LatencyFailbackEffect } from './types.js';

type Wish<Effect> = Effect extends LatencyFailbackEffect ? Omit<Effect, 'id' | 'because' | 'after'> : never;

/** One event being handled: the state so far and the wishes so far. Lives within one call of `step`. */
export class FailbackTurn {
  state: LatencyFailbackState;
  /** A window was closed by this event: the only moment at which latencies decide. */
  windowClosed = false;
  readonly effects: LatencyFailbackEffect[] = [];
  private readonly sequence: number;

  constructor(state: LatencyFailbackState, event: { readonly at: Millis; readonly sequence: number }) {
    this.state = { ...state, now: Math.max(state.now, event.at) };
    this.sequence = event.sequence;
  }

  get at(): Millis {
    return this.state.now;
  }

  patch(change: Partial<LatencyFailbackState>): void {
    this.state = { ...this.state, ...change };
  }

  wish(
    wish: Wish<LatencyFailbackEffect>,
    because: LatencyFailbackReason,
    after: readonly EffectId[] = [],
  ): EffectId {
    const id = effectId(this.state.self, this.sequence, this.effects.length);
    this.effects.push({ ...wish, id, because, ...(after.length === 0 ? {} : { after }) });
    return id;
  }

  report(level: 'info' | 'warning' | 'alarm', because: LatencyFailbackReason): void {
    this.wish({ kind: 'report', level }, because);
  }

  answer(commandId: string, command: string, ok: boolean, detail: string): void {
    this.wish({ kind: 'answer', commandId, ok, detail }, { kind: 'command', command, detail });
  }

  /** A fact that fits nothing: nothing happens but that it is counted. */
  absorb(because: AbsorbedBecause): void {
    const { absorbed } = this.state;
    this.patch({ absorbed: { ...absorbed, [because]: (absorbed[because] ?? 0) + 1 } });
  }

  enter(phase: FailbackPhase): void {
    this.patch({ phase });
  }

  /** Sets the gate that the state asks for, unless it stands already. */
  setGate(because?: LatencyFailbackReason, after: readonly EffectId[] = []): void {
    const gate = gateFor(this.state);
    if (sameGate(gate, this.state.gate)) return;
    const why = because ?? { kind: 'phase', phase: this.state.phase, epoch: gate.epoch };
    this.wish({ kind: 'set-gate', gate }, why, after);
    this.patch({ gate });
  }

  /** Writes a record down, after the one that is on its way. */
  save(record: FailbackRecord, then: AfterSave, because: LatencyFailbackReason): EffectId | undefined {
    const { saving, queued } = this.state;
    if (saving === undefined) {
      const effect = this.wish({ kind: 'persist', record }, because);
      this.patch({ saving: { effect, record, then } });
      return effect;
    }
    // What an adopted epoch leads to must not be forgotten because something smaller was noted after it.
    this.patch({ queued: { record, because, then: queued?.then === 'adopted' ? 'adopted' : then } });
    return undefined;
  }

  end(): Step<LatencyFailbackState, LatencyFailbackEffect> {
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
