import type { EffectId } from '../../kernel/policy.js';
import type { Millis } from '../../kernel/time.js';
import type { FallbackChoice, MediatorFallbackTiming } from './options.js';
import type { MediatorFallbackReason } from './reasons.js';
import type { FaultPartition, MediatorFallbackRecord, MediatorSight, MemberFacts } from './types.js';

export interface MediatorFallbackIdentity {
  readonly groupId: string;
  readonly nodeId: string;
  readonly incarnation: number;
  readonly members: readonly string[];
  readonly mediators: readonly string[];
  readonly fallback: FallbackChoice;
  readonly returnToFirstMediator: boolean;
  readonly timing: MediatorFallbackTiming;
}

/** One mediator as this member sees it. */
export interface OwnSight {
  readonly sight: MediatorSight;
  readonly answers: number;
  readonly fails: number;
  /** When the present row of answers or failures began. */
  readonly since: Millis;
  readonly probe?: EffectId;
  readonly probedAt: Millis;
}

export interface MemberReport {
  readonly at: Millis;
  readonly sights: Readonly<Record<string, MediatorSight>>;
  readonly facts: MemberFacts;
  readonly generation: number;
}

/** The coordinator's side of a switch. Dies with the process; the promise itself is on every disk. */
export interface OpenProposal {
  readonly version: number;
  readonly acks: readonly string[];
  readonly since: Millis;
  readonly saidAt: Millis;
  /** Made by this very life, and never promised to anybody else: only then can nobody else have agreed on it. */
  readonly own: boolean;
  readonly enrol?: EffectId;
  readonly enrolled: boolean;
  readonly enrolAt: Millis;
}

export interface OpenFault {
  readonly since: Millis;
  readonly side: readonly string[];
  /** Nothing is decided before. */
  readonly decideAt: Millis;
  /** Mediators that have granted the group to this side. */
  readonly granted: readonly string[];
  readonly call?: { readonly effect: EffectId; readonly mediator: string };
  readonly tries: number;
  /** By mediator: the generation that it knows, where that is this side's own and was not heard of. */
  readonly known: Readonly<Record<string, number>>;
  readonly denied?: string;
  /** What was last said about staying offline. */
  readonly told?: string;
}

export interface Returning {
  readonly partition: FaultPartition;
  /** Who has not confirmed yet. */
  readonly waiting: readonly string[];
  readonly call?: EffectId;
  /** The mediators of the present models know it, as far as they have to. */
  readonly granted: readonly string[];
  readonly saidAt: Millis;
}

export interface MediatorFallbackState {
  readonly version: 1;
  readonly self: MediatorFallbackIdentity;
  readonly now: Millis;
  readonly startedAt: Millis;
  readonly booted: boolean;
  readonly record: MediatorFallbackRecord;
  readonly saving?:
    | {
        readonly effect: EffectId;
        readonly record: MediatorFallbackRecord;
        readonly because: MediatorFallbackReason;
        readonly retryAt?: Millis;
      }
    | undefined;
  readonly preference?: string | undefined;
  readonly inSync: readonly string[];
  readonly connected: readonly string[];
  readonly sights: Readonly<Record<string, OwnSight>>;
  readonly reports: Readonly<Record<string, MemberReport>>;
  readonly facts: MemberFacts;
  readonly reportedAt: Millis;
  readonly proposal?: OpenProposal | undefined;
  /** Members that have not confirmed the commit yet, and when it was last said. */
  readonly unconfirmed: readonly string[];
  readonly commitSaidAt: Millis;
  /** While a mediator is seen by some only: those are elected first, and need no delay. */
  readonly seeing?: readonly string[] | undefined;
  readonly fault?: OpenFault | undefined;
  /** Members that are to take part again, once this generation is agreed. */
  readonly returning?: Returning | undefined;
  /** Complete again, and its report has not come yet. */
  readonly synced?: string | undefined;
  /** The generation that the mediator in use was last known to know. */
  readonly enrolled?: { readonly mediator: string; readonly generation: number } | undefined;
  readonly enrolment?: { readonly effect: EffectId; readonly generation: number } | undefined;
  readonly enrolAt: Millis;
  /** Since when a mediator is reliable for all and not in use. */
  readonly idleSince?: Millis | undefined;
  /** The command that waits for a forced record. */
  readonly forcing?: string | undefined;
  readonly absorbed: Readonly<Record<string, number>>;
}
