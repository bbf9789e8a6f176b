import type { EffectId, PolicyEffect, PolicyEvent } from '../kernel/policy.js';
import type { LatencyFailbackEffect, LatencyFailbackFact } from '../policies/latency-failback/index.js';
import type { MediatorFallbackEffect, MediatorFallbackFact } from '../policies/mediator-fallback/index.js';
import type { PlannedFailoverEffect, PlannedFailoverFact } from '../policies/planned-failover/index.js';
import type { SwapRecoveryEffect, SwapRecoveryFact } from '../policies/swap-recovery/index.js';
import type {
  Gate,
  HealthLevel,
  Introduction,
  NodeId,
  PolarizationEffect,
  PolarizationFact,
} from '../policies/ttl-polarization/index.js';
import type { GroupReason } from './reasons.js';
import type { GroupRecord } from './record.js';

/** The policies that a group can be made of, in the order of their precedence. */
export type GroupPolicyName =
  'ttl-polarization' | 'mediator-fallback' | 'swap-recovery' | 'planned-failover' | 'latency-failback';

/** What may change who orders or acknowledges writes. First of all a fault; each one gives way to those before it. */
export type GroupOperationKind = 'fault' | 'handover' | 'planned-failover' | 'failback';

/** The one operation that has the group. */
export interface GroupLock {
  readonly kind: GroupOperationKind;
  readonly policy: GroupPolicyName;
  readonly operationId: string;
  /** The epoch that it began in. */
  readonly epoch: number;
  /** Still before its point of no return: something of a higher precedence ends it. */
  readonly revocable: boolean;
}

/** What the two nodes say of themselves when they meet. */
export interface GroupIntroduction {
  readonly introduction: Introduction;
  /** Who goes first when the two lose each other. It moves with a planned failover, so the later epoch's word counts. */
  readonly preferred: NodeId;
}

/** Messages of the group itself. The policies' own messages travel beside them, under their policy's name. */
export type GroupMessage =
  /** The owner of a resync has given the order of writes to the target: said again until `order-taken` comes. */
  | {
      readonly kind: 'order-passed';
      readonly epoch: number;
      readonly lineageId: string;
      readonly fromEpoch: number;
      readonly sequencer: NodeId;
    }
  | { readonly kind: 'order-taken'; readonly epoch: number };

/** What the data path may do for hosts: the words of all policies joined, the strictest counts. */
export interface GroupGate extends Omit<Gate, 'reads'> {
  /** `confirmed`: this copy answers what is in sync here, after the owner has confirmed it in the session; the rest is fetched there. */
  readonly reads: Gate['reads'] | 'confirmed';
  /** This node orders overlapping writes. Never true at both. */
  readonly ordersWrites: boolean;
}

/** What the copy of a resync reports, at both sides. It is started once, whoever wants it. */
export interface GroupCopyReport {
  /** Number of the map of what is out of sync; a rebuilt map has a higher one. */
  readonly generation: number;
  readonly outOfSyncBytes: number;
  readonly totalBytes: number;
  readonly copiedBytes: number;
  readonly dirtiedBytes: number;
  readonly copyErrors: number;
}

/** What decides who is elected while no mediator is there, beside what the group knows already. */
export interface GroupHostFacts {
  readonly hostIops: number;
  readonly hostLatencyMs: number;
  readonly hardwareRank: number;
}

/** Facts that the group itself says to its policies: nobody else may. */
type SaidByGroup = 'tick' | 'peer-connected' | 'peer-disconnected' | 'persisted' | 'persist-failed';

