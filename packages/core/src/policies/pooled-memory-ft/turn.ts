import { effectId } from '../../kernel/effect-id.js';
import type { EffectId, Step } from '../../kernel/policy.js';
import type { Millis } from '../../kernel/time.js';
import type { PooledMemoryGuards } from './guards.js';
import type { PooledMemoryReason } from './reasons.js';
import type { PooledMemoryState } from './state.js';
import type { PooledMemoryEffect, PooledMemoryRecord } from './types.js';

type Wish<Effect> = Effect extends PooledMemoryEffect ? Omit<Effect, 'id' | 'because' | 'after'> : never;

/** One event being handled: the state so far and the wishes so far. Lives within one call of `step`. */
export class Turn {
  state: PooledMemoryState;
  readonly effects: PooledMemoryEffect[] = [];
  readonly guards: PooledMemoryGuards;
  private readonly sequence: number;

  constructor(
    state: PooledMemoryState,
    event: { readonly at: Millis; readonly sequence: number },
    guards: PooledMemoryGuards,
  ) {
    this.state = { ...state, now: Math.max(state.now, event.at) };
    this.sequence = event.sequence;
    this.guards = guards;
  }

  get at(): Millis {
    return this.state.now;
  }

  get record(): PooledMemoryRecord {
    return this.state.saving?.record ?? this.state.record;
  }

  patch(change: Partial<PooledMemoryState>): void {
    this.state = { ...this.state, ...change };
  }

  wish(
    wish: Wish<PooledMemoryEffect>,
    because: PooledMemoryReason,
    after: readonly EffectId[] = [],
  ): EffectId {
    const id = effectId(this.state.self, this.sequence, this.effects.length);
    this.effects.push({ ...wish, id, because, ...(after.length === 0 ? {} : { after }) });
    return id;
  }

  /** A wish with an answer; one is open at a time. */
  call(wish: Wish<PooledMemoryEffect>, because: PooledMemoryReason): EffectId {
    const effect = this.wish(wish, because);
    this.patch({
      call: { effect, what: wish.kind as NonNullable<PooledMemoryState['call']>['what'], since: this.at },
    });
    return effect;
  }

  /** True when this answers the open wish; late answers are counted. */
  answers(effect: EffectId): boolean {
    if (this.state.call?.effect === effect) {
      this.patch({ call: undefined });
      return true;
    }
    this.absorb('answer to an older wish');
    return false;
  }

  save(
    change: Partial<PooledMemoryRecord>,
    because: PooledMemoryReason,
    ended: readonly (keyof PooledMemoryRecord)[] = [],
  ): EffectId {
    const record = plain({ ...this.record, ...change });
    for (const key of ended) Reflect.deleteProperty(record, key);
    const effect = this.wish({ kind: 'persist', record }, because);
    this.patch({ saving: { effect, record } });
    return effect;
  }

  report(level: 'info' | 'warning' | 'alarm', because: PooledMemoryReason): void {
    this.wish({ kind: 'report', level }, because);
  }

  answer(commandId: string, command: string, ok: boolean, detail: string): void {
    this.wish({ kind: 'answer', commandId, ok, detail }, { kind: 'command', command, detail });
  }

  /** A fact that has nothing to say any more: counted. */
  absorb(what: string): void {
    const { absorbed } = this.state;
    this.patch({ absorbed: { ...absorbed, [what]: (absorbed[what] ?? 0) + 1 } });
  }

  end(): Step<PooledMemoryState, PooledMemoryEffect> {
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
