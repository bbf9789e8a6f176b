import type { EffectId, PolicyEffect, PolicyEvent } from '../../kernel/policy.js';
import type { DurationMs } from '../../kernel/time.js';
import type { MediatorFallbackReason } from './reasons.js';

/** Who goes on after a fault. Only a model that was agreed on while everybody was in contact ever counts. */
export type FaultResponseModel =
  /** The side that this mediator grants the group to. */
  | { readonly kind: 'mediator'; readonly id: string }
  /** The side that this member is on. */
  | { readonly kind: 'preElected'; readonly node: string }
  /** The side that all of these are on. */
  | { readonly kind: 'subset'; readonly nodes: readonly string[] }
  /** The side with so many votes. `need` is more than half of all votes. */
  | { readonly kind: 'quorum'; readonly votes: Readonly<Record<string, number>>; readonly need: number }
  /** Nobody, until an operator forces one. */
  | { readonly kind: 'manual' };

export interface NumberedModel {
  readonly version: number;
  readonly model: FaultResponseModel;
}

/** One stretch of membership. Every survival and every return begins a new one; mediators know the latest that they were told. */
export interface FaultPartition {
  readonly generation: number;
  readonly members: readonly string[];
}

/** What a member has on stable storage. Plain JSON. */
export interface MediatorFallbackRecord {
  readonly version: 1;
  readonly groupId: string;
  readonly nodeId: string;
  readonly current: NumberedModel;
  /** Promised and not known to be agreed by all: until it is, a fault is survived only by both. */
  readonly pending?: NumberedModel;
  /** The highest version ever seen here: a number is never given to two models. */
  readonly highest: number;
  readonly partition: FaultPartition;
  /** `survivor`: goes on without the others. `detached`: others go on; nothing here counts before a return. */
  readonly standing: 'member' | 'survivor' | 'detached';
  /** An operator has accepted the loss of what the other side may have acknowledged. */
  readonly dataLossAcceptedAt?: number;
}

/** How one member sees one mediator, with hysteresis both ways. */
export type MediatorSight = 'reliable' | 'failing' | 'down' | 'recovering';

/** What decides who is elected. Higher is better, except the latency. */
export interface MemberFacts {
  readonly upToDate: boolean;
  readonly healthy: boolean;
  readonly hostPaths: number;
  readonly hostIops: number;
  readonly hostLatencyMs: number;
  readonly hardwareRank: number;
}

/** Messages between members. All of them may be lost, repeated or late. */
export type MediatorFallbackMessage =
  | {
      readonly kind: 'report';
      readonly sights: Readonly<Record<string, MediatorSight>>;
      readonly facts: MemberFacts;
      /** Of the sender's record: whoever takes it in goes above that. */
      readonly generation: number;
      /** Of the sender's model: whoever knows a newer one that was agreed says so. */
      readonly version: number;
    }
  /** `base` is what the coordinator has committed: whoever missed that learns it here. */
  | { readonly kind: 'propose'; readonly proposed: NumberedModel; readonly base: NumberedModel }
  | { readonly kind: 'ack'; readonly version: number }
  /** `current` is what the sender goes by: a coordinator that missed it learns it here. */
  | {
      readonly kind: 'refuse';
      readonly version: number;
      readonly highest: number;
      readonly current: NumberedModel;
    }
  | { readonly kind: 'commit'; readonly committed: NumberedModel }
  | { readonly kind: 'committed'; readonly version: number }
  | { readonly kind: 'abort'; readonly version: number }
  | { readonly kind: 'readmit'; readonly partition: FaultPartition; readonly current: NumberedModel }
  | { readonly kind: 'readmitted'; readonly generation: number };

export type MediatorProbeAnswer =
  | { readonly kind: 'ok'; readonly rttMs: DurationMs }
  /** Whatever went wrong: an error that nobody knows means unavailable, never lost. */
  | { readonly kind: 'failed'; readonly detail: string };

/**
 * `denied` names the generation that the mediator knows, and its members where it says so: without them a survivor whose own return was
 * granted and not heard of takes it for somebody else's. `unknown`: no answer, or one that says nothing; it may have been granted.
 */
