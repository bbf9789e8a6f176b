import type { EffectId } from '../../kernel/policy.js';
import type { DurationMs, Millis } from '../../kernel/time.js';
import type { WitnessState } from '../../ports/witness.js';
import type { FaultModel, PolarizationTiming } from './options.js';
import type { AloneBy, LossCause } from './reasons.js';
import type {
  Gate,
  HealthLevel,
  Introduction,
  Lineage,
  Mode,
  NodeId,
  NodeRecord,
  OpenClaim,
  Role,
} from './types.js';

/** What does not change during one life of the node. */
export interface PolarizationIdentity {
  readonly groupId: string;
  readonly nodeId: NodeId;
  readonly peerId: NodeId;
  readonly role: Role;
  readonly incarnation: number;
  readonly bootId: string;
  readonly machineBootId: string;
  readonly lineageSeed: string;
  readonly faultModel: FaultModel;
  readonly timing: PolarizationTiming;
  readonly bootAlone: boolean;
  readonly pristine: boolean;
}

/** The peer as this node knows it, in the session that stands. */
export interface PeerView {
  readonly session: number;
  readonly connectedAt: Millis;
  readonly introduction: Introduction;
  /** When the peer last spoke of its health. */
  readonly healthAt: Millis;
  /** When anything last came in this session. */
  readonly heardAt: Millis;
  /** Nothing is proposed before this: the peer has refused, or said that it is busy. */
  readonly proposeAt: Millis;
  /** What this node has last told of itself, to tell only changes. */
  readonly told?: string | undefined;
  /** What was last reported about this meeting, to report it once. */
  readonly reported?: string | undefined;
}

interface Numbered {
  readonly sequence: number;
  readonly sentAt: Millis;
}

/** Everything about the leases of the present epoch, for both roles. The four sums of the mechanism stand in lease.ts. */
export interface LeaseBook {
  /** Session in which leases are renewed, and since when. */
  readonly session?: number | undefined;
  readonly startedAt: Millis;
  /** Non-preferred: requests that no grant has answered yet, newest last. */
  readonly requests: readonly Numbered[];
  readonly requestSequence: number;
  readonly requestAt?: Millis | undefined;
  /** Non-preferred: when the request that the latest grant answered was sent, and for how long it was granted. */
  readonly answeredSentAt?: Millis | undefined;
  readonly grantedMs: DurationMs;
  readonly receivedGrant?: { readonly sequence: number; readonly at: Millis } | undefined;
  /** Non-preferred: when the latest grant that this node ever acknowledged was received. */
  readonly ackedGrantReceivedAt?: Millis | undefined;
  /** Preferred: grants that no request has acknowledged yet, newest last. */
  readonly grants: readonly Numbered[];
  readonly grantSequence: number;
  /** Preferred: when the latest grant was sent, acknowledged or not. */
  readonly grantSentAt?: Millis | undefined;
  /** Preferred: when the latest acknowledged grant was sent. */
  readonly ackedGrantSentAt?: Millis | undefined;
}

/** What happens once a record is durable. Plain data, since it waits in the state. */
export type Continuation =
  | { readonly kind: 'serve-alone'; readonly by: AloneBy }
  | { readonly kind: 'fenced' }
  | {
      readonly kind: 'handed-over';
      readonly session: number;
      readonly lineageId: string;
      readonly commandId?: string;
    }
  | { readonly kind: 'sync-target'; readonly session: number; readonly full: boolean }
  | {
      readonly kind: 'sync-source';
      readonly session: number;
      readonly full: boolean;
      readonly copyId?: string;
    }
  | { readonly kind: 'prepared'; readonly session: number }
  | { readonly kind: 'mirrored'; readonly session: number; readonly side: 'source' | 'target' }
  | { readonly kind: 'member' }
  | { readonly kind: 'split-brain' }
  | { readonly kind: 'victim'; readonly commandId: string }
  | { readonly kind: 'resume'; readonly commandId: string }
  | { readonly kind: 'stopped'; readonly commandId: string }
  | { readonly kind: 'noted' };

export interface Saving {
  readonly effect: EffectId;
  readonly record: NodeRecord;
  readonly then: Continuation;
  /** The write has failed: it is wished again at this time. */
  readonly retryAt?: Millis | undefined;
}