/** A fact for one policy: answers to its wishes, messages of its twin, what only it asks about, commands for it. */
export type GroupPartFact =
  | {
      readonly policy: 'ttl-polarization';
      readonly fact: Exclude<PolarizationFact, { kind: SaidByGroup }>;
    }
  | {
      readonly policy: 'mediator-fallback';
      readonly fact: Exclude<
        MediatorFallbackFact,
        { kind: SaidByGroup | 'facts-changed' | 'in-sync-changed' | 'fault' | 'fault-over' | 'member-synced' }
      >;
    }
  | {
      readonly policy: 'swap-recovery';
      readonly fact: Exclude<
        SwapRecoveryFact,
        { kind: SaidByGroup | 'epoch-known' | 'link-changed' | `operation-${string}` }
      >;
    }
  | {
      readonly policy: 'planned-failover';
      readonly fact: Exclude<PlannedFailoverFact, { kind: SaidByGroup | 'standing-changed' }>;
    }
  | {
      readonly policy: 'latency-failback';
      readonly fact: Exclude<
        LatencyFailbackFact,
        { kind: SaidByGroup | 'epoch-known' | 'link-changed' | 'health-changed' | `operation-${string}` }
      >;
    };

/** Facts without time and number: what a node hands to its driver. */
export type GroupFact =
  | { readonly kind: 'tick' }
  | { readonly kind: 'peer-connected'; readonly session: number; readonly introduction: GroupIntroduction }
  | { readonly kind: 'peer-disconnected'; readonly session: number; readonly cause: string }
  | { readonly kind: 'peer-message'; readonly session: number; readonly message: GroupMessage }
  /** Result of the group's `persist`. */
  | { readonly kind: 'persisted'; readonly effect: EffectId }
  | { readonly kind: 'persist-failed'; readonly effect: EffectId; readonly detail: string }
  | { readonly kind: 'copy-reported'; readonly report: GroupCopyReport }
  | { readonly kind: 'host-facts-changed'; readonly facts: GroupHostFacts }
  | ({ readonly kind: 'part' } & GroupPartFact);

export type GroupEvent = GroupFact & PolicyEvent;

/** A wish of one policy as it came out of it. Its own id is the one that an answer names. */
type Wrapped<Policy extends GroupPolicyName, Inner extends PolicyEffect> = PolicyEffect & {
  readonly kind: 'part';
  readonly policy: Policy;
  readonly effect: Inner;
  readonly because: Inner['because'];
  /** The mediator that an `ask-witness` is for, when more than one is listed. */
  readonly mediator?: string;
};

/** What comes out of the policies. Records and gates do not: the group writes and sets one for all. */
export type GroupPartEffect =
  | Wrapped<'ttl-polarization', Exclude<PolarizationEffect, { kind: 'persist' | 'set-gate' }>>
  | Wrapped<
      'mediator-fallback',
      Extract<MediatorFallbackEffect, { kind: 'send' | 'probe' | 'enrol' | 'answer' | 'report' }>
    >
  | Wrapped<
      'swap-recovery',
      Extract<
        SwapRecoveryEffect,
        { kind: 'fence-hosts' | 'list-health' | 'mark-tracks' | 'set-swap' | 'answer' | 'report' }
      >
    >
  | Wrapped<
      'planned-failover',
      Exclude<PlannedFailoverEffect, { kind: 'persist' | 'set-gate' | 'hand-back' }>
    >
  | Wrapped<
      'latency-failback',
      Extract<LatencyFailbackEffect, { kind: 'probe' | 'hold-io' | 'hand-over-map' | 'answer' | 'report' }>
    >;

type Own<Kind extends string, Fields = unknown> = PolicyEffect & {
  readonly kind: Kind;
  readonly because: GroupReason;
} & Fields;

export type GroupEffect =
  /** Make this the one record on stable storage. Answered by `persisted` or `persist-failed`. Later persists never overtake. */
  | Own<'persist', { readonly record: GroupRecord }>
  | Own<'set-gate', { readonly gate: GroupGate }>
  | Own<'send', { readonly session: number; readonly message: GroupMessage }>
  | Own<'report', { readonly level: 'info' | 'warning' | 'alarm' }>
  | GroupPartEffect;

/** How a node of the group is, for whoever asks what would happen. */
export interface GroupNodeView {
  readonly nodeId: NodeId;
  readonly health: HealthLevel;
  readonly initiators: number;
}
