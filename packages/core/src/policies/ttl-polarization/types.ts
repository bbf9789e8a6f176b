import type { EffectId, PolicyEffect, PolicyEvent } from '../../kernel/policy.js';
import type { Millis } from '../../kernel/time.js';
import type { FencingEvidence } from '../../ports/fencer.js';
import type { WitnessAnswer } from '../../ports/witness.js';
import type { Because } from './reasons.js';

export type NodeId = string;
export type Role = 'preferred' | 'nonPreferred';

/**
 * What a node is doing for one consistency group.
 * Only `mirrored`, `standalone` and `syncSource` ever acknowledge a write.
 */
export type Mode =
  | 'unknown'
  | 'mirrored'
  | 'suspended'
  | 'arbitrating'
  | 'standalone'
  | 'fenced'
  | 'syncSource'
  | 'syncTarget'
  | 'paused'
  | 'splitBrain';

/** Modes that are written down. The others are thoughts of a living process: it starts again in `unknown`. */
export type DurableMode =
  'fresh' | 'mirrored' | 'standalone' | 'fenced' | 'syncSource' | 'syncTarget' | 'paused' | 'splitBrain';

/**
 * `upToDate`: holds every acknowledged write. `consistent`: held them, but may have lost volatile ones with its machine's power.
 * `outdated`: whole, and old. `inconsistent`: partly old, partly new (a resync target). Only `upToDate` may survive alone.
 */
export type DataState = 'upToDate' | 'consistent' | 'outdated' | 'inconsistent';

export type HealthLevel = 'ok' | 'degraded' | 'unhealthySoft' | 'unhealthyHard';

/** One stretch of history under one owner. Two records are related when one stands in the other's history. */
export interface Lineage {
  readonly epoch: number;
  readonly lineageId: string;
}

/** What a node has on stable storage about one group. Plain JSON. */
export interface NodeRecord {
  readonly version: 1;
  readonly groupId: string;
  readonly nodeId: NodeId;
  readonly mode: DurableMode;
  readonly epoch: number;
  readonly lineageId: string;
  /** Who holds survivorship in this epoch; undefined while both mirror. */
  readonly owner?: NodeId;
  /** Who orders writes in this epoch. Changes only with the epoch. */
  readonly sequencer: NodeId;
  readonly dataState: DataState;
  /** Lineages that this copy went through, newest first, without the present one. Bounded. */
  readonly history: readonly Lineage[];
  readonly witnessIncarnation?: string;
  /** Agreed to mirror under this lineage, and not heard yet whether the source has committed. */
  readonly prepared?: Lineage & { readonly sequencer: NodeId };
  /** Machine start during which this record was written. */
  readonly machineBootId: string;
  /** The node stopped in order: nothing was in flight, both legs are flushed. Cleared before the first write of a start. */
  readonly clean: boolean;
  /** A resync that must copy everything was agreed on and has not been completed. */
  readonly fullResync?: true;
  /** With `fullResync`: which full copy it is. The source knows by this name how far it has come, and goes on there. */
  readonly fullCopyId?: string;
}

/** What a node says of itself when the two meet. */
export interface Introduction {
  readonly nodeId: NodeId;
  readonly role: Role;
  readonly bootId: string;
  readonly machineBootId: string;
  readonly mode: Mode;
  readonly record: NodeRecord;
  /** Boot id of the peer with which this node was mirroring when it last was; undefined after a start. */
  readonly mirroringWithBootId?: string;
  /** A claim at the witness is under way, or its outcome is not known: nobody may resume. */
  readonly asked: boolean;
  /** The leg has never been written: it is all zeros. */
  readonly pristine: boolean;
  readonly health: HealthLevel;
  readonly initiators: number;
}

