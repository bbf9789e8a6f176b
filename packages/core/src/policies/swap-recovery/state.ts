import type { EffectId } from '../../kernel/policy.js';
import type { Millis } from '../../kernel/time.js';
import type { SwapTuning } from './options.js';
import type { SwapRecoveryReason } from './reasons.js';
import type { SwapCondition, SwapPhase, SwapRecord, SwapSite } from './types.js';

export type SwapAfterSave = 'nothing' | 'adopted' | 'intent' | 'commit' | 'restart' | 'duplex';

/** A swap that is under way. Its stage names the one answer that it waits for. */
export interface SwapAttempt {
  readonly operationId: string;
  readonly to: SwapSite;
  readonly toEpoch: number;
  readonly stage: 'operation' | 'intent' | 'freeze' | 'switch' | 'fence' | 'commit';
  readonly effect: EffectId;
  readonly frozenAt?: Millis | undefined;
  /** Until the commit is wished, the swap is undone at this time. */
  readonly deadlineAt: Millis;
  readonly token: string;
}

export interface SwapSiteView {
  readonly reachable: boolean;
  readonly inService: boolean;
}

/** Well-typed facts that fit nothing, by why they do not. Each is absorbed and counted here. */
export type SwapAbsorbed =
  'answer-not-awaited' | 'old-epoch' | 'not-in-this-phase' | 'not-a-number' | 'duplicate';

/** Everything the policy knows about one group. Plain JSON. */
export interface SwapRecoveryState {
  readonly version: 1;
  readonly self: { readonly groupId: string; readonly nodeId: string; readonly incarnation: number };
  readonly tuning: SwapTuning;
  readonly now: Millis;
  readonly booted: boolean;
  readonly phase: SwapPhase;
  /** What stands on stable storage for certain. */
  readonly record: SwapRecord;
  readonly saving?:
    | {
        readonly effect: EffectId;
        readonly record: SwapRecord;
        readonly then: SwapAfterSave;
        readonly retryAt?: Millis | undefined;
      }
    | undefined;
  readonly queued?:
    | { readonly record: SwapRecord; readonly then: SwapAfterSave; readonly because: SwapRecoveryReason }
    | undefined;
  readonly sites: Readonly<Record<SwapSite, SwapSiteView>>;
  readonly linkUp: boolean;
  readonly members: { readonly volumes: number; readonly mirrored: number };
  readonly lostShare: number;
  /** Open conditions, as the record will have them. */
  readonly conditions: readonly SwapCondition[];
  readonly polling?: { readonly effect: EffectId; readonly askedAt: Millis } | undefined;
  readonly pollAt: Millis;
  /** When the list of the inactive site last came back empty, by the time at which it was asked for. */
  readonly cleanAskedAt?: Millis | undefined;
  /** Since when nothing is open at the inactive site. */
  readonly stableSince?: Millis | undefined;
  readonly approved: boolean;
  readonly attempt?: SwapAttempt | undefined;
  readonly mirror?: { readonly effect: EffectId; readonly stage: 'mark' | 'copy' } | undefined;
  readonly operationsBegun: number;
  readonly swappedAt?: Millis | undefined;
  readonly restarts: readonly Millis[];
  readonly swaps: readonly Millis[];
  readonly absorbed: Readonly<Partial<Record<SwapAbsorbed, number>>>;
}

export function otherSite(site: SwapSite): SwapSite {
  return site === 'first' ? 'second' : 'first';
}

export function openAt(state: SwapRecoveryState, site: SwapSite): readonly SwapCondition[] {
  return state.conditions.filter((one) => one.site === site);
}

/** The newest record that stands on the disk or is on its way to it. */
export function wantedSwapRecord(state: SwapRecoveryState): SwapRecord {
  return state.queued?.record ?? state.saving?.record ?? state.record;
}

export function within(times: readonly Millis[], windowMs: number, now: Millis): readonly Millis[] {
  return times.filter((at) => now - at < windowMs);
}
