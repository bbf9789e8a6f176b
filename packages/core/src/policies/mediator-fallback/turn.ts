import { effectId } from '../../kernel/effect-id.js';
import type { EffectId, Step } from '../../kernel/policy.js';
import type { Millis } from '../../kernel/time.js';
import type { MediatorFallbackReason } from './reasons.js';
import type { MediatorFallbackState, OpenFault, OpenProposal } from './state.js';
import type { MediatorFallbackEffect, MediatorFallbackMessage, MediatorFallbackRecord } from './types.js';

type Wish<Effect> = Effect extends MediatorFallbackEffect ? Omit<Effect, 'id' | 'because' | 'after'> : never;

/** Undefined takes a field away. */
type RecordChange = { readonly [Key in 'pending']?: MediatorFallbackRecord[Key] | undefined } & Partial<
  Omit<MediatorFallbackRecord, 'pending'>
>;

/** One event being handled: the state so far and the wishes so far. Lives within one call of `step`. */
export class Turn {
  state: MediatorFallbackState;
  readonly effects: MediatorFallbackEffect[] = [];
  private readonly sequence: number;

  constructor(state: MediatorFallbackState, event: { readonly at: Millis; readonly sequence: number }) {
    this.state = { ...state, now: Math.max(state.now, event.at) };
    this.sequence = event.sequence;
  }

  get at(): Millis {
    return this.state.now;
  }

  patch(change: Partial<MediatorFallbackState>): void {
    this.state = { ...this.state, ...change };
  }

  patchProposal(change: Partial<OpenProposal>): void {
    const { proposal } = this.state;
    if (proposal !== undefined) this.patch({ proposal: { ...proposal, ...change } });
  }

  patchFault(change: Partial<OpenFault>): void {
    const { fault } = this.state;
    if (fault !== undefined) this.patch({ fault: { ...fault, ...change } });
  }

  wish(wish: Wish<MediatorFallbackEffect>, because: MediatorFallbackReason): EffectId {
    const id = effectId(this.state.self, this.sequence, this.effects.length);
    this.effects.push({ ...wish, id, because });
    return id;
  }

  report(level: 'info' | 'warning' | 'alarm', because: MediatorFallbackReason): void {
    this.wish({ kind: 'report', level }, because);
  }

  send(to: string, message: MediatorFallbackMessage, because: MediatorFallbackReason): void {
    if (this.state.connected.includes(to)) this.wish({ kind: 'send', to, message }, because);
  }

  answer(commandId: string, command: string, ok: boolean, detail: string): void {
    this.wish({ kind: 'answer', commandId, ok, detail }, { kind: 'command', command, detail });
  }

  /** Writes a record down. Callers look at `saving` first: only one is on its way. */
  save(change: RecordChange, because: MediatorFallbackReason): void {
    const record = plain({ ...this.state.record, ...change } as MediatorFallbackRecord);
    const effect = this.wish({ kind: 'persist', record }, because);
    this.patch({ saving: { effect, record, because } });
  }

  /** An event that fits nothing changes nothing. It is counted, and the first of its kind is told. */
  absorb(event: string, detail: string): void {
    const before = this.state.absorbed[event] ?? 0;
    this.patch({ absorbed: { ...this.state.absorbed, [event]: before + 1 } });
    if (before === 0) this.report('info', { kind: 'absorbed', event, detail });
  }

  end(): Step<MediatorFallbackState, MediatorFallbackEffect> {
    return { state: plain(this.state), effects: this.effects };
  }
}

/** Without keys that are undefined: JSON has no such thing. */
export function plain<Fields extends object>(fields: Fields): Fields {
  const copy = { ...fields };
  for (const key of Object.keys(copy) as (keyof Fields)[]) {
    if (copy[key] === undefined) Reflect.deleteProperty(copy, key);
  }
  return copy;
}