/** Messages of this policy between the two nodes. They travel in one session, in order, or not at all. */
export type PolarizationMessage =
  | {
      readonly kind: 'ttl-request';
      readonly epoch: number;
      readonly requestSequence: number;
      readonly ackedGrantSequence: number;
    }
  | {
      readonly kind: 'ttl-grant';
      readonly epoch: number;
      readonly requestSequence: number;
      readonly grantSequence: number;
      readonly ttlMs: number;
    }
  | {
      readonly kind: 'health';
      readonly level: HealthLevel;
      readonly reasons: readonly string[];
      readonly dataState: DataState;
      readonly initiators: number;
    }
  | { readonly kind: 'peer-lost'; readonly epoch: number }
  | { readonly kind: 'mode-changed'; readonly introduction: Introduction }
  | { readonly kind: 'offer-win'; readonly epoch: number; readonly lineageId: string }
  | { readonly kind: 'accept-win'; readonly epoch: number; readonly lineageId: string }
  | { readonly kind: 'commit-win'; readonly epoch: number; readonly lineageId: string }
  | { readonly kind: 'win-ack'; readonly epoch: number; readonly lineageId: string }
  /** By an operator's word: 'step back, I serve alone until resumed'. Answered by `commit-win` once it has. */
  | { readonly kind: 'pause-request'; readonly epoch: number; readonly lineageId: string }
  /** The source to be: 'be my target under this lineage'. The target persists that before it accepts; that is its consent. */
  | {
      readonly kind: 'sync-propose';
      readonly epoch: number;
      readonly lineageId: string;
      readonly full: boolean;
      /** With `full`: the copy that begins, or that goes on where it was interrupted. */
      readonly copyId?: string;
    }
  | { readonly kind: 'sync-accept'; readonly epoch: number; readonly lineageId: string }
  | {
      readonly kind: 'sync-refuse';
      readonly epoch: number;
      readonly lineageId: string;
      readonly detail: string;
    }
  | {
      readonly kind: 'mirror-prepare';
      readonly epoch: number;
      readonly lineageId: string;
      readonly sequencer: NodeId;
    }
  | { readonly kind: 'mirror-prepared'; readonly epoch: number; readonly lineageId: string }
  | { readonly kind: 'mirror-commit'; readonly epoch: number; readonly lineageId: string };

export type OperatorCommand =
  /** Serve here although nobody else agreed. Refused unless `expectedEpoch` is the record's and the loss is accepted in so many words. */
  | { readonly kind: 'force-survivor'; readonly expectedEpoch: number; readonly acknowledgeDataLoss: true }
  /** Serve the newest copy again after its leg had failed. Refused for any other copy; may cost what was not flushed then. */
  | { readonly kind: 'reattach'; readonly expectedEpoch: number; readonly acknowledgeUnflushedLoss: true }
  /** This node's copy gives way: it becomes the target of the other one. */
  | { readonly kind: 'resolve-split-brain'; readonly victim: NodeId }
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  /** One-sided: this node gives its role to the peer, as an unhealthy node would. */
  | { readonly kind: 'handover' }
  /** Stop in order: drain, flush, mark the record clean. */
  | { readonly kind: 'shut-down' };

export type WitnessCall = 'register' | 'promote' | 'reassert' | 'rejoin' | 'status';

/** Facts without time and number: what the node hands to its driver. */
export type PolarizationFact =
  | { readonly kind: 'tick' }
  | { readonly kind: 'peer-connected'; readonly session: number; readonly introduction: Introduction }
  | { readonly kind: 'peer-disconnected'; readonly session: number; readonly cause: string }
  | { readonly kind: 'peer-message'; readonly session: number; readonly message: PolarizationMessage }
  /** The peer neither acknowledged nor said that it is working for `replicationTimeoutMs`, or refused the epoch. */
  | { readonly kind: 'replication-silent'; readonly session: number; readonly silentMs: number }
  /** The own leg failed an operation: what it holds is not certain any more. */
  | { readonly kind: 'leg-failed'; readonly operation: 'read' | 'write' | 'flush'; readonly detail: string }
  | { readonly kind: 'health-changed'; readonly level: HealthLevel; readonly reasons: readonly string[] }
  | { readonly kind: 'initiators-changed'; readonly initiators: number }
  /** This process has lost `lost` of its `of` peers at once: the fault is likelier here. `lost` 0: that is over. */
  | { readonly kind: 'peers-lost-together'; readonly lost: number; readonly of: number }
  /** Result of `persist`. */
  | { readonly kind: 'persisted'; readonly effect: EffectId }
  | { readonly kind: 'persist-failed'; readonly effect: EffectId; readonly detail: string }
  /** Result of `ask-witness`. */
  | { readonly kind: 'witness-answered'; readonly effect: EffectId; readonly answer: WitnessAnswer }
  /**
   * Result of `drain`: host I/O is held, and nothing is in flight on this node (with `flush`: the leg is flushed). Under
   * `own-and-target` that includes the target: it has acknowledged everything, and the dirty map is empty. If it does not, this
   * never comes, and the next gate ends the wish.
   */
  | { readonly kind: 'drained'; readonly effect: EffectId }
  /** Result of `start-resync` at the source: every block was equal once, and host writes go to both. */
  | { readonly kind: 'resync-caught-up'; readonly effect: EffectId; readonly movedBytes: number }
  | { readonly kind: 'resync-failed'; readonly effect: EffectId; readonly detail: string }
  | { readonly kind: 'fencing-evidence'; readonly evidence: FencingEvidence }
  /** The process or the machine stood still: monotonic and boot time differ, or a timer came that late. */
  | { readonly kind: 'clock-stalled'; readonly stalledMs: number }
  | { readonly kind: 'command'; readonly commandId: string; readonly command: OperatorCommand };

