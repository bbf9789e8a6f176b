import type { EffectId, PolicyEffect, PolicyEvent } from '../../kernel/policy.js';
import type { Millis } from '../../kernel/time.js';
import type { MirroringHeatVersion } from './heat.js';
import type { MirroringReason } from './reasons.js';

export type MirroringSite = string;

/**
 * `owner`: serves, and mirrors what is hot. `standby`: keeps copies for the owner. `suspect`: clients have failed at the owner.
 * `claiming`: has asked the authority for the volume. `tookOver`: serves from copies that are proved current and from the slow copy.
 * `failingBack`: serves, and brings the other site up to date. `starting`: asks whether its own record still counts.
 */
export type MirroringMode =
  'starting' | 'owner' | 'standby' | 'suspect' | 'claiming' | 'tookOver' | 'failingBack';

/** What a node has on stable storage. Plain JSON. */
export interface MirroringRecord {
  readonly version: 1;
  readonly groupId: string;
  readonly nodeId: MirroringSite;
  readonly role: 'owner' | 'standby';
  /** Raised with every change of the owner. What carries a lower one is refused. */
  readonly epoch: number;
  /** This node took over: what was written above this version is missing where the volume was before. */
  readonly takenOver?: { readonly aboveVersion: number };
}

/** A block and the number of the write that made it. Writes are counted over the whole volume, by each owner on from the last. */
export interface MirroringBlockVersion {
  readonly block: number;
  readonly version: number;
}

export interface MirroringPutBlock extends MirroringBlockVersion {
  readonly sizeBytes: number;
  readonly tenant: string;
  /** Pinned or essential: fetched into memory before anybody asks for it. */
  readonly first: boolean;
}

/** A block that was chosen for the mirror set. */
export interface MirroringChosenBlock {
  readonly block: number;
  readonly sizeBytes: number;
  readonly label: string;
  readonly tenant: string;
  readonly first: boolean;
}

interface Scoped<Kind extends string> {
  readonly kind: Kind;
  readonly epoch: number;
  /** One filling of one cache: what a cache holds belongs to the generation that it last opened. */
  readonly generation: string;
}

/** Messages between an owner and a cache. They may be lost, repeated and overtake each other. */
export type MirroringMessage =
  /** Cache to owner, on every connection: who I am and what I have. */
  | {
      readonly kind: 'hello';
      readonly epoch: number;
      readonly capacityBytes: number;
      readonly usedBytes: number;
      readonly cachedBlocks: number;
    }
  /** Forget what you hold; from now on this generation. Answered by `opened`. */
  | Scoped<'open'>
  | Scoped<'opened'>
  | (Scoped<'puts'> & { readonly batch: number; readonly blocks: readonly MirroringPutBlock[] })
  | (Scoped<'commit'> & { readonly batch: number; readonly count: number })
  /** What of the batch is visible now, with the versions that were copied. */
  | (Scoped<'commit-ack'> & { readonly batch: number; readonly blocks: readonly MirroringBlockVersion[] })
  | (Scoped<'commit-nak'> & { readonly batch: number; readonly why: 'missing' | 'checksum' | 'no-room' })
  /** A write is about to be acknowledged: older copies of the block are worthless. Answered by `told`. */
  | (Scoped<'invalidate'> & MirroringBlockVersion)
  /** The same, and the data of the write comes along. */
  | (Scoped<'update'> & MirroringBlockVersion)
  | (Scoped<'told'> & MirroringBlockVersion)
  /** These lost their place in the set. Answered by `evicted`; writes are told until then. */
  | (Scoped<'drop'> & { readonly blocks: readonly number[] })
  | (Scoped<'evicted'> & { readonly blocks: readonly number[] })
  /** Whoever says this knows a newer owner. */
  | { readonly kind: 'stale-epoch'; readonly epoch: number }
  /** The volume is yours, as soon as the authority says so too. */
  | { readonly kind: 'your-turn'; readonly epoch: number };

