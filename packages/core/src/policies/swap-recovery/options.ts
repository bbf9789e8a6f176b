import { HoldfastError, OptionsError } from '../../errors/index.js';
import type { DurationMs } from '../../kernel/time.js';
import type { SwapRecord, SwapSeverity } from './types.js';

/** Everything that may be tuned. `swapDefaults` stands for all of it. */
export interface SwapTuning {
  /** Least severity that swaps, and the estimated I/O delay that has to be exceeded. */
  readonly swapSeverity: SwapSeverity;
  readonly delayThresholdMs: DurationMs;
  /** Whether a condition swaps whose delay the storage does not say. */
  readonly unknownDelaySwaps: boolean;
  /** When nothing speaks against mirroring back any more: do it, ask, or leave it to an operator for good. */
  readonly reEnableSwap: 'auto' | 'approve' | 'never';
  /** How long nothing may be open before mirroring back. */
  readonly stableMs: DurationMs;
  /** Least time between two swaps. */
  readonly holdDownMs: DurationMs;
  readonly expectedResyncMs: DurationMs;
  readonly maxRestarts: number;
  readonly restartsWindowMs: DurationMs;
  readonly maxSwaps: number;
  readonly swapsWindowMs: DurationMs;
  /** Longest freeze up to the commit. */
  readonly freezeTimeoutMs: DurationMs;
  readonly hostIoTimeoutMs: DurationMs;
  readonly pollMs: DurationMs;
  readonly persistRetryMs: DurationMs;
  /** More groups than this share lost at once: suspect oneself, and do nothing. */
  readonly maxLostShare: number;
}

export const swapDefaults: SwapTuning = {
  swapSeverity: 'acute',
  delayThresholdMs: 2_000,
  unknownDelaySwaps: true,
  reEnableSwap: 'auto',
  stableMs: 300_000,
  holdDownMs: 600_000,
  expectedResyncMs: 1_800_000,
  maxRestarts: 3,
  restartsWindowMs: 1_800_000,
  maxSwaps: 3,
  swapsWindowMs: 3_600_000,
  freezeTimeoutMs: 6_000,
  hostIoTimeoutMs: 30_000,
  pollMs: 30_000,
  persistRetryMs: 1_000,
  maxLostShare: 0.34,
};

export interface SwapRecoveryOptions {
  readonly groupId: string;
  readonly nodeId: string;
  /** Durable count of this node's starts. */
  readonly incarnation: number;
  /** What stands on stable storage; `freshSwapRecord(...)` for a group that has never swapped. */
  readonly record: SwapRecord;
  readonly tuning?: Partial<SwapTuning>;
}

export const SWAP_VERSION = 1;

/** @throws HoldfastError `NOT_SUPPORTED` for a record or state of another version: it is left as it is. */
export function checkSwapVersion(what: 'record' | 'state', version: number): void {
  if (version === SWAP_VERSION) return;
  throw new HoldfastError(
    'NOT_SUPPORTED',
    `The swap-recovery ${what} has version ${version}, and this release knows version ${SWAP_VERSION}. ` +
      'Nothing was changed; run the release that wrote it.',
  );
}

/** The record of a group whose copies are equal, with I/O at the first site. */
export function freshSwapRecord(options: { readonly groupId: string; readonly epoch: number }): SwapRecord {
  return {
    version: 1,
    groupId: options.groupId,
    epoch: options.epoch,
    activeSite: 'first',
    protection: 'duplex',
    conditions: [],
    errorTracks: [],
    fullCopy: false,
    restarts: 0,
    swaps: 0,
  };
}

/** @throws OptionsError naming the relation that does not hold; HoldfastError for a record of another version; TypeError for names. */
export function validateSwapOptions(options: SwapRecoveryOptions): void {
  const { groupId, nodeId, record, incarnation } = options;
  if (groupId === '' || nodeId === '') throw new TypeError('groupId and nodeId must not be empty.');
  checkSwapVersion('record', record.version);
  if (record.groupId !== groupId)
    throw new TypeError(`The record belongs to group "${record.groupId}", not to group "${groupId}".`);
  const isCount = (value: number, least: number): boolean => Number.isSafeInteger(value) && value >= least;
  const { epoch } = record;
  requireThat('record.epoch is a whole number of 0 or more', isCount(epoch, 0), { epoch });
  requireThat('incarnation is a whole number of 1 or more', isCount(incarnation, 1), { incarnation });
  const tuning = { ...swapDefaults, ...options.tuning };
  for (const name of ['maxRestarts', 'maxSwaps'] as const)
    requireThat(`${name} is a whole number of 1 or more`, isCount(tuning[name], 1), { [name]: tuning[name] });
  for (const name of [
    'pollMs',
    'persistRetryMs',
    'freezeTimeoutMs',
    'restartsWindowMs',
    'swapsWindowMs',
  ] as const)
    requireThat(`${name} > 0`, Number.isFinite(tuning[name]) && tuning[name] > 0, { [name]: tuning[name] });
  for (const name of [
    'delayThresholdMs',
    'stableMs',
    'holdDownMs',
    'expectedResyncMs',
    'maxLostShare',
  ] as const)
    requireThat(`${name} >= 0`, Number.isFinite(tuning[name]) && tuning[name] >= 0, { [name]: tuning[name] });
  const { pollMs, stableMs, freezeTimeoutMs, hostIoTimeoutMs, holdDownMs, expectedResyncMs } = tuning;
  requireThat('pollMs < stableMs', pollMs < stableMs, { pollMs, stableMs });
  requireThat('freezeTimeoutMs < hostIoTimeoutMs', freezeTimeoutMs < hostIoTimeoutMs, {
    freezeTimeoutMs,
    hostIoTimeoutMs,
  });
  const neededMs = stableMs + expectedResyncMs / 10;
  requireThat('holdDownMs > stableMs + expectedResyncMs / 10', holdDownMs > neededMs, {
    holdDownMs,
    neededMs,
  });
}

function requireThat(relation: string, holds: boolean, numbers: Readonly<Record<string, number>>): void {
  if (!holds)
    throw new OptionsError(relation, numbers, 'See the table of numbers in the README of swap-recovery.');
}
