import type { DurationMs } from '../../kernel/time.js';
import { breakEvenMissShare, type FailbackEstimate } from './estimator.js';
import { recentMoves, redirectGuards, type FailbackGuard } from './guards.js';
import { lockOf, spanSince, type FailbackAttempt, type LatencyFailbackState } from './state.js';
import type { FailbackCopy, FailbackGate, FailbackLock, FailbackPhase, FailbackSite } from './types.js';
import { agreeingVotes, latenciesAgree } from './windows.js';

/** What the data path may do now. */
export function failbackGateOf(state: LatencyFailbackState): FailbackGate {
  return state.gate;
}

/**
 * Whose copy may survive alone, for whoever chooses survivors: from the pin until both copies are complete it is the secondary's,
 * whichever site is preferred.
 */
export function completeCopyOf(state: LatencyFailbackState): FailbackCopy {
  return state.attempt?.pinned === true ? 'secondary' : state.record.completeCopy;
}

/** The redirect that holds the group's operation lock. `revocable`: it gives the group back at once. */
export interface FailbackOperation {
  readonly operationId: string;
  readonly stage: FailbackAttempt['stage'];
  readonly toEpoch: number;
  readonly revocable: boolean;
}

export function failbackOperationOf(state: LatencyFailbackState): FailbackOperation | undefined {
  const { attempt } = state;
  if (attempt === undefined) return undefined;
  const { operationId, stage, toEpoch } = attempt;
  return { operationId, stage, toEpoch, revocable: stage !== 'commit' };
}

/** What would happen if the present window ended as the last one did. */
export interface FailbackForecast {
  readonly wouldRedirect: boolean;
  readonly detail: string;
  /** All conditions but the latencies. */
  readonly guards: readonly FailbackGuard[];
  readonly agreeing: number;
  readonly windows: number;
  readonly estimate?: FailbackEstimate;
  /** Redirecting pays when at most this share of the accesses misses. Outside 0 to 1: always or never. */
  readonly breakEvenMissShare?: number;
}

export function wouldRedirectNow(state: LatencyFailbackState): FailbackForecast {
  const { phase, tuning, estimate, votes } = state;
  const guards = redirectGuards(state);
  const against = guards.find((guard) => !guard.holds);
  const isDeciding = phase === 'resync' || phase === 'synced';
  const isFaster = latenciesAgree(state);
  const wants = isFaster || (phase === 'synced' && tuning.whenSynced === 'failback');
  const detail = !isDeciding
    ? `the group is ${phase}: nothing is decided by latencies`
    : !wants
      ? `${agreeingVotes(state)} of ${votes.length} windows say that home is faster; the newest and ${Math.ceil(tuning.decisionShare * tuning.decisionWindows)} of ${tuning.decisionWindows} have to`
      : against === undefined
        ? isFaster
          ? 'home is faster, and nothing speaks against it'
          : 'nothing is out of sync, and nothing speaks against going home'
        : against.sentence;
  return {
    wouldRedirect: isDeciding && wants && against === undefined,
    detail,
    guards,
    agreeing: agreeingVotes(state),
    windows: votes.length,
    ...(estimate === undefined
      ? {}
      : { estimate, breakEvenMissShare: breakEvenMissShare(estimate, tuning.threshold) }),
  };
}

/** For status pages: plain JSON, times as spans from now. */
export interface FailbackStatus {
  readonly phase: FailbackPhase;
  readonly epoch: number;
  readonly activeSite: FailbackSite;
  readonly completeCopy: FailbackCopy;
  readonly host: FailbackGate['host'];
  readonly primary: LatencyFailbackState['primary'];
  readonly secondary: LatencyFailbackState['secondary'];
  readonly linkUp: boolean;
  readonly outOfSyncBytes: number;
  readonly mapState: LatencyFailbackState['map']['state'];
  readonly activeForMs: DurationMs;
  readonly moves: number;
  readonly lock?: FailbackLock;
  readonly operation?: FailbackOperation;
  readonly absorbed: LatencyFailbackState['absorbed'];
  readonly forecast: FailbackForecast;
}

export function describeFailback(state: LatencyFailbackState): FailbackStatus {
  const { record, map, gate } = state;
  const lock = lockOf(state);
  const operation = failbackOperationOf(state);
  return {
    phase: state.phase,
    epoch: record.epoch,
    activeSite: record.activeSite,
    completeCopy: completeCopyOf(state),
    host: gate.host,
    primary: state.primary,
    secondary: state.secondary,
    linkUp: state.link.up,
    outOfSyncBytes: map.outOfSyncBytes,
    mapState: map.state,
    activeForMs: spanSince(state, state.activeSince),
    moves: recentMoves(state).length,
    ...(lock === undefined ? {} : { lock }),
    ...(operation === undefined ? {} : { operation }),
    absorbed: state.absorbed,
    forecast: wouldRedirectNow(state),
  };
}
