import { placeSecondary } from './place.js';
import type { NeedSecondaryCause, PooledMemoryEvent } from './types.js';
import type { Turn } from './turn.js';

type EventOf<Kind extends PooledMemoryEvent['kind']> = Extract<PooledMemoryEvent, { kind: Kind }>;

/** Runs on without protection, and says so. The primary is never touched for that. */
export function needSecondary(turn: Turn, cause: NeedSecondaryCause, detail: string): void {
  turn.patch({
    mode: 'needSecondary',
    cause,
    secondaryAt: turn.at,
    retryMs: turn.state.self.tuning.secondaryRetryMs,
  });
  turn.report('warning', { kind: 'need-secondary', cause, detail });
}

/** Looks for a place, and begins anew later when there is none. */
export function seekSecondary(turn: Turn): void {
  const { state } = turn;
  const { hosts, self, secondary, call, mode } = state;
  if ((mode !== 'needSecondary' && mode !== 'starting') || call !== undefined || turn.at < state.secondaryAt)
    return;
  if (secondary?.isAttached === true) {
    protectIfComplete(turn);
    return;
  }
  const { primary, formerWriters = [], epoch } = turn.record;
  const place = placeSecondary(hosts, primary, formerWriters, self);
  const retryMs = Math.min(state.retryMs, self.tuning.secondaryRetryMaxMs);
  if (place.host === undefined) {
    turn.report('warning', { kind: 'no-host', hosts: hosts.length, retryMs });
    turn.patch({
      mode: 'needSecondary',
      cause: 'no-host',
      secondaryAt: turn.at + retryMs,
      retryMs: Math.min(retryMs * 2, self.tuning.secondaryRetryMaxMs),
    });
    return;
  }
  const { id, freeMhz } = place.host;
  const because = { kind: 'secondary-chosen', host: id, freeMhz, candidates: place.candidates } as const;
  turn.call({ kind: 'attach-secondary', host: id, epoch }, because);
  turn.patch({ mode: 'starting', secondary: { host: id, isAttached: false } });
}

export function onAttached(turn: Turn, event: EventOf<'secondary-attached'>): void {
  if (!turn.answers(event.effect)) return;
  const { secondary } = turn.state;
  if (secondary === undefined) return;
  if (!turn.guards.standbyIsReadOnly(event.isReadOnly)) {
    const because = {
      kind: 'need-secondary',
      cause: 'initializing',
      detail: 'the process could write the memory',
    } as const;
    turn.wish({ kind: 'drop-secondary', host: secondary.host }, because);
    failedToAttach(turn, because.detail);
    return;
  }
  turn.patch({ secondary: { ...secondary, isAttached: true }, checkpointAt: turn.at });
  protectIfComplete(turn);
}

export function failedToAttach(turn: Turn, detail: string): void {
  const { retryMs } = turn.state;
  needSecondary(turn, 'initializing', detail);
  const next = Math.min(retryMs * 2, turn.state.self.tuning.secondaryRetryMaxMs);
  turn.patch({ secondary: undefined, secondaryAt: turn.at + retryMs, retryMs: next });
}

/** A secondary that waits and a sealed generation: both are needed. */
export function protectIfComplete(turn: Turn): void {
  const { secondary, mode, failures } = turn.state;
  const { current } = turn.record;
  if ((mode !== 'starting' && mode !== 'needSecondary') || secondary?.isAttached !== true) return;
  if (current === undefined || failures > 0) return;
  turn.patch({ mode: 'protected', cause: undefined, retryMs: turn.state.self.tuning.secondaryRetryMs });
  turn.report('info', { kind: 'protected', host: secondary.host, generation: current });
}

export function onSecondaryLost(turn: Turn, host: string, detail: string): void {
  const { secondary, call, mode } = turn.state;
  if (secondary?.host !== host) {
    turn.absorb('loss of no secondary');
    return;
  }
  if (mode === 'promoting') return;
  turn.wish({ kind: 'drop-secondary', host }, { kind: 'need-secondary', cause: 'lost-connection', detail });
  const hosts = turn.state.hosts.filter(({ id }) => id !== host);
  // Not there again before it has been reported again.
  turn.patch({
    hosts,
    secondary: undefined,
    ...(call?.what === 'attach-secondary' ? { call: undefined } : {}),
  });
  if (mode !== 'fencing') needSecondary(turn, 'lost-connection', detail);
}