export type PolarizationEvent = PolarizationFact & PolicyEvent;

/** What the data path may do for hosts from now on, until the next gate. */
export interface Gate {
  readonly mode: Mode;
  readonly epoch: number;
  readonly lineageId: string;
  readonly sequencer: NodeId;
  /** `open`: serve. `held`: keep requests, answer later. `closed`: drop host connections, hold new ones at the greeting. */
  readonly host: 'open' | 'held' | 'closed';
  /** Which legs a write needs before it is acknowledged. `own-and-target`: resync runs, the dirty map covers the target's gaps. */
  readonly legs: 'both' | 'own' | 'own-and-target' | 'none';
  /** `leased`: only while the lease holds (`readableUntil`). `free`: nobody else may write. */
  readonly reads: 'leased' | 'free' | 'none';
}

type Effect<Kind extends string, Fields = unknown> = PolicyEffect & {
  readonly kind: Kind;
  readonly because: Because;
} & Fields;

export type PolarizationEffect =
  /** Make this the record on stable storage. Answered by `persisted` or `persist-failed`. Later persists never overtake. */
  | Effect<'persist', { readonly record: NodeRecord }>
  | Effect<'send', { readonly session: number; readonly message: PolarizationMessage }>
  /** Answered by `witness-answered` within `witnessCallTimeoutMs`; silence is the answer `unreachable`. */
  | Effect<
      'ask-witness',
      {
        readonly call: WitnessCall;
        readonly epoch: number;
        readonly fromEpoch: number;
        readonly lineageId: string;
        readonly incarnation?: string;
        /** With `reassert`: the lineages that this complete copy went through. */
        readonly history?: readonly Lineage[];
      }
    >
  | Effect<'set-gate', { readonly gate: Gate }>
  /** Hold host I/O and finish what is in flight. Answered by `drained`. */
  | Effect<'drain', { readonly flush: boolean }>
  /**
   * Source: collect both activity logs and the dirty map (or everything, when `full`), copy beside host writes, answer
   * `resync-caught-up`. Target: take what comes. `session` is the peer session that it lives and dies with. A full one whose
   * `copyId` the source's metadata holds goes on where it was.
   */
  | Effect<
      'start-resync',
      {
        readonly side: 'source' | 'target';
        readonly session: number;
        readonly full: boolean;
        readonly copyId?: string;
        readonly epoch: number;
      }
    >
  | Effect<'stop-resync'>
  /** Drop this session; the link is made anew. */
  | Effect<'drop-session', { readonly session: number }>
  /** The answer to an operator's command. */
  | Effect<'answer', { readonly commandId: string; readonly ok: boolean; readonly detail: string }>
  /** Nothing to do but to tell people: a decision, an alarm. */
  | Effect<'report', { readonly level: 'info' | 'warning' | 'alarm' }>;

/** A claim at the witness that is under way. */
export interface OpenClaim {
  readonly effect: EffectId;
  readonly call: WitnessCall;
  readonly epoch: number;
  readonly lineageId: string;
  readonly tries: number;
  readonly askedAt: Millis;
}
