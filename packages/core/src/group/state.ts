import type { EffectId } from '../kernel/policy.js';
import type { DurationMs, Millis } from '../kernel/time.js';
import type { LatencyFailbackState } from '../policies/latency-failback/index.js';
import type { MediatorFallbackState } from '../policies/mediator-fallback/index.js';
import type { PlannedFailoverStanding, PlannedFailoverState } from '../policies/planned-failover/index.js';
import type { SwapRecoveryState } from '../policies/swap-recovery/index.js';
import type {
  Lineage,
  Mode,
  NodeId,
  PolarizationMessage,
  PolarizationState,
} from '../policies/ttl-polarization/index.js';
import type { GroupReason } from './reasons.js';
import type { GroupRecord } from './record.js';
import type { GroupGate, GroupHostFacts, GroupPartEffect, GroupPolicyName } from './types.js';

export interface GroupIdentity {
  readonly groupId: string;
  readonly nodeId: NodeId;
  readonly peerId: NodeId;
  readonly incarnation: number;
  readonly lineageSeed: string;
  /** The node that swap-recovery calls the first site. */
  readonly first: NodeId;
  readonly persistRetryMs: DurationMs;
}

/** What asks one node to step back for the other. */
export type StepBack = Extract<PolarizationMessage, { kind: 'offer-win' | 'pause-request' }>;

/** A record of one policy that is part of a write of the group. */
export interface GroupAwaiting {
  readonly policy: GroupPolicyName;
  readonly effect: EffectId;
}

/** Somebody has asked for the lock and waits until what has it has given way. */
export interface GroupRequest {
  readonly policy: 'swap-recovery' | 'latency-failback';
  readonly effect: EffectId;
  readonly operationId: string;
}

/** A wish of fault handling that waits until the operation of a lower precedence has given way. */
export type GroupHeld = Extract<GroupPartEffect, { policy: 'ttl-polarization' }>;

/** A claim that has to be granted by more than one mediator, one after the other. */
export interface GroupClaim {
  readonly effect: EffectId;
  readonly granted: readonly string[];
  readonly asked: string;
}

/** What each policy was last told, so that it is told changes only. */
export interface GroupTold {
  readonly standing?: PlannedFailoverStanding;
  readonly swap?: string;
  readonly swapLink?: boolean;
  readonly failback?: string;
  readonly failbackLink?: boolean;
  readonly failbackPrimary?: boolean;
  readonly failbackSecondary?: boolean;
  readonly facts?: string;
  readonly inSync?: string;
  readonly preferred?: NodeId;
  /** The redirect that has been told to give way. */
  readonly revoked?: string;
  readonly refusedSync?: number;
}

/** Everything that one node knows about one group. Plain JSON; a policy that nobody asked for is absent. */
export interface GroupState {
  readonly version: 1;
  readonly self: GroupIdentity;
  readonly now: Millis;
  readonly booted: boolean;
  /** What stands on stable storage for certain. */
  readonly record: GroupRecord;
  readonly saving?:
    | {
        readonly effect: EffectId;
        readonly record: GroupRecord;
        readonly awaiting: readonly GroupAwaiting[];
        readonly because: GroupReason;
        /** The write has failed: it is wished again at this time, with what has come meanwhile. */
        readonly retryAt?: Millis;
      }
    | undefined;
  /** Waits for the write that is under way; a newer one takes its place. */
  readonly draft?:
    | {
        readonly record: GroupRecord;
        readonly awaiting: readonly GroupAwaiting[];
        readonly because: GroupReason;
      }
    | undefined;
  readonly polarization: PolarizationState;
  readonly fallback?: MediatorFallbackState | undefined;
  readonly swap?: SwapRecoveryState | undefined;
  readonly planned?: PlannedFailoverState | undefined;
  readonly failback?: LatencyFailbackState | undefined;
  /** Facts that have been delivered to policies in this life: the sequence of each one's events. */
  readonly deliveries: number;
  readonly lineagesDrawn: number;
  readonly session?: number | undefined;
  /** What the peer itself last said about its epoch in this session. */
  readonly heard?: (Lineage & { readonly mode: Mode }) | undefined;
  readonly waiting?: GroupRequest | undefined;
  /** A redirect that is refused, and is told so at this time. */
  readonly refusing?: { readonly effect: EffectId; readonly by: string; readonly at: Millis } | undefined;
  readonly held: readonly GroupHeld[];
  readonly claim?: GroupClaim | undefined;
  /** A swap has frozen host I/O here. */
  readonly frozen: boolean;
  /** The inactive storage has been ill since the copies parted: it is not written to before swap-recovery has cleared it. */
  readonly ill: boolean;
  /** The peer offers to hand over, and something here has the group still. */
  readonly offered?:
    | {
        readonly session: number;
        readonly message: StepBack;
      }
    | undefined;
  /** The copy of this resync has caught up, and a redirect that gives way has to be over before the mirror begins. */
  readonly caughtUp?: { readonly effect: EffectId; readonly movedBytes: number } | undefined;
  /** The order of writes has been passed to the target, which has not confirmed it yet: when it was last said. */
  readonly passing?: { readonly fromEpoch: number; readonly saidAt: Millis } | undefined;
  readonly hostFacts: GroupHostFacts;
  readonly gate: GroupGate;
  readonly told: GroupTold;
  /** Well-typed facts that fit nothing, by what they were. */
  readonly absorbed: Readonly<Record<string, number>>;
}

/** The newest record: on the disk, or on its way to it. */
export function wantedRecordOf(state: GroupState): GroupRecord {
  return state.draft?.record ?? state.saving?.record ?? state.record;
}
