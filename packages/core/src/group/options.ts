import { OptionsError } from '../errors/index.js';
import type { DurationMs } from '../kernel/time.js';
import type { FailbackTuning } from '../policies/latency-failback/index.js';
import type { FallbackChoice, MediatorFallbackTiming } from '../policies/mediator-fallback/index.js';
import type { PlannedFailoverTiming } from '../policies/planned-failover/index.js';
import type { SwapTuning } from '../policies/swap-recovery/index.js';
import {
  validateOptions,
  type FaultModel,
  type NodeId,
  type PolarizationOptions,
  type PolarizationTiming,
} from '../policies/ttl-polarization/index.js';
import { roleOf } from './carry.js';
import { checkGroupVersion, polarizationRecordOf, type GroupRecord } from './record.js';

export interface GroupMediatorOptions {
  /** Mediators in the order in which they are wanted. */
  readonly mediators: readonly string[];
  /** Default `{ kind: 'best' }`. */
  readonly fallback?: FallbackChoice;
  readonly returnToFirstMediator?: boolean;
  readonly timing?: MediatorFallbackTiming;
}

export interface GroupPlannedOptions {
  /** The volumes of the group, by name. */
  readonly members: readonly string[];
  readonly timing?: PlannedFailoverTiming;
  readonly heldRequests?: 'forward' | 'redirect';
  readonly requireMediator?: boolean;
}

export interface GroupSwapOptions {
  /** The node whose storage is called the first site. Name the same one at both nodes. */
  readonly first: NodeId;
  readonly tuning?: Partial<SwapTuning>;
}

export interface GroupFailbackOptions {
  readonly tuning?: Partial<FailbackTuning>;
}

/** A policy that is not named here is absent, and costs nothing. Name the same ones at both nodes. */
export interface GroupOptions {
  readonly groupId: string;
  readonly nodeId: NodeId;
  readonly peerId: NodeId;
  /** Durable count of this node's starts, from 1. */
  readonly incarnation: number;
  /** Fresh for every start of the process. */
  readonly bootId: string;
  /** The same for every process between two starts of the machine. */
  readonly machineBootId: string;
  /** Source of fresh lineage ids: a random seed drawn by the caller for this start. */
  readonly lineageSeed: string;
  /** The leg has never been written. */
  readonly pristine: boolean;
  readonly timing: PolarizationTiming;
  /** Who decides after a fault, unless `mediatorFallback` is named: then the model that it agrees on does. */
  readonly faultModel?: FaultModel;
  readonly bootAlone?: boolean;
  readonly mediatorFallback?: GroupMediatorOptions;
  readonly plannedFailover?: GroupPlannedOptions;
  readonly swapRecovery?: GroupSwapOptions;
  readonly latencyFailback?: GroupFailbackOptions;
  /** Pause before a record that could not be written is written again. Default 1000. */
  readonly persistRetryMs?: DurationMs;
  /** What stands on stable storage; `freshGroupRecord(...)` for a node that has never served. */
  readonly record: GroupRecord;
}

const PERSIST_RETRY_MS = 1_000;

export function persistRetryOf({ persistRetryMs = PERSIST_RETRY_MS }: GroupOptions): DurationMs {
  return persistRetryMs;
}

/** What fault handling is given: its witness is the agreed model, where one is agreed on. */
export function polarizationOptionsOf(options: GroupOptions): PolarizationOptions {
  const { groupId, nodeId, peerId, incarnation, bootId, machineBootId, lineageSeed } = options;
  const { pristine, timing, faultModel, mediatorFallback, bootAlone, record } = options;
  return {
    groupId,
    nodeId,
    peerId,
    incarnation,
    bootId,
    machineBootId,
    lineageSeed,
    pristine,
    timing,
    role: roleOf(record, nodeId),
    faultModel: mediatorFallback === undefined ? (faultModel ?? { kind: 'mediator' }) : { kind: 'mediator' },
    ...(bootAlone === undefined ? {} : { bootAlone }),
    record: polarizationRecordOf(record),
  };
}

/**
 * @throws OptionsError naming the relation that does not hold, of the group or of any of its policies; HoldfastError
 *   `NOT_SUPPORTED` for a record of another version; TypeError when names contradict each other.
 */
export function validateGroupOptions(options: GroupOptions): void {
  const { record, nodeId, peerId, swapRecovery, mediatorFallback, faultModel } = options;
  checkGroupVersion('record', record.version);
  validateOptions(polarizationOptionsOf(options));
  const isOurs = (node: NodeId): boolean => node === nodeId || node === peerId;
  if (!isOurs(record.preferred))
    throw new TypeError(`The preferred "${record.preferred}" is neither "${nodeId}" nor "${peerId}".`);
  if (swapRecovery !== undefined && !isOurs(swapRecovery.first))
    throw new TypeError(`The first site "${swapRecovery.first}" is neither "${nodeId}" nor "${peerId}".`);
  if (mediatorFallback !== undefined && faultModel !== undefined)
    throw new TypeError(
      'Name either a fixed faultModel or mediatorFallback: with the latter the model is agreed on.',
    );
  const persistRetryMs = persistRetryOf(options);
  if (!(Number.isFinite(persistRetryMs) && persistRetryMs > 0))
    throw new OptionsError(
      'persistRetryMs > 0',
      { persistRetryMs },
      'A pause of nothing would write again for ever.',
    );
  checkTogether(options);
}

/** Relations between the policies' numbers, which none of them can see alone. */
function checkTogether(options: GroupOptions): void {
  const { timing, plannedFailover, swapRecovery } = options;
  const pollIntervalMs = plannedFailover?.timing?.pollIntervalMs;
  const { leaseTtlMs, handoverTimeoutMs } = timing;
  if (pollIntervalMs !== undefined && pollIntervalMs > leaseTtlMs)
    throw new OptionsError(
      'G1: plannedFailover.pollIntervalMs <= leaseTtlMs',
      { pollIntervalMs, leaseTtlMs },
      'A lost answer to the commit would end in a lost peer.',
    );
  const freezeTimeoutMs = swapRecovery?.tuning?.freezeTimeoutMs;
  if (freezeTimeoutMs !== undefined && freezeTimeoutMs < handoverTimeoutMs)
    throw new OptionsError(
      'G2: swapRecovery.freezeTimeoutMs >= handoverTimeoutMs',
      { freezeTimeoutMs, handoverTimeoutMs },
      'A swap is carried out as a handover, and would be undone before the peer has had its time.',
    );
}