export type MirroringHello = Extract<MirroringMessage, { readonly kind: 'hello' }>;

/** What is asked of the authority: a witness, a lease, a quorum. It answers only what is durable there. */
export type MirroringAuthorityRequest =
  /** Is this node still the owner of this epoch? If so, trust no cache until told otherwise. */
  | { readonly kind: 'confirm'; readonly epoch: number }
  /** Make this node the owner. Granted only when the former owner can acknowledge nothing any more. */
  | { readonly kind: 'claim'; readonly epoch: number; readonly fromEpoch: number }
  | {
      readonly kind: 'trust';
      readonly epoch: number;
      readonly site: MirroringSite;
      readonly generation: string;
    }
  | { readonly kind: 'distrust'; readonly epoch: number; readonly site: MirroringSite }
  | {
      readonly kind: 'hand-over';
      readonly epoch: number;
      readonly fromEpoch: number;
      readonly to: MirroringSite;
    };

export type MirroringAuthorityAnswer =
  /**
   * Done and durable, in this epoch: the one that was asked for, or a later one of the same owner. After `claim`: `trusted` is the
   * generation in which this node's cache was told of every write.
   */
  | { readonly kind: 'granted'; readonly epoch: number; readonly trusted?: string }
  /** Refused: this is who owns the volume. */
  | { readonly kind: 'owned'; readonly owner: MirroringSite; readonly epoch: number }
  | { readonly kind: 'unreachable'; readonly detail: string };

export type MirroringCommand =
  /** Copy what this client uses to the other site, then let it go there. */
  | { readonly kind: 'move-client'; readonly client: string; readonly to: MirroringSite }
  /** Bring the volume back to where it was. */
  | { readonly kind: 'fail-back'; readonly to: MirroringSite };

export type MirroringScope =
  { readonly kind: 'volume' } | { readonly kind: 'client'; readonly client: string };

/** The answer to `select-blocks`, as `planMirroring` computes it from the state and a heat snapshot. */
export interface MirroringPlan {
  readonly heat: MirroringHeatVersion;
  readonly add: readonly MirroringChosenBlock[];
  readonly drop: readonly number[];
  readonly expectedWarmShare: number;
  /** Blocks that would have deserved a place, and those that have one. */
  readonly candidates: number;
  readonly chosen: number;
  /** Moves left for the next plan. */
  readonly left: number;
}

export type MirroringFact =
  | { readonly kind: 'tick' }
  | { readonly kind: 'heat-published'; readonly heat: MirroringHeatVersion }
  | ({ readonly kind: 'blocks-selected'; readonly effect: EffectId } & MirroringPlan)
  | { readonly kind: 'selection-failed'; readonly effect: EffectId; readonly detail: string }
  | { readonly kind: 'peer-lost'; readonly peer: MirroringSite; readonly detail: string }
  | { readonly kind: 'link-measured'; readonly bytesPerMs: number }
  | {
      readonly kind: 'message-received';
      readonly from: MirroringSite;
      readonly message: MirroringMessage;
      /** With `puts`: blocks whose checksum does not fit. */
      readonly damaged?: readonly number[];
    }
  /** A client's write: nothing of it may be acknowledged or read before `release-write`. */
  | ({ readonly kind: 'write-received'; readonly writeId: string } & MirroringBlockVersion)
  /**
   * The authority says by itself who owns the volume, and in which epoch: after a fault, or when it was moved on purpose. `alone`: the
   * other site is not complete. Then the copies here are read; otherwise the owner mirrors to the other one.
   */
  | {
      readonly kind: 'epoch-known';
      readonly epoch: number;
      readonly owner: MirroringSite;
      readonly alone: boolean;
    }
  | {
      readonly kind: 'authority-answered';
      readonly effect: EffectId;
      readonly answer: MirroringAuthorityAnswer;
    }
  | { readonly kind: 'persisted'; readonly effect: EffectId }
  | { readonly kind: 'persist-failed'; readonly effect: EffectId; readonly detail: string }
  /** A client's attempt at the owner, as this site learns of it. */
  | {
      readonly kind: 'attempt-failed';
      readonly client: string;
      readonly how: 'reset' | 'refused' | 'timeout';
    }
  | { readonly kind: 'attempt-succeeded'; readonly client: string }
  /** Copies that were read since the last such fact: they are evicted last. */
  | { readonly kind: 'cache-used'; readonly blocks: readonly number[] }
  | { readonly kind: 'cache-pressure'; readonly keepBytes: number }
  | { readonly kind: 'copy-damaged'; readonly block: number }
  /** Every write up to this version stands in the slow copy. */
  | { readonly kind: 'slow-copy-applied'; readonly throughVersion: number }
  | {
      readonly kind: 'copied-back';
      readonly effect: EffectId;
      readonly throughVersion: number;
      readonly verified: boolean;
    }
  | { readonly kind: 'copy-back-failed'; readonly effect: EffectId; readonly detail: string }
  /** No write is in flight any more, and none is begun; the last one had this version. */
  | { readonly kind: 'writes-held'; readonly effect: EffectId; readonly lastVersion: number }
  | { readonly kind: 'command'; readonly commandId: string; readonly command: MirroringCommand };