export type MediationAnswer =
  | { readonly kind: 'granted' }
  | { readonly kind: 'denied'; readonly generation: number; readonly members?: readonly string[] }
  | { readonly kind: 'unknown'; readonly detail: string };

export type MediatorFallbackCommand =
  /** From now on this member is elected first; undefined: by the facts alone. */
  | { readonly kind: 'prefer'; readonly node?: string }
  /** Serve here although nobody has agreed. Refused unless the generation is the record's. */
  | {
      readonly kind: 'force-survivor';
      readonly expectedGeneration: number;
      readonly acknowledgeDataLoss: true;
    };

/** Facts without time and number. */
export type MediatorFallbackFact =
  | { readonly kind: 'tick' }
  | { readonly kind: 'peer-connected'; readonly nodeId: string }
  | { readonly kind: 'peer-disconnected'; readonly nodeId: string }
  | { readonly kind: 'peer-message'; readonly nodeId: string; readonly message: MediatorFallbackMessage }
  | { readonly kind: 'facts-changed'; readonly facts: MemberFacts }
  /** Who has a complete copy and takes part, as fault handling says. Includes this member when it does. */
  | { readonly kind: 'in-sync-changed'; readonly inSync: readonly string[] }
  /** Result of `probe`. */
  | { readonly kind: 'probed'; readonly effect: EffectId; readonly answer: MediatorProbeAnswer }
  /** Result of `mediate`, `enrol`. */
  | { readonly kind: 'mediated'; readonly effect: EffectId; readonly answer: MediationAnswer }
  /**
   * The group has fallen apart: host I/O is held. `side` is this member and who is in contact with it in the same partition: nobody who
   * has given up, goes on without it or is about to, or has not been taken in again. Said again when that changes; a side of all decides
   * nothing and ends with `fault-over`.
   */
  | { readonly kind: 'fault'; readonly side: readonly string[] }
  /** The same members are in contact again and nobody has gone on alone. `asked`: one of them has called a mediator meanwhile. */
  | { readonly kind: 'fault-over'; readonly asked: boolean }
  /** At a survivor: that member's copy is complete again. It may serve once it is readmitted. */
  | { readonly kind: 'member-synced'; readonly nodeId: string }
  | { readonly kind: 'persisted'; readonly effect: EffectId }
  | { readonly kind: 'persist-failed'; readonly effect: EffectId; readonly detail: string }
  | { readonly kind: 'command'; readonly commandId: string; readonly command: MediatorFallbackCommand };

export type MediatorFallbackEvent = MediatorFallbackFact & PolicyEvent;

type Effect<Kind extends string, Fields = unknown> = PolicyEffect & {
  readonly kind: Kind;
  readonly because: MediatorFallbackReason;
} & Fields;

export type MediatorFallbackEffect =
  | Effect<'persist', { readonly record: MediatorFallbackRecord }>
  | Effect<'send', { readonly to: string; readonly message: MediatorFallbackMessage }>
  /** Is it there? Answered by `probed` within `probeTimeoutMs`; silence is the answer `failed`. */
  | Effect<'probe', { readonly mediator: string }>
  /**
   * Compare and swap at the mediator: if the group's generation there is `from`, make it `to`. Done already is granted again; anything
   * else is denied. Answered by `mediated`.
   */
  | Effect<'mediate', { readonly mediator: string; readonly from: number; readonly to: FaultPartition }>
  /** Tell a mediator that is to be used from now on how the group stands: taken unless it knows a later generation. */
  | Effect<'enrol', { readonly mediator: string; readonly partition: FaultPartition }>
  /** This side goes on: serve once the others have stopped for certain, which the leases say. */
  | Effect<'survive', { readonly partition: FaultPartition }>
  /** This side does not go on. `final`: others do; otherwise it may still change. */
  | Effect<'stay-offline', { readonly final: boolean }>
  /** The member is one again: from now on it serves with the others, and its loss is a fault to be asked about here. */
  | Effect<'readmitted', { readonly nodeId: string; readonly partition: FaultPartition }>
  | Effect<'answer', { readonly commandId: string; readonly ok: boolean; readonly detail: string }>
  /** The group is whole and goes on as before: serve. */
  | Effect<'resume', { readonly partition: FaultPartition }>
  | Effect<'report', { readonly level: 'info' | 'warning' | 'alarm' }>;