/** The one conversation with the peer that may be under way. */
export type Operation =
  /** Asked the peer to be the target; serving as before. */
  | {
      readonly kind: 'proposing';
      readonly session: number;
      readonly epoch: number;
      readonly lineageId: string;
      readonly full: boolean;
      readonly copyId?: string;
      readonly since: Millis;
    }
  /** Asked the target to mirror; still serving as the source. */
  | {
      readonly kind: 'preparing';
      readonly session: number;
      readonly epoch: number;
      readonly lineageId: string;
    }
  /** The target is prepared: host I/O is held until nothing is in flight. */
  | {
      readonly kind: 'draining';
      readonly session: number;
      readonly epoch: number;
      readonly lineageId: string;
      readonly since: Millis;
      readonly effect: EffectId;
    }
  /** Offered the own role; serving as before. */
  | {
      readonly kind: 'offering';
      readonly session: number;
      readonly epoch: number;
      readonly lineageId: string;
      readonly since: Millis;
      readonly commandId?: string;
    }
  /** The peer has accepted: this node has stopped serving and finishes what is in flight. */
  | {
      readonly kind: 'fencing';
      readonly session: number;
      readonly epoch: number;
      readonly lineageId: string;
      readonly since: Millis;
      readonly effect: EffectId;
      readonly pause: boolean;
      readonly commandId?: string;
    }
  /** Fenced durably, and the peer told so. */
  | {
      readonly kind: 'handing';
      readonly session: number;
      readonly epoch: number;
      readonly commandId?: string;
    }
  /** Accepted an offer: acts only on the commit. */
  | {
      readonly kind: 'accepting';
      readonly session: number;
      readonly epoch: number;
      readonly lineageId: string;
      readonly since: Millis;
    }
  /** Asked the peer to step back, by an operator's word. */
  | {
      readonly kind: 'pausing';
      readonly session: number;
      readonly epoch: number;
      readonly lineageId: string;
      readonly since: Millis;
      readonly commandId: string;
    }
  /** Flushing for the last time. */
  | { readonly kind: 'stopping'; readonly effect: EffectId; readonly commandId: string };

/** The last word of the witness. `trusted`: its memory is not in doubt. */
export interface WitnessGlance {
  readonly state: WitnessState;
  readonly trusted: boolean;
  readonly epoch: number;
  readonly owner?: NodeId;
  readonly lineageId?: string;
}

/** What this node knows of the witness. */
export interface WitnessKnowledge {
  readonly incarnation?: string | undefined;
  /** Undefined: not asked yet. */
  readonly reachable?: boolean | undefined;
  /** What it last said, when it said anything. */
  readonly view?: WitnessGlance | undefined;
  /** What the witness is known to have on record about this node's epoch. */
  readonly confirmed?: { readonly epoch: number; readonly as: 'owner' | 'member' } | undefined;
  /** It does not know that both mirror, and the short way of telling it has failed: register instead. */
  readonly mustRegister: boolean;
  /** When the next call of duty is due. */
  readonly nextAt: Millis;
}

/** Everything that one node's policy knows about one group. Plain JSON: it survives a round trip through text. */
export interface PolarizationState {
  readonly version: 1;
  readonly self: PolarizationIdentity;
  readonly now: Millis;
  readonly startedAt: Millis;
  /** False until the first event: `init` may wish nothing. */
  readonly booted: boolean;
  /** An orderly stop is complete: nothing is handled any more. */
  readonly stopped: boolean;
  readonly mode: Mode;
  /** What stands on stable storage for certain. */
  readonly record: NodeRecord;
  readonly saving?: Saving | undefined;
  readonly gate: Gate;
  readonly lineagesDrawn: number;
  readonly legFailure?: { readonly operation: string; readonly detail: string } | undefined;
  readonly health: {
    readonly level: HealthLevel;
    readonly reasons: readonly string[];
    readonly since: Millis;
  };
  readonly initiators: number;
  /** No initiator comes here while the peer has some: confirmed, and since when the present opposite has been seen. */
  readonly unreached: { readonly value: boolean; readonly changingSince?: Millis | undefined };
  /** So many peers of this process were lost at once that this node suspects itself. */
  readonly suspicion?: { readonly lost: number; readonly of: number } | undefined;
  readonly healthToldAt?: Millis | undefined;
  readonly lastSession: number;
  readonly peer?: PeerView | undefined;
  /** Boot id of the peer with which this node mirrors or last mirrored in this life. */
  readonly mirroringWith?: string | undefined;
  readonly lease: LeaseBook;
  readonly loss?: { readonly at: Millis; readonly cause: LossCause } | undefined;
  /** The peer is known not to serve from this time on, by its own word or by evidence. */
  readonly peerQuietAt?: Millis | undefined;
  /** Certain evidence that the peer's instance has ended. */
  readonly evidenceAt?: Millis | undefined;
  /** The claim that this node has made at the witness; its outcome may be unknown. */
  readonly asked?: Lineage | undefined;
  readonly claim?: OpenClaim | undefined;
  /** Answered claim that is not written down yet. */
  readonly grant?: (Lineage & { readonly by: AloneBy }) | undefined;
  readonly denied?: Lineage | undefined;
  readonly round: { readonly tries: number; readonly failed: boolean; readonly nextAt: Millis };
  /** A durable record of the own ownership counts: something in this life has confirmed it. */
  readonly entitledBy?: AloneBy | undefined;
  readonly witness: WitnessKnowledge;
  readonly operation?: Operation | undefined;
  readonly resync?:
    | {
        readonly effect: EffectId;
        readonly session: number;
        readonly side: 'source' | 'target';
        readonly full: boolean;
      }
    | undefined;
  /** No handover is offered before this. */
  readonly offerAt: Millis;
}