export type MirroringEvent = MirroringFact & PolicyEvent;

/** What clients may do here. */
export type MirroringService = 'closed' | 'open' | 'reads-only';

type Effect<Kind extends string, Fields = unknown> = PolicyEffect & {
  readonly kind: Kind;
  readonly because: MirroringReason;
} & Fields;

export type MirroringEffect =
  | Effect<'persist', { readonly record: MirroringRecord }>
  /** Run `planMirroring` over the newest snapshot of this heat, and answer `blocks-selected`. Costs O(blocks of the snapshot). */
  | Effect<'select-blocks', { readonly budgetBytes: number; readonly scope: MirroringScope }>
  /** Read these blocks, each at `atLeast` or newer, send them as `puts` with their checksums, then `commit`. */
  | Effect<
      'copy-batch',
      {
        readonly to: MirroringSite;
        readonly epoch: number;
        readonly generation: string;
        readonly batch: number;
        readonly blocks: readonly { readonly block: number; readonly atLeast: number }[];
      }
    >
  | Effect<'send', { readonly to: MirroringSite; readonly message: MirroringMessage }>
  | Effect<'release-write', { readonly writeId: string }>
  | Effect<'refuse-write', { readonly writeId: string }>
  | Effect<'ask-authority', { readonly request: MirroringAuthorityRequest }>
  | Effect<'set-service', { readonly service: MirroringService; readonly epoch: number }>
  /** Free the bytes of these copies. */
  | Effect<'evict', { readonly blocks: readonly number[] }>
  /** Read these copies into memory before clients ask: pinned and essential ones. */
  | Effect<'fetch-first', { readonly blocks: readonly number[] }>
  | Effect<'dump-heat', { readonly heat: MirroringHeatVersion }>
  /**
   * Copy every block that either site has changed above this version from here to there, hot ones first, compare, and answer
   * `copied-back`. What the other has above it was never acknowledged in this epoch.
   */
  | Effect<'copy-back', { readonly to: MirroringSite; readonly aboveVersion: number }>
  /** Begin no write, let those in flight end, answer `writes-held`. Ends with the next `set-service`. */
  | Effect<'hold-writes'>
  | Effect<'switch-client', { readonly client: string; readonly to: MirroringSite }>
  | Effect<'answer', { readonly commandId: string; readonly ok: boolean; readonly detail: string }>
  | Effect<'report', { readonly level: 'info' | 'warning' | 'alarm' }>;

/** A question that the authority has not answered yet. */
export interface MirroringQuestion {
  readonly effect: EffectId;
  readonly request: MirroringAuthorityRequest;
  readonly askedAt: Millis;
  /** The answer was silence or "unreachable": asked again at this time. */
  readonly retryAt?: Millis;
}
