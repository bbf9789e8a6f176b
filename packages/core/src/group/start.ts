import type { Millis } from '../kernel/time.js';
import { latencyFailback } from '../policies/latency-failback/index.js';
import { freshMediatorFallbackRecord, mediatorFallback } from '../policies/mediator-fallback/index.js';
import { plannedFailover } from '../policies/planned-failover/index.js';
import { swapRecovery } from '../policies/swap-recovery/index.js';
import { ttlPolarization } from '../policies/ttl-polarization/index.js';
import { persistRetryOf, polarizationOptionsOf, validateGroupOptions, type GroupOptions } from './options.js';
import { fallbackRecordOf, failbackRecordOf, plannedRecordOf, swapRecordOf } from './record.js';
import type { GroupState } from './state.js';

/** @throws what `validateGroupOptions` and the policies' own checks throw. */
export function initialState(options: GroupOptions, at: Millis): GroupState {
  validateGroupOptions(options);
  const { groupId, nodeId, peerId, incarnation, lineageSeed, record } = options;
  const polarization = ttlPolarization.init(polarizationOptionsOf(options), at);
  const first = options.swapRecovery?.first ?? record.preferred;
  return {
    version: 1,
    self: {
      groupId,
      nodeId,
      peerId,
      incarnation,
      lineageSeed,
      first,
      persistRetryMs: persistRetryOf(options),
    },
    now: at,
    booted: false,
    // A copy whose machine lost power is in doubt, and stays so whoever writes the next record.
    record: { ...record, dataState: polarization.record.dataState },
    polarization,
    ...fallbackPart(options, at),
    ...swapPart(options, first, at),
    ...plannedPart(options, at),
    ...failbackPart(options, at),
    deliveries: 0,
    lineagesDrawn: 0,
    held: [],
    frozen: false,
    // Whether a storage has proved itself is not known after a start: it begins anew.
    ill: record.swap !== undefined && record.swap.protection === 'exposed' && record.swap.swaps > 0,
    hostFacts: { hostIops: 0, hostLatencyMs: 0, hardwareRank: 0 },
    gate: { ...polarization.gate, ordersWrites: false },
    told: {},
    absorbed: {},
  };
}

type Part<Name extends 'fallback' | 'swap' | 'planned' | 'failback'> = Pick<GroupState, Name>;

function fallbackPart(options: GroupOptions, at: Millis): Part<'fallback'> {
  const { mediatorFallback: named, groupId, nodeId, peerId, incarnation, record } = options;
  if (named === undefined) return {};
  // In the same order at both nodes, so that all compute alike.
  const members = [nodeId, peerId].sort();
  const [mediator = ''] = named.mediators;
  const own = fallbackRecordOf(record) ?? freshMediatorFallbackRecord({ groupId, nodeId, members, mediator });
  const { preferred: preference } = record;
  const common = { groupId, nodeId, incarnation, members, preference };
  return { fallback: mediatorFallback.init({ ...common, ...named, record: own }, at) };
}

function swapPart(options: GroupOptions, first: string, at: Millis): Part<'swap'> {
  const { swapRecovery: named, groupId, nodeId, incarnation, record } = options;
  if (named === undefined) return {};
  const { tuning } = named;
  const common = { groupId, nodeId, incarnation, record: swapRecordOf(record, first) };
  return { swap: swapRecovery.init({ ...common, ...(tuning === undefined ? {} : { tuning }) }, at) };
}

function plannedPart(options: GroupOptions, at: Millis): Part<'planned'> {
  const { plannedFailover: named, groupId, nodeId, peerId, incarnation, lineageSeed } = options;
  if (named === undefined) return {};
  const common = { groupId, nodeId, peerId, incarnation, lineageSeed: `${lineageSeed}-p` };
  return {
    planned: plannedFailover.init({ ...common, ...named, record: plannedRecordOf(options.record) }, at),
  };
}

function failbackPart(options: GroupOptions, at: Millis): Part<'failback'> {
  const { latencyFailback: named, groupId, nodeId, incarnation, record } = options;
  if (named === undefined) return {};
  const { tuning } = named;
  const common = { groupId, nodeId, incarnation, record: failbackRecordOf(record) };
  return { failback: latencyFailback.init({ ...common, ...(tuning === undefined ? {} : { tuning }) }, at) };
}
