import type { EffectId } from '../../kernel/policy.js';
import type { DurationMs, Millis } from '../../kernel/time.js';
import type { PlannedFailoverTiming } from './options.js';
import type { PlannedFailoverReason } from './reasons.js';
import type { PlannedFailoverGate, PlannedFailoverRecord, PlannedFailoverStanding } from './types.js';

/** What does not change during one life of the node. */
export interface PlannedFailoverIdentity {
  readonly groupId: string;
  readonly nodeId: string;
  readonly peerId: string;
  readonly incarnation: number;
  readonly lineageSeed: string;
  readonly members: readonly string[];
  readonly timing: PlannedFailoverTiming;
  readonly heldRequests: 'forward' | 'redirect';
  readonly requireMediator: boolean;
}

/** A record that is on its way to the disk. One at a time. */
export interface PlannedFailoverSaving {
  readonly effect: EffectId;
  readonly record: PlannedFailoverRecord;
  readonly because: PlannedFailoverReason;
  /** The write failed: the same record, or a rollback in its place, is written then. */
  readonly retryAt?: Millis;
}

/** The living side of the operation at the source. Dies with the process: whatever is not committed then is rolled back. */
export interface PlannedFailoverSourceWork {
  readonly startedAt: Millis;
  readonly rollbackMs: DurationMs;
  /** The commands that wait for the outcome. */
  readonly commandIds: readonly string[];
  readonly check?: EffectId;
  readonly checked: boolean;
  /** What the target has promised, before it is written down here. */
  readonly next?: { readonly epoch: number; readonly lineageId: string };
  readonly fencedAt?: Millis;
  readonly warned: boolean;
  readonly drain?: EffectId;
  readonly barrierSequence?: number;
  readonly barrierReached: boolean;
  /** The target has asked for the roles in this fence. */
  readonly asked: boolean;
  /** Why this operation is to be rolled back. Set once; looked at only before the commit is handed to the disk. */
  readonly cancel?: PlannedFailoverReason;
  readonly saidAt: Millis;
  /** After the target has the roles: the wish to switch paths, and what went wrong with it. */
  readonly paths?: EffectId;
  readonly pathsSwitched: boolean;
  readonly warnings: readonly string[];
  readonly applied: boolean;
}

/** The living side at the target. */
export interface PlannedFailoverTargetWork {
  readonly operationId: string;
  readonly since: Millis;
  readonly makeReady?: EffectId;
  readonly barrierSequence?: number;
  readonly catchUp?: EffectId;
  /** Every acknowledged write is on this leg: proved in this life, for the barrier above. */
  readonly caughtUp: boolean;
  readonly saidAt: Millis;
  /** What was heard and is to be written down: all volumes are ready; the source has committed; it is over; the end is confirmed. */
  readonly promised?: boolean;
  readonly granted?: boolean;
  readonly over?: boolean;
  readonly confirmed?: boolean;
}

export interface PlannedFailoverState {
  readonly version: 1;
  readonly self: PlannedFailoverIdentity;
  readonly now: Millis;
  readonly booted: boolean;
  /** What stands on the disk for certain. */
  readonly record: PlannedFailoverRecord;
  readonly saving?: PlannedFailoverSaving | undefined;
  readonly standing: PlannedFailoverStanding;
  readonly session?: number | undefined;
  readonly gate: PlannedFailoverGate;
  readonly source?: PlannedFailoverSourceWork | undefined;
  readonly target?: PlannedFailoverTargetWork | undefined;
  /** Promises that this life has made, for fresh lineage ids. */
  readonly lineagesDrawn: number;
  /** Events that fitted nothing (late, repeated, never asked for), by kind. */
  readonly absorbed: Readonly<Record<string, number>>;
}
