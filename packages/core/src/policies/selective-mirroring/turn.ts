import { effectId } from '../../kernel/effect-id.js';
import type { EffectId, Step } from '../../kernel/policy.js';
import type { Millis } from '../../kernel/time.js';
import type { MirroringGuards } from './guards.js';
import type { MirroringReason } from './reasons.js';
import type {
  CacheBook,
  MirroringContinuation,
  MirroringIdentity,
  MirroringState,
  OwnerBook,
  RemoteCache,
} from './state.js';
import type {
  MirroringEffect,
  MirroringMessage,
  MirroringRecord,
  MirroringService,
  MirroringSite,
} from './types.js';

type Wish<Effect> = Effect extends MirroringEffect ? Omit<Effect, 'id' | 'because' | 'after'> : never;

/** One event being handled: the state so far and the wishes so far. Lives within one call of `step`. */
export class Turn {
  state: MirroringState;
  readonly effects: MirroringEffect[] = [];
  readonly guards: MirroringGuards;
  private readonly sequence: number;

  constructor(
    state: MirroringState,
    event: { readonly at: Millis; readonly sequence: number },
    guards: MirroringGuards,
  ) {
    this.state = { ...state, now: Math.max(state.now, event.at) };
    this.sequence = event.sequence;
    this.guards = guards;
  }

  get at(): Millis {
    return this.state.now;
  }

  get self(): MirroringIdentity {
    return this.state.self;
  }

  get owner(): OwnerBook {
    return this.state.owner;
  }

  get cache(): CacheBook {
    return this.state.cache;
  }

  patch(change: Partial<MirroringState>): void {
    this.state = { ...this.state, ...change };
  }

  patchOwner(change: Partial<OwnerBook>): void {
    this.patch({ owner: { ...this.owner, ...change } });
  }

  patchCache(change: Partial<CacheBook>): void {
    this.patch({ cache: { ...this.cache, ...change } });
  }

  patchRemote(site: MirroringSite, change: Partial<RemoteCache>): void {
    const remote = this.owner.remotes[site];
    if (remote === undefined) return;
    this.patchOwner({ remotes: { ...this.owner.remotes, [site]: { ...remote, ...change } } });
  }

  wish(wish: Wish<MirroringEffect>, because: MirroringReason, after: readonly EffectId[] = []): EffectId {
    const id = effectId(this.self, this.sequence, this.effects.length);
    this.effects.push({ ...wish, id, because, ...(after.length === 0 ? {} : { after }) });
    return id;
  }

  send(
    to: MirroringSite,
    message: MirroringMessage,
    because: MirroringReason,
    after: readonly EffectId[] = [],
  ): void {
    this.wish({ kind: 'send', to, message }, because, after);
  }

  report(level: 'info' | 'warning' | 'alarm', because: MirroringReason): void {
    this.wish({ kind: 'report', level }, because);
  }

  answer(commandId: string, command: string, ok: boolean, detail: string): void {
    this.wish({ kind: 'answer', commandId, ok, detail }, { kind: 'command', command, detail });
  }

  /** A fact that has nothing to say any more: late, twice, or from another life. */
  absorb(what: string): void {
    const { absorbed } = this.state;
    this.patch({ absorbed: { ...absorbed, [what]: (absorbed[what] ?? 0) + 1 } });
  }

  setService(service: MirroringService, because: MirroringReason): void {
    if (service === this.state.service) return;
    this.patch({ service });
    this.wish({ kind: 'set-service', service, epoch: this.state.epoch }, because);
  }

  save(record: MirroringRecord, then: MirroringContinuation, because: MirroringReason): EffectId {
    const effect = this.wish({ kind: 'persist', record }, because);
    this.patch({ saving: { effect, record, then } });
    return effect;
  }

  end(): Step<MirroringState, MirroringEffect> {
    return {
      state: plain({ ...this.state, owner: plain(this.owner), cache: plain(this.cache) }),
      effects: this.effects,
    };
  }
}

/** Without keys that are undefined: JSON has no such thing, and a state must survive a round trip. */
export function plain<Fields extends object>(fields: Fields): Fields {
  const copy = { ...fields };
  for (const key of Object.keys(copy) as (keyof Fields)[]) {
    if (copy[key] === undefined) Reflect.deleteProperty(copy, key);
  }
  return copy;
}

/** A record without one of its keys. */
export function without<Value>(
  from: Readonly<Record<string, Value>>,
  key: string,
): Readonly<Record<string, Value>> {
  const { [key]: _gone, ...rest } = from;
  return rest;
}
