import type { EffectId } from '../../kernel/policy.js';
import type { Millis } from '../../kernel/time.js';
import type { BlockTable } from './blocks.js';
import type { MirroringHeatVersion } from './heat.js';
import type { MirroringTuning } from './options.js';
import type {
  MirroringAuthorityRequest,
  MirroringHello,
  MirroringMode,
  MirroringRecord,
  MirroringService,
  MirroringQuestion,
  MirroringPutBlock,
  MirroringScope,
  MirroringSite,
} from './types.js';

/** What does not change during one life of the node. */
export interface MirroringIdentity {
  readonly groupId: string;
  readonly nodeId: MirroringSite;
  readonly incarnation: number;
  readonly volumeBytes: number;
  readonly cacheBytes: number;
  readonly slowCopy: 'sync' | 'async';
  readonly tuning: MirroringTuning;
}

/** A block of the mirror set, as its owner sees it. */
export interface MirroredBlock {
  /**
   * `queued`: chosen. `sent`: in a batch without acknowledgement. `committed`: `site` has acknowledged `version`. `dropping`: lost its
   * place, and the cache has not confirmed that it is gone.
   */
  readonly phase: 'queued' | 'sent' | 'committed' | 'dropping';
  /** Where the copy is, or is being sent: the site of the last acknowledgement is the one to retrieve from. */
  readonly site?: MirroringSite;
  readonly version: number;
  /** The newest write that was seen: a copy below it is worthless. */
  readonly atLeast: number;
  readonly sizeBytes: number;
  readonly tenant: string;
  readonly first: boolean;
  readonly batch?: number;
  readonly committedAt: Millis;
}

export interface RemoteCache {
  readonly generation: string;
  /** `opening`: has not acknowledged the generation. `ready`: takes batches. `lost`: out of reach. */
  readonly phase: 'opening' | 'ready' | 'lost';
  readonly capacityBytes: number;
  /** Taken by others. */
  readonly usedBytes: number;
  /** Of this node, in whatever phase. */
  readonly mirroredBytes: number;
  readonly openSentAt: Millis;
  /** It may hold copies that this node does not tell of writes: every write waits. */
  readonly untracked: boolean;
  /** The authority has recorded this generation as told of every write. */
  readonly trusted: boolean;
}

export interface OpenBatch {
  readonly site: MirroringSite;
  readonly blocks: readonly number[];
  readonly sizeBytes: number;
  readonly sentAt: Millis;
  readonly attempt: number;
}

export interface HeldWrite {
  readonly block: number;
  readonly version: number;
  readonly since: Millis;
  readonly waits: readonly MirroringSite[];
}

/** The owner's half: what it mirrors, and where. */
export interface OwnerBook {
  readonly heat?: MirroringHeatVersion | undefined;
  readonly planning?: { readonly effect: EffectId; readonly scope: MirroringScope } | undefined;
  readonly selectAt: Millis;
  readonly dumpAt: Millis;
  readonly dumpedVersion: number;
  readonly blocks: BlockTable<MirroredBlock>;
  /** Without those in phase `dropping`. */
  readonly mirroredBytes: number;
  /** Blocks in phase `queued`, the most worthy first. */
  readonly queue: readonly number[];
  readonly queuedAt: Millis;
  readonly batches: Readonly<Record<string, OpenBatch>>;
  readonly batchesSent: number;
  readonly generations: number;
  readonly remotes: Readonly<Record<MirroringSite, RemoteCache>>;
  /** Caches that introduced themselves before this node knew that it is the owner. */
  readonly greetings: Readonly<Record<MirroringSite, MirroringHello>>;
  readonly writes: Readonly<Record<string, HeldWrite>>;
  readonly link: { readonly bytesPerMs: number; readonly tokens: number; readonly at: Millis };
  readonly expectedWarmShare: number;
  readonly move?:
    | {
        readonly commandId: string;
        readonly client: string;
        readonly to: MirroringSite;
        readonly isChosen: boolean;
      }
    | undefined;
}

/** One copy in the cache. Only committed ones stand here. */
export interface CachedBlock {
  readonly version: number;
  readonly sizeBytes: number;
  readonly tenant: string;
  readonly first: boolean;
  readonly usedAt: Millis;
}

/** The cache's half: what it holds for an owner. */
export interface CacheBook {
  readonly from?: MirroringSite | undefined;
  readonly generation?: string | undefined;
  readonly blocks: BlockTable<CachedBlock>;
  readonly bytes: number;
  readonly tenantBytes: Readonly<Record<string, number>>;
  /** Batches whose commit has not come: nobody sees them. */
  readonly staged: Readonly<
    Record<string, { readonly blocks: readonly MirroringPutBlock[]; readonly damaged: boolean }>
  >;
  /** Batches that were committed in this generation: whatever of them comes again is late. Oldest first, and bounded. */
  readonly done: readonly { readonly batch: number; readonly blocks: readonly number[] }[];
  /** The newest write of a block that this cache was told of, until the slow copy has it. */
  readonly floors: Readonly<Record<string, number>>;
  /** Every write up to this version stands in the slow copy. */
  readonly appliedThrough: number;
  /** How a copy is proved current after a takeover. */
  readonly trust: 'compared' | 'told' | 'none';
}

export interface FailoverWatch {
  readonly attempts: number;
  readonly firstFailedAt: Millis;
  readonly how: string;
}

export interface FailBack {
  readonly to: MirroringSite;
  readonly commandId: string;
  readonly phase: 'copying' | 'holding' | 'last-copy' | 'handing';
  readonly effect: EffectId;
  readonly throughVersion: number;
}

/** What happens once a record is durable. */
export type MirroringContinuation = 'owner' | 'took-over' | 'handed-over' | 'opened' | 'standby';

export interface MirroringSaving {
  readonly effect: EffectId;
  readonly record: MirroringRecord;
  readonly then: MirroringContinuation;
  readonly retryAt?: Millis | undefined;
}

/** Everything that one node knows about one mirrored volume. Plain JSON. */
export interface MirroringState {
  readonly version: 1;
  readonly self: MirroringIdentity;
  readonly now: Millis;
  readonly booted: boolean;
  readonly mode: MirroringMode;
  /** The highest epoch this node has heard of: the record's, or one that an owner or the authority has named. */
  readonly epoch: number;
  readonly service: MirroringService;
  /** What stands on stable storage for certain. */
  readonly record: MirroringRecord;
  readonly saving?: MirroringSaving | undefined;
  readonly asking?: MirroringQuestion | undefined;
  readonly questions: readonly MirroringAuthorityRequest[];
  readonly owner: OwnerBook;
  readonly cache: CacheBook;
  readonly watch?: FailoverWatch | undefined;
  readonly failBack?: FailBack | undefined;
  /** Facts that came late, twice or from another life, by what they were: counted, and otherwise without effect. */
  readonly absorbed: Readonly<Record<string, number>>;
}

export type Budget = {
  readonly bytes: number;
  readonly limit: 'volume' | 'cache' | 'link';
};
