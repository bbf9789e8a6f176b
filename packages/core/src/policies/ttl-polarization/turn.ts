import { effectId } from '../../kernel/effect-id.js';
import type { EffectId, Step } from '../../kernel/policy.js';
import type { Millis } from '../../kernel/time.js';
import { gateFor, sameGate } from './gate.js';
import type { Because } from './reasons.js';
import type { Continuation, Operation, PolarizationState } from './state.js';
import type { NodeRecord, PolarizationEffect, PolarizationMessage } from './types.js';

type Wish<Effect> = Effect extends PolarizationEffect ? Omit<Effect, 'id' | 'because' | 'after'> : never;

/** One event being handled: the state so far and the wishes so far. Lives within one call of `step`. */
export class Turn {
  state: PolarizationState;
  readonly effects: PolarizationEffect[] = [];
  private readonly sequence: number;

  constructor(state: PolarizationState, event: { readonly at: Millis; readonly sequence: number }) {
    this.state = { ...state, now: Math.max(state.now, event.at) };
    this.sequence = event.sequence;
  }

  get at(): Millis {
    return this.state.now;
  }

  patch(change: Partial<PolarizationState>): void {
    this.state = { ...this.state, ...change };
  }

  wish(wish: Wish<PolarizationEffect>, because: Because, after: readonly EffectId[] = []): EffectId {
    const id = effectId(this.state.self, this.sequence, this.effects.length);
    this.effects.push({ ...wish, id, because, ...(after.length === 0 ? {} : { after }) });
    return id;
  }

  report(level: 'info' | 'warning' | 'alarm', because: Because): void {
    this.wish({ kind: 'report', level }, because);
  }

  answer(commandId: string, command: string, ok: boolean, detail: string): void {
    this.wish({ kind: 'answer', commandId, ok, detail }, { kind: 'command', command, detail });
  }

  send(message: PolarizationMessage, because: Because): void {
    const { peer } = this.state;
    if (peer !== undefined) this.wish({ kind: 'send', session: peer.session, message }, because);
  }

  /** Sets the gate that the state asks for, unless it stands already. `again` sets it in any case: after a drain. */
  setGate(because: Because, again = false): void {
    const gate = gateFor(this.state);
    if (!again && sameGate(gate, this.state.gate)) return;
    this.wish({ kind: 'set-gate', gate }, because);
    this.patch({ gate });
  }

  /** Writes a record down. Only one is on its way at a time: callers look at `saving` first. */
  save(record: NodeRecord, then: Continuation, because: Because): EffectId {
    const effect = this.wish({ kind: 'persist', record }, because);
    this.patch({ saving: { effect, record, then } });
    return effect;
  }

  begin(operation: Operation): void {
    this.patch({ operation });
  }

  /** A lineage that nobody else can choose: from the seed that the caller drew for this life, and a count. */
  drawLineage(epoch: number): string {
    const drawn = this.state.lineagesDrawn + 1;
    this.patch({ lineagesDrawn: drawn });
    return `${this.state.self.lineageSeed}-${String(epoch)}-${String(drawn)}`;
  }

  end(): Step<PolarizationState, PolarizationEffect> {
    const { peer, lease, witness, saving, unreached } = this.state;
    let { state } = this;
    if (peer !== undefined && hasUndefined(peer)) state = { ...state, peer: plain(peer) };
    if (saving !== undefined && hasUndefined(saving)) state = { ...state, saving: plain(saving) };
    if (hasUndefined(lease)) state = { ...state, lease: plain(lease) };
    if (hasUndefined(witness)) state = { ...state, witness: plain(witness) };
    if (hasUndefined(unreached)) state = { ...state, unreached: plain(unreached) };
    return { state: hasUndefined(state) ? plain(state) : state, effects: this.effects };
  }
}

function hasUndefined(fields: object): boolean {
  for (const key in fields) if ((fields as Readonly<Record<string, unknown>>)[key] === undefined) return true;
  return false;
}

/** Without keys that are undefined: JSON has no such thing, and a state must survive a round trip. Mostly there are none. */
function plain<Fields extends object>(fields: Fields): Fields {
  const copy = { ...fields };
  for (const key of Object.keys(copy) as (keyof Fields)[]) {
    if (copy[key] === undefined) Reflect.deleteProperty(copy, key);
  }
  return copy;
}
