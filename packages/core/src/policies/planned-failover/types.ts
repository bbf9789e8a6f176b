import type { EffectId, PolicyEffect, PolicyEvent } from '../../kernel/policy.js';
import type { DurationMs } from '../../kernel/time.js';
import type { PlannedFailoverReason } from './reasons.js';

/** Who has which role in the group, and under which epoch. The fault handling of the group keeps the same four fields. */
export interface PlannedFailoverRoles {
  readonly epoch: number;
  readonly lineageId: string;
  /** Orders overlapping writes. What older systems call primary or master. */
  readonly sequencer: string;
  /** Goes first when the two lose each other. Moves with the sequencer. */
  readonly preferred: string;
}

/** Durable steps at the authority, which is the old sequencer. Rolled back and done leave no operation behind. */
export type PlannedFailoverPhase = 'started' | 'prepared' | 'fenced' | 'committed' | 'demoting';

/** The failover context at the authority: as long as it stands, and only then, the roles can change by it. */
export interface PlannedFailoverOperation {
  readonly operationId: string;
  readonly from: string;
  readonly to: string;
  readonly fromEpoch: number;
  readonly phase: PlannedFailoverPhase;
  /** Every volume of the group: all of them change sides, or none. */
  readonly members: readonly string[];
  /** The epoch that the target is ready for, from `prepared` on. The target has drawn its lineage. */
  readonly next?: PlannedFailoverEpoch;
}

export interface PlannedFailoverEpoch {
  readonly epoch: number;
  readonly lineageId: string;
}

/** What the target has promised: to be the sequencer of `next`, once the source or the witness says so. */
export interface PlannedFailoverPreparation {
  readonly operationId: string;
  readonly from: string;
  readonly next: PlannedFailoverEpoch;
  /** Fault handling has the group: nothing is asked for under this promise any more. Only its lineage is kept. */
  readonly discarded: boolean;
}

/** The roles have passed to this node by this operation, and the old sequencer has not confirmed its end yet. */
export interface PlannedFailoverGrant {
  readonly operationId: string;
  readonly from: string;
}

export type PlannedFailoverOutcomeKind = 'completed' | 'completed-with-warnings' | 'failed';

export interface PlannedFailoverOutcome {
  readonly operationId: string;
  readonly outcome: PlannedFailoverOutcomeKind;
  readonly epoch: number;
  readonly because: PlannedFailoverReason;
}

/** What a node has on stable storage. Plain JSON. Source and target use the same shape. */
export interface PlannedFailoverRecord {
  readonly version: 1;
  readonly groupId: string;
  readonly nodeId: string;
  readonly roles: PlannedFailoverRoles;
  readonly operation?: PlannedFailoverOperation;
  readonly preparation?: PlannedFailoverPreparation;
  readonly grant?: PlannedFailoverGrant;
  /** How the latest operation ended: a repeated start gets the same answer. */
  readonly last?: PlannedFailoverOutcome;
}

/**
 * What the fault handling of the group says. `mirrored`: both nodes serve under `epoch`. `interrupted`: anything else that is known.
 * `unknown`: nothing yet, as after a start.
 */
export interface PlannedFailoverStanding {
  readonly service: 'unknown' | 'mirrored' | 'interrupted';
  readonly epoch: number;
  readonly lineageId: string;
  readonly sequencer: string;
  readonly preferred: string;
  /** The node that serves alone in this epoch, if one does. */
  readonly owner?: string;
  /** Both copies are complete: no resync is running or needed. */
  readonly inSync: boolean;
  /** The peer is healthy by its own fresh word. */
  readonly peerHealthy: boolean;
  readonly mediatorReachable: boolean;
  /** Another operation holds the group (its name): a volume move, an upgrade, a failback. */
  readonly busyWith?: string;
}

/** Something that stands in the way, of one volume or of the whole group. */
export interface PlannedFailoverObstacle {
  readonly member?: string;
  readonly detail: string;
}

/** Messages of this policy between the two nodes. Any of them may be lost, repeated or late. */
export type PlannedFailoverMessage =
  | {
      readonly kind: 'prepare';
      readonly operationId: string;
      readonly fromEpoch: number;
      readonly members: readonly string[];
    }
  | { readonly kind: 'prepared'; readonly operationId: string; readonly next: PlannedFailoverEpoch }
  | {
      readonly kind: 'prepare-refused';
      readonly operationId: string;
      readonly obstacles: readonly PlannedFailoverObstacle[];
    }
  /** 'Hold your hosts, and say when you have applied everything up to here.' */
  | { readonly kind: 'barrier'; readonly operationId: string; readonly barrierSequence: number }
  | { readonly kind: 'barrier-reached'; readonly operationId: string; readonly barrierSequence: number }
  /** 'If this operation is fenced and I have everything, make me the sequencer.' Repeated until answered. */
  | { readonly kind: 'test-and-set'; readonly operationId: string; readonly fromEpoch: number }
  | { readonly kind: 'granted'; readonly operationId: string; readonly next: PlannedFailoverEpoch }
  /** No roles now. `underWay`: the operation may still come to it, so ask again; otherwise it is over, or was never known. */
  | { readonly kind: 'denied'; readonly operationId: string; readonly underWay: boolean }
  | { readonly kind: 'role-applied'; readonly operationId: string; readonly epoch: number }
  | { readonly kind: 'demote-done'; readonly operationId: string };

