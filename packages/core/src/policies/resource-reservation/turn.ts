import { effectId } from '../../kernel/effect-id.js';
import type { EffectId, Step } from '../../kernel/policy.js';
import type { Millis } from '../../kernel/time.js';
import type { ReservationReason } from './reasons.js';
import { plain, type ReservationState } from './state.js';
import type { AgentRecord, LedgerRecord, ReservationEffect } from './types.js';

type Wish<Effect> = Effect extends ReservationEffect ? Omit<Effect, 'id' | 'because' | 'after'> : never;
type Change<State> = { readonly [Key in keyof State]?: State[Key] | undefined };

/** One event being handled: the state so far and the wishes so far. Lives within one call of `step`. */
export class ReservationTurn<State extends ReservationState> {
  state: State;
  /** Something changed that the other side has to hear of. */
  tell = false;
  readonly effects: ReservationEffect[] = [];
  private readonly sequence: number;

  constructor(state: State, event: { readonly at: Millis; readonly sequence: number }) {
    this.state = { ...state, now: Math.max(state.now, event.at) };
    this.sequence = event.sequence;
  }

  get at(): Millis {
    return this.state.now;
  }

  patch(change: Change<State>): void {
    this.state = plain({ ...this.state, ...change });
  }

  ignore(kind: string): void {
    const { ignored } = this.state;
    this.state = { ...this.state, ignored: { ...ignored, [kind]: (ignored[kind] ?? 0) + 1 } };
  }

  wish(wish: Wish<ReservationEffect>, because: ReservationReason, after: readonly EffectId[] = []): EffectId {
    const { groupId, hostId: nodeId, incarnation } = this.state.options;
    const id = effectId({ groupId, nodeId, incarnation }, this.sequence, this.effects.length);
    this.effects.push({ ...wish, id, because, ...(after.length === 0 ? {} : { after }) });
    return id;
  }

  report(level: 'info' | 'warning' | 'alarm', because: ReservationReason): void {
    this.wish({ kind: 'report', level }, because);
  }

  save(record: AgentRecord | LedgerRecord, because: ReservationReason): EffectId {
    const unsaved = this.wish({ kind: 'persist', record }, because);
    this.state = plain({ ...this.state, unsaved, persistRetryAt: undefined });
    return unsaved;
  }

  /** What has to be durable before anything is said that rests on it. */
  get durable(): readonly EffectId[] {
    const { unsaved } = this.state;
    return unsaved === undefined ? [] : [unsaved];
  }

  persisted(effect: EffectId): void {
    if (this.state.unsaved !== effect) {
      this.ignore('persisted');
      return;
    }
    this.state = plain({ ...this.state, unsaved: undefined, isDiskFailing: undefined });
  }

  persistFailed(effect: EffectId, detail: string): void {
    if (this.state.unsaved !== effect) {
      this.ignore('persist-failed');
      return;
    }
    const retryMs = this.state.options.timing.persistRetryMs;
    const { isDiskFailing } = this.state;
    this.state = { ...this.state, persistRetryAt: this.at + retryMs, isDiskFailing: true };
    if (isDiskFailing !== true) this.report('alarm', { kind: 'persist-failed', detail, retryMs });
  }

  end(): Step<State, ReservationEffect> {
    return { state: this.state, effects: this.effects };
  }
}
