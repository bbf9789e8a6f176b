import { OptionsError } from '../../errors/holdfast-error.js';
import type { DurationMs } from '../../kernel/time.js';
import type { MirroringHeatVersion } from './heat.js';
import type { MirroringRecord, MirroringSite } from './types.js';

/** Every number of the mechanism. `mirroringDefaults` holds one of each; any may be changed alone. */
export interface MirroringTuning {
  /** How often the set of mirrored blocks is chosen anew. */
  readonly reselectIntervalMs: DurationMs;
  /** After this long without an access a block counts half. */
  readonly halfLifeMs: DurationMs;
  /** What a write counts, beside 1 for a read. */
  readonly writeWeight: number;
  /** A block outside takes a place only if it is worth more than this many times the block that has it. */
  readonly hysteresisFactor: number;
  /** What a kind of data, or a service class, multiplies the count by; 1 where none is named. */
  readonly classWeights: Readonly<Record<string, number>>;
  readonly qualityWeights: Readonly<Record<string, number>>;
  /** Kinds of data that every start needs: worth a place without any history. */
  readonly essentialClasses: readonly string[];
  /** Until accesses have been counted for this long, only essential kinds are chosen. */
  readonly minimumHistoryMs: DurationMs;
  /** Security labels whose data may leave the site. */
  readonly allowedLabels: readonly string[];
  /** The budget is the least of: this part of the volume, this part of the free cache, and what the link carries in its window. */
  readonly volumeShare: number;
  readonly cacheShare: number;
  readonly linkShare: number;
  readonly linkWindowMs: DurationMs;
  /** A plan moves at most so many blocks; what is left comes with the next one. */
  readonly movesPerPlanMax: number;
  /** A batch is sent when it has so many blocks or bytes, or its first block has waited so long. */
  readonly batchBlocksMax: number;
  readonly batchBytesMax: number;
  readonly batchDelayMs: DurationMs;
  readonly batchesInFlightMax: number;
  /** A batch without acknowledgement is copied again after this, so many times in all, and then goes to another site. */
  readonly commitTimeoutMs: DurationMs;
  readonly commitTries: number;
  /** What a write to a mirrored block does to the copy before it is acknowledged. */
  readonly onWrite: 'invalidate' | 'update';
  /** How long a write waits for a cache before the cache is given up. */
  readonly invalidateTimeoutMs: DurationMs;
  readonly heldWritesMax: number;
  /** How often the list of hot blocks is written down, so that a restart begins warm. */
  readonly heatDumpIntervalMs: DurationMs;
  /** Failed attempts of clients that start a failover, and how long one client must have been refused; a reset needs one attempt. */
  readonly attemptsUntilClaim: number;
  readonly refusedUntilClaimMs: DurationMs;
  readonly authorityTimeoutMs: DurationMs;
  readonly authorityRetryMs: DurationMs;
  /** Part of the cache that one tenant may fill. */
  readonly tenantShare: number;
  /** Versions remembered for blocks that were invalidated and are not in the slow copy yet. */
  readonly floorsMax: number;
  /** Batches that a cache keeps while their commit has not come. */
  readonly stagedBatchesMax: number;
}

const MIB = 1024 * 1024;

export const mirroringDefaults: MirroringTuning = {
  reselectIntervalMs: 60_000,
  halfLifeMs: 900_000,
  writeWeight: 0.5,
  hysteresisFactor: 1.25,
  classWeights: { metadata: 8, boot: 8 },
  qualityWeights: {},
  essentialClasses: ['metadata', 'boot'],
  minimumHistoryMs: 180_000,
  allowedLabels: ['public', 'internal'],
  volumeShare: 0.1,
  cacheShare: 0.5,
  linkShare: 0.2,
  linkWindowMs: 600_000,
  movesPerPlanMax: 16_384,
  batchBlocksMax: 256,
  batchBytesMax: MIB,
  batchDelayMs: 200,
  batchesInFlightMax: 4,
  commitTimeoutMs: 2_000,
  commitTries: 3,
  onWrite: 'invalidate',
  invalidateTimeoutMs: 500,
  heldWritesMax: 1_024,
  heatDumpIntervalMs: 300_000,
  attemptsUntilClaim: 3,
  refusedUntilClaimMs: 1_000,
  authorityTimeoutMs: 2_000,
  authorityRetryMs: 5_000,
  tenantShare: 0.5,
  floorsMax: 65_536,
  stagedBatchesMax: 16,
};

export interface MirroringOptions {
  readonly groupId: string;
  readonly nodeId: MirroringSite;
  /** Durable count of this node's starts. */
  readonly incarnation: number;
  /** What stands on stable storage; `freshMirroringRecord(...)` for a node that has never taken part. */
  readonly record: MirroringRecord;
  readonly volumeBytes: number;
  /** Bytes of cache that this node offers to others. */
  readonly cacheBytes: number;
  /**
   * How writes reach the slow copy. `sync`: before they are acknowledged, so comparing versions there proves a cached block current.
   * `async`: later, so only a cache that was told of every write is proof, and the authority must know which one that is.
   */
  readonly slowCopy: 'sync' | 'async';
  /** The list of hot blocks that the last life wrote down, if there is one. */
  readonly heat?: MirroringHeatVersion;
  readonly tuning: MirroringTuning;
}

