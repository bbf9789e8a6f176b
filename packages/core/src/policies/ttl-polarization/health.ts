import type { DurationMs, Millis } from '../../kernel/time.js';
import type { PolarizationState } from './state.js';
import type { Turn } from './turn.js';
import type { HealthLevel, Introduction, PolarizationMessage } from './types.js';

const rank: Readonly<Record<HealthLevel, number>> = {
  ok: 0,
  degraded: 1,
  unhealthySoft: 2,
  unhealthyHard: 3,
};

export function atLeast(level: HealthLevel, bound: HealthLevel): boolean {
  return rank[level] >= rank[bound];
}

/** What the health monitor says; a failed leg is as bad as it gets, whatever the monitor says. */
export function ownLevel(state: PolarizationState): HealthLevel {
  return state.legFailure === undefined ? state.health.level : 'unhealthyHard';
}

/** The level that decides how long this node lets the other go first: a node that no host reaches, or that suspects itself, is of less use. */
export function ladderLevel(state: PolarizationState): HealthLevel {
  const level = ownLevel(state);
  const isDoubtful = state.unreached.value || state.suspicion !== undefined;
  return isDoubtful && !atLeast(level, 'unhealthySoft') ? 'unhealthySoft' : level;
}

/** Head start for the other node; undefined: never ask. A delay, not a veto: a sick node still wins if nobody else asks. */
export function healthDelayMs(level: HealthLevel, unhealthyDelayMs: DurationMs): DurationMs | undefined {
  switch (level) {
    case 'ok':
      return 0;
    case 'degraded':
      return unhealthyDelayMs / 2;
    case 'unhealthySoft':
      return unhealthyDelayMs;
    case 'unhealthyHard':
      return undefined;
  }
}

/** Only the place on the ladder follows: a suspicion moves no host, and is no veto. */
export function onPeersLostTogether(
  turn: Turn,
  { lost, of }: { readonly lost: number; readonly of: number },
): void {
  turn.patch({ suspicion: lost === 0 ? undefined : { lost, of } });
  turn.report(lost === 0 ? 'info' : 'warning', { kind: 'peers-lost-together', lost, of });
}

/** Two opinions that must differ for a while before the new one counts: one bad sample changes nothing. */
export interface Debounced {
  readonly value: boolean;
  readonly changingSince?: Millis | undefined;
}

export function debounce(before: Debounced, seen: boolean, at: Millis, holdMs: DurationMs): Debounced {
  if (seen === before.value) return { value: before.value };
  const since = before.changingSince ?? at;
  // Asked as `unreachedDueAt` and `healthDueAt` answer: fractions of a millisecond do not survive a sum and a difference alike.
  return at >= since + holdMs ? { value: seen } : { value: before.value, changingSince: since };
}

/** Only a fresh word of the peer tells that hosts reach it and not this node. */
function seenUnreached(state: PolarizationState): boolean | undefined {
  const { peer, initiators } = state;
  if (peer === undefined || state.now - peer.healthAt > state.self.timing.healthFreshMs) return undefined;
  return initiators === 0 && peer.introduction.initiators > 0;
}

export function unreachedDueAt(state: PolarizationState): Millis | undefined {
  const { changingSince } = state.unreached;
  if (changingSince === undefined || seenUnreached(state) === undefined) return undefined;
  return changingSince + state.self.timing.unreachedByHostsMs;
}

export function updateUnreached(turn: Turn): void {
  const { state } = turn;
  const seen = seenUnreached(state);
  if (seen === undefined) return;
  const { unreachedByHostsMs } = state.self.timing;
  const after = debounce(state.unreached, seen, turn.at, unreachedByHostsMs);
  if (after.value === state.unreached.value && after.changingSince === state.unreached.changingSince) return;
  turn.patch({ unreached: after });
  if (after.value !== state.unreached.value) {
    turn.report('warning', { kind: 'unreached', value: after.value, afterMs: unreachedByHostsMs });
  }
}

/** Three words fit into the time for which one is fresh. */
function healthPeriodMs(state: PolarizationState): DurationMs {
  return state.self.timing.healthFreshMs / 3;
}

export function healthDueAt(state: PolarizationState): Millis | undefined {
  if (state.peer === undefined) return undefined;
  return (state.healthToldAt ?? state.peer.connectedAt) + healthPeriodMs(state);
}

export function tellHealthIfDue(turn: Turn): void {
  const due = healthDueAt(turn.state);
  if (due !== undefined && turn.at >= due) tellHealth(turn);
}

export function tellHealth(turn: Turn): void {
  const { health, initiators, record } = turn.state;
  const level = ownLevel(turn.state);
  turn.patch({ healthToldAt: turn.at });
  turn.send(
    { kind: 'health', level, reasons: health.reasons, dataState: record.dataState, initiators },
    { kind: 'health', level, initiators },
  );
}

type HealthWord = Extract<PolarizationMessage, { kind: 'health' }>;

export function onPeerHealth(turn: Turn, word: HealthWord): void {
  const { peer } = turn.state;
  if (peer === undefined) return;
  const introduction: Introduction = {
    ...peer.introduction,
    health: word.level,
    initiators: word.initiators,
  };
  turn.patch({ peer: { ...peer, introduction, healthAt: turn.at } });
}

/** A peer that may be handed the service to, or be copied to. */
export function peerIsFit(state: PolarizationState): boolean {
  return state.peer !== undefined && !atLeast(state.peer.introduction.health, 'unhealthySoft');
}