export type PlannedFailoverCommand =
  /** Give the roles to the peer. The id makes a repetition harmless. `rollbackMs` shortens the time up to the commit. */
  | { readonly kind: 'start'; readonly operationId: string; readonly rollbackMs?: DurationMs }
  /** Only before the commit. */
  | { readonly kind: 'abort'; readonly operationId: string }
  | { readonly kind: 'status' };

/** Facts without time and number. */
export type PlannedFailoverFact =
  | { readonly kind: 'tick' }
  | { readonly kind: 'peer-connected'; readonly session: number }
  | { readonly kind: 'peer-disconnected'; readonly session: number; readonly cause: string }
  | { readonly kind: 'peer-message'; readonly session: number; readonly message: PlannedFailoverMessage }
  | { readonly kind: 'standing-changed'; readonly standing: PlannedFailoverStanding }
  /** Result of `check`: what stands in the way here (a volume move, a giveback); nothing when empty. */
  | {
      readonly kind: 'checked';
      readonly effect: EffectId;
      readonly obstacles: readonly PlannedFailoverObstacle[];
    }
  /** Result of `make-ready`: the volumes whose mappings, reservations and locks this node holds now, and what went wrong. */
  | {
      readonly kind: 'made-ready';
      readonly effect: EffectId;
      readonly ready: readonly string[];
      readonly obstacles: readonly PlannedFailoverObstacle[];
    }
  /** Result of `drain`: no host write is admitted, none is in flight; the last one that was acknowledged has this number. */
  | { readonly kind: 'drained'; readonly effect: EffectId; readonly barrierSequence: number }
  /** Result of `catch-up`: every write up to the asked number is on the own leg. */
  | { readonly kind: 'caught-up'; readonly effect: EffectId }
  /** Result of `switch-paths`. Warnings do not undo a committed failover; people are told. */
  | { readonly kind: 'paths-switched'; readonly effect: EffectId; readonly warnings: readonly string[] }
  | { readonly kind: 'persisted'; readonly effect: EffectId }
  /** Not known whether the record stands on the disk. Later records never overtake earlier ones. */
  | { readonly kind: 'persist-failed'; readonly effect: EffectId; readonly detail: string }
  | { readonly kind: 'command'; readonly commandId: string; readonly command: PlannedFailoverCommand };

export type PlannedFailoverEvent = PlannedFailoverFact & PolicyEvent;

/** This policy's word on host I/O: a veto and a role, never a permission. Fault handling says whether the group is served at all. */
export interface PlannedFailoverGate {
  /** `hold`: keep host requests, answer later, also those that the peer has forwarded. `free`: no objection. */
  readonly host: 'free' | 'hold';
  /** This node orders the writes of a mirrored group. Never true at both. */
  readonly ordersWrites: boolean;
  readonly roles: PlannedFailoverRoles;
}

type Effect<Kind extends string, Fields = unknown> = PolicyEffect & {
  readonly kind: Kind;
  readonly because: PlannedFailoverReason;
} & Fields;

export type PlannedFailoverEffect =
  /** Make this the record on stable storage: roles and context change together or not at all. */
  | Effect<'persist', { readonly record: PlannedFailoverRecord }>
  | Effect<'send', { readonly session: number; readonly message: PlannedFailoverMessage }>
  | Effect<'set-gate', { readonly gate: PlannedFailoverGate }>
  /** Source: is anything going on with these volumes that must not be interrupted? Answered by `checked`. */
  | Effect<'check', { readonly members: readonly string[] }>
  /** Target: take over mappings, reservations, locks and resources of these volumes in standby. Answered by `made-ready`. */
  | Effect<'make-ready', { readonly operationId: string; readonly members: readonly string[] }>
  /** Source: admit no host write, finish what is in flight on both legs. Answered by `drained`; ends with the next free gate. */
  | Effect<'drain'>
  /** Target: apply everything up to this number. Answered by `caught-up`. */
  | Effect<'catch-up', { readonly barrierSequence: number }>
  /**
   * Tell the hosts' multipathing which paths are best, and turn replication round. `heldRequests` is what becomes of the requests
   * that were held here: `forward` sends them to the sequencer, `redirect` answers "in transition, try the other path". Idempotent.
   */
  | Effect<
      'switch-paths',
      { readonly sequencer: string; readonly heldRequests: 'forward' | 'redirect' | 'serve' }
    >
  /** The group's operation lock is free again: fault handling, or another operation, may act on the group. */
  | Effect<'hand-back', { readonly operationId: string; readonly epoch: number }>
  | Effect<'answer', { readonly commandId: string; readonly ok: boolean; readonly detail: string }>
  | Effect<'report', { readonly level: 'info' | 'warning' | 'alarm' }>;
