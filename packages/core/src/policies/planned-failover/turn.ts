import { effectId } from '../../kernel/effect-id.js';
import type { EffectId, Step } from '../../kernel/policy.js';
import type { Millis } from '../../kernel/time.js';
import { gateFor, sameGate } from './gate.js';
import type { PlannedFailoverReason } from './reasons.js';
import type { PlannedFailoverSourceWork, PlannedFailoverState, PlannedFailoverTargetWork } from './state.js';
import type { PlannedFailoverEffect, PlannedFailoverMessage, PlannedFailoverRecord } from './types.js';

type Wish<Effect> = Effect extends PlannedFailoverEffect ? Omit<Effect, 'id' | 'because' | 'after'> : never;

/** One event being handled: the state so far and the wishes so far. Lives within one call of `step`. */
export class Turn {
  state: PlannedFailoverState;
  readonly effects: PlannedFailoverEffect[] = [];
  private readonly sequence: number;

  constructor(state: PlannedFailoverState, event: { readonly at: Millis; readonly sequence: number }) {
    this.state = { ...state, now: Math.max(state.now, event.at) };
    this.sequence = event.sequence;
  }

  get at(): Millis {
    return this.state.now;
  }

  patch(change: Partial<PlannedFailoverState>): void {
    this.state = { ...this.state, ...change };
  }

  patchSource(change: Partial<PlannedFailoverSourceWork>): void {
    const { source } = this.state;
    if (source !== undefined) this.patch({ source: { ...source, ...change } });
  }

  patchTarget(change: Partial<PlannedFailoverTargetWork>): void {
    const { target } = this.state;
    if (target !== undefined) this.patch({ target: { ...target, ...change } });
  }

  wish(
    wish: Wish<PlannedFailoverEffect>,
    because: PlannedFailoverReason,
    after: readonly EffectId[] = [],
  ): EffectId {
    const id = effectId(this.state.self, this.sequence, this.effects.length);
    this.effects.push({ ...wish, id, because, ...(after.length === 0 ? {} : { after }) });
    return id;
  }

  report(level: 'info' | 'warning' | 'alarm', because: PlannedFailoverReason): void {
    this.wish({ kind: 'report', level }, because);
  }

  send(message: PlannedFailoverMessage, because: PlannedFailoverReason): void {
    const { session } = this.state;
    if (session !== undefined) this.wish({ kind: 'send', session, message }, because);
  }

  answer(commandId: string, ok: boolean, detail: string, because: PlannedFailoverReason): void {
    this.wish({ kind: 'answer', commandId, ok, detail }, because);
  }

  /** Sets the gate that the state asks for, unless it stands already. Gives back its id when it was set. */
  setGate(because: PlannedFailoverReason, again = false): EffectId | undefined {
    const gate = gateFor(this.state);
    if (!again && sameGate(gate, this.state.gate)) return undefined;
    this.patch({ gate });
    return this.wish({ kind: 'set-gate', gate }, because);
  }

  /** Writes a record down. Callers look at `saving` first: only one is on its way. */
  save(record: PlannedFailoverRecord, because: PlannedFailoverReason): void {
    const effect = this.wish({ kind: 'persist', record }, because);
    this.patch({ saving: { effect, record, because } });
  }

  /** An event that fits nothing changes nothing. It is counted, and the first of its kind is told. */
  absorb(event: string, detail: string): void {
    const { absorbed } = this.state;
    const before = absorbed[event] ?? 0;
    this.patch({ absorbed: { ...absorbed, [event]: before + 1 } });
    if (before === 0) this.report('info', { kind: 'absorbed', event, detail });
  }

  end(): Step<PlannedFailoverState, PlannedFailoverEffect> {
    return { state: plain(this.state), effects: this.effects };
  }
}

/** Without keys that are undefined: JSON has no such thing, and a state must survive a round trip. */
function plain<Fields extends object>(fields: Fields): Fields {
  const copy = { ...fields };
  for (const key of Object.keys(copy) as (keyof Fields)[]) {
    if (copy[key] === undefined) Reflect.deleteProperty(copy, key);
  }
  return copy;
}
