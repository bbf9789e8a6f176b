import type { EffectId } from '../../kernel/policy.js';
import type { DurationMs, Millis } from '../../kernel/time.js';
import type { FailbackEstimate, IoSums, SiteProbe } from './estimator.js';
import type { FailbackTuning } from './options.js';
import type { LatencyFailbackReason } from './reasons.js';
import type { FailbackGate, FailbackLock, FailbackPhase, FailbackRecord } from './types.js';

export interface FailbackIdentity {
  readonly groupId: string;
  readonly nodeId: string;
  readonly incarnation: number;
}

/** What happens once a record is durable. */
export type AfterSave = 'nothing' | 'adopted' | 'intent' | 'commit' | 'complete';

export interface FailbackSaving {
  readonly effect: EffectId;
  readonly record: FailbackRecord;
  readonly then: AfterSave;
  /** The write has failed: it is wished again at this time. */
  readonly retryAt?: Millis | undefined;
}

/** One window of samples that is still open. */
export interface FailbackWindow {
  readonly startedAt: Millis;
  readonly sums: IoSums;
  readonly copiedBytes: number;
  readonly dirtiedBytes: number;
}

/** What one closed window says to the redirect. `void`: too few samples, no fresh probe, or no map. */
export type FailbackVote = 'agrees' | 'disagrees' | 'void';

export type FailbackWhy = 'latency' | 'synced' | 'operator';

/** A redirect that is under way. Its stage names the one answer that it waits for. */
export interface FailbackAttempt {
  readonly operationId: string;
  readonly fromEpoch: number;
  readonly toEpoch: number;
  readonly why: FailbackWhy;
  readonly commandId?: string | undefined;
  readonly stage: 'operation' | 'intent' | 'pin' | 'drain' | 'map' | 'commit';
  readonly effect: EffectId;
  readonly since: Millis;
  readonly heldAt?: Millis | undefined;
  /** Until the commit is wished, the redirect is given up at this time. */
  readonly deadlineAt: Millis;
  readonly pinned: boolean;
  readonly revokedBy?: string | undefined;
  readonly estimate?: FailbackEstimate | undefined;
}

/** What hosts see at home is compared with what they saw away, for some windows after a redirect. */
export interface FailbackWatch {
  readonly recordedUs: number;
  readonly expectedUs: number;
  readonly missShare: number;
  readonly slow: readonly boolean[];
  readonly windowsLeft: number;
}

/** Well-typed facts that fit nothing, by why they do not. Each is absorbed and counted here. */
export type AbsorbedBecause =
  | 'answer-not-awaited'
  | 'old-epoch'
  | 'old-generation'
  | 'not-in-this-phase'
  | 'not-a-number'
  | 'contradiction';

/** Everything the policy knows about one group. Plain JSON. */
export interface LatencyFailbackState {
  readonly version: 1;
  readonly self: FailbackIdentity;
  readonly tuning: FailbackTuning;
  readonly now: Millis;
  /** False until the first event: `init` may wish nothing. */
  readonly booted: boolean;
  readonly phase: FailbackPhase;
  /** What stands on stable storage for certain. */
  readonly record: FailbackRecord;
  readonly saving?: FailbackSaving | undefined;
  /** Waits for the record that is on its way; a newer one takes its place. */
  readonly queued?:
    | { readonly record: FailbackRecord; readonly then: AfterSave; readonly because: LatencyFailbackReason }
    | undefined;
  readonly gate: FailbackGate;
  readonly primary: 'unknown' | 'ok' | 'failed';
  readonly secondary: 'unknown' | 'ok' | 'failed';
  readonly link: { readonly up: boolean; readonly since: Millis };
  /** The secondary's instance has ended for certain, and has not come back. */
  readonly secondaryEnded: boolean;
  readonly recovery?:
    { readonly effect: EffectId; readonly full: boolean; readonly running: boolean } | undefined;
  readonly recoveriesFailed: number;
  readonly recoverAt: Millis;
  /** `lost`: the next recovery copies everything. Unknown: not heard yet since the start. */
  readonly map: {
    readonly state: 'unknown' | 'known' | 'lost';
    readonly generation: number;
    readonly outOfSyncBytes: number;
    readonly totalBytes: number;
    readonly copyErrors: number;
  };
  readonly window?: FailbackWindow | undefined;
  readonly probe?: { readonly values: SiteProbe; readonly at: Millis } | undefined;
  readonly probing?: EffectId | undefined;
  readonly votes: readonly FailbackVote[];
  readonly smoothedUs?: number | undefined;
  readonly estimate?: FailbackEstimate | undefined;
  /** Bytes copied and made dirty in the last closed window. */
  readonly pace: { readonly copiedBytes: number; readonly dirtiedBytes: number };
  readonly attempt?: FailbackAttempt | undefined;
  readonly operationsBegun: number;
  /** Since when the present site has been active, as far as this life knows. */
  readonly activeSince: Millis;
  readonly moves: readonly Millis[];
  readonly attemptAt: Millis;
  /** The guard that last held a redirect back: told once. */
  readonly withheldBy?: string | undefined;
  readonly watch?: FailbackWatch | undefined;
  readonly absorbed: Readonly<Partial<Record<AbsorbedBecause, number>>>;
}

export function spanSince(state: LatencyFailbackState, at: Millis): DurationMs {
  return Math.max(0, state.now - at);
}

export function lockOf(state: LatencyFailbackState): FailbackLock | undefined {
  return wantedRecord(state).lock;
}

/** The newest record that stands on the disk or is on its way to it. */
export function wantedRecord(state: LatencyFailbackState): FailbackRecord {
  return state.queued?.record ?? state.saving?.record ?? state.record;
}