/** @throws OptionsError naming the relation that does not hold, and its numbers. */
export function validateMirroringOptions(options: MirroringOptions): void {
  const { tuning, record } = options;
  for (const [name, value] of Object.entries(tuning)) {
    if (typeof value !== 'number') continue;
    insist(value > 0 && Number.isFinite(value), `${name} > 0`, { [name]: value }, 'Give a positive number.');
  }
  for (const name of ['volumeShare', 'cacheShare', 'linkShare', 'tenantShare'] as const) {
    insist(
      tuning[name] <= 1,
      `${name} ≤ 1`,
      {
        [name]: tuning[name],
      },
      'A part of something is at most all of it.',
    );
  }
  for (const name of counts) {
    insist(
      Number.isSafeInteger(tuning[name]),
      `${name} is whole`,
      {
        [name]: tuning[name],
      },
      'Give a whole number.',
    );
  }
  for (const name of ['incarnation', 'volumeBytes'] as const) {
    const value = options[name];
    insist(
      Number.isSafeInteger(value) && value > 0,
      `${name} ≥ 1`,
      {
        [name]: value,
      },
      'Give a positive whole number.',
    );
  }
  insist(
    Number.isSafeInteger(options.cacheBytes) && options.cacheBytes >= 0,
    'cacheBytes ≥ 0',
    {
      cacheBytes: options.cacheBytes,
    },
    'Give a whole number; 0 for a site that caches nothing.',
  );
  checkTimes(tuning);
  // A journal of another release is not bound by the type.
  const version: number = record.version;
  insist(
    version === 1,
    'record.version = 1',
    { version },
    'This release reads version 1 only; nothing was overwritten.',
  );
  insist(
    record.groupId === options.groupId && record.nodeId === options.nodeId,
    'the record is of this node',
    {
      epoch: record.epoch,
    },
    `It is of ${record.groupId}/${record.nodeId}.`,
  );
  insist(
    Number.isSafeInteger(record.epoch) && record.epoch >= 0,
    'record.epoch ≥ 0',
    {
      epoch: record.epoch,
    },
    'The record is damaged.',
  );
}

const counts = [
  'movesPerPlanMax',
  'batchBlocksMax',
  'batchBytesMax',
  'batchesInFlightMax',
  'commitTries',
  'heldWritesMax',
  'attemptsUntilClaim',
  'floorsMax',
  'stagedBatchesMax',
] as const;

function checkTimes(tuning: MirroringTuning): void {
  const {
    hysteresisFactor,
    halfLifeMs,
    reselectIntervalMs,
    linkWindowMs,
    batchDelayMs,
    commitTimeoutMs,
    invalidateTimeoutMs,
    stagedBatchesMax,
    batchesInFlightMax,
  } = tuning;
  insist(
    hysteresisFactor >= 1,
    'hysteresisFactor ≥ 1',
    {
      hysteresisFactor,
    },
    'Below 1 two equal blocks would change places for ever.',
  );
  insist(
    halfLifeMs >= reselectIntervalMs,
    'halfLifeMs ≥ reselectIntervalMs',
    {
      halfLifeMs,
      reselectIntervalMs,
    },
    'Heat that fades faster than it is looked at chooses by accident.',
  );
  insist(
    linkWindowMs >= reselectIntervalMs,
    'linkWindowMs ≥ reselectIntervalMs',
    {
      linkWindowMs,
      reselectIntervalMs,
    },
    'A set that one round cannot send is never complete.',
  );
  insist(
    commitTimeoutMs > batchDelayMs,
    'commitTimeoutMs > batchDelayMs',
    {
      commitTimeoutMs,
      batchDelayMs,
    },
    'A batch must be able to arrive before it is repeated.',
  );
  insist(
    invalidateTimeoutMs <= commitTimeoutMs,
    'invalidateTimeoutMs ≤ commitTimeoutMs',
    {
      invalidateTimeoutMs,
      commitTimeoutMs,
    },
    'A client waits for an invalidation, nobody for a batch.',
  );
  insist(
    stagedBatchesMax >= batchesInFlightMax,
    'stagedBatchesMax ≥ batchesInFlightMax',
    {
      stagedBatchesMax,
      batchesInFlightMax,
    },
    'A cache must hold what may be on its way.',
  );
}

function insist(
  holds: boolean,
  relation: string,
  numbers: Readonly<Record<string, number>>,
  wayOut: string,
): void {
  if (!holds) throw new OptionsError(relation, numbers, wayOut);
}

/** The record of a node that has never taken part; the first owner of a group is named by whoever sets it up. */
export function freshMirroringRecord(
  groupId: string,
  nodeId: MirroringSite,
  role: MirroringRecord['role'],
): MirroringRecord {
  return { version: 1, groupId, nodeId, role, epoch: role === 'owner' ? 1 : 0 };
}
