import { HoldfastError, OptionsError } from '../../errors/index.js';
import type { DurationMs } from '../../kernel/time.js';
import type { PlannedFailoverRecord } from './types.js';

/** Version of the record and of the state that this release reads and writes. */
export const PLANNED_FAILOVER_VERSION = 1;

export interface PlannedFailoverTiming {
  /** From the start until the source has checked itself and the target is ready. Hosts are served meanwhile. */
  readonly prepareTimeoutMs: DurationMs;
  /** Hosts held for longer than this: a warning. */
  readonly fenceWarnMs: DurationMs;
  /** Hosts held for longer than this without a commit: roll back. */
  readonly fenceLimitMs: DurationMs;
  /** From the start to the commit, unless the command asks for less: roll back. */
  readonly rollbackTimeoutMs: DurationMs;
  /** How often what was not answered is said again. */
  readonly pollIntervalMs: DurationMs;
  /** Pause before a record that could not be written is written again. */
  readonly persistRetryMs: DurationMs;
  /** Greatest time that hosts wait for an I/O before they give up. */
  readonly hostIoTimeoutMs: DurationMs;
}

export const plannedFailoverTiming: PlannedFailoverTiming = {
  prepareTimeoutMs: 60_000,
  fenceWarnMs: 5_000,
  fenceLimitMs: 15_000,
  rollbackTimeoutMs: 90_000,
  pollIntervalMs: 200,
  persistRetryMs: 1_000,
  hostIoTimeoutMs: 30_000,
};

export interface PlannedFailoverOptions {
  readonly groupId: string;
  readonly nodeId: string;
  readonly peerId: string;
  /** Durable count of this node's starts, from 1. */
  readonly incarnation: number;
  /** Source of fresh lineage ids: drawn at random by the caller for this start, so that two nodes never choose the same. */
  readonly lineageSeed: string;
  /** The volumes of the group, by name. */
  readonly members: readonly string[];
  /** Default: `plannedFailoverTiming`. */
  readonly timing?: PlannedFailoverTiming;
  /** What becomes of requests that the old sequencer held. Default `forward`. */
  readonly heldRequests?: 'forward' | 'redirect';
  /** Refuse to start while the mediator is out of reach. Default false: the mechanism needs none. */
  readonly requireMediator?: boolean;
  /** What stands on stable storage; `freshPlannedFailoverRecord(...)` for a group that has never changed sides. */
  readonly record: PlannedFailoverRecord;
}

/** Tries of the target that have to fit between the fence and the warning. */
const TRIES_BEFORE_WARNING = 3;

/** Share of the hosts' patience that a fence may use up. */
const HOST_SHARE = 0.9;

/**
 * @throws OptionsError naming the first relation that does not hold, with its numbers; HoldfastError `NOT_SUPPORTED` for a record of
 * another version; TypeError when names contradict each other.
 */
export function validatePlannedFailoverOptions(options: PlannedFailoverOptions): void {
  checkPlannedFailoverTiming(options.timing ?? plannedFailoverTiming);
  checkVersion(options.record, 'The record');
  const { groupId, nodeId, peerId, record, members } = options;
  if (groupId === '' || nodeId === '' || peerId === '')
    throw new TypeError('groupId, nodeId and peerId must not be empty.');
  if (nodeId === peerId) throw new TypeError(`nodeId and peerId are both "${nodeId}".`);
  if (record.groupId !== groupId || record.nodeId !== nodeId) {
    throw new TypeError(
      `The record belongs to node "${record.nodeId}" of group "${record.groupId}", not to node "${nodeId}" of group "${groupId}".`,
    );
  }
  requireThat('1 <= members', members.length >= 1, { members: members.length }, 'Name the volumes.');
  const distinct = new Set(members).size;
  requireThat(
    'every member once',
    distinct === members.length,
    { members: members.length, distinct },
    'Two volumes of one group need two names.',
  );
  requireThat(
    'incarnation is a whole number of 1 or more',
    Number.isSafeInteger(options.incarnation) && options.incarnation >= 1,
    { incarnation: options.incarnation },
    'Count the starts of the node durably, from 1.',
  );
  const { epoch } = record.roles;
  requireThat(
    'record.roles.epoch is a whole number of 0 or more',
    Number.isSafeInteger(epoch) && epoch >= 0,
    { epoch },
    'The record is damaged.',
  );
}

/** @throws OptionsError naming the first relation that does not hold, with the computed numbers. */
export function checkPlannedFailoverTiming(timing: PlannedFailoverTiming): void {
  for (const [name, value] of Object.entries(timing) as [string, number][]) {
    requireThat(
      `${name} > 0`,
      Number.isFinite(value) && value > 0,
      { [name]: value },
      'Give milliseconds above zero.',
    );
  }
  const { fenceWarnMs, fenceLimitMs, prepareTimeoutMs, rollbackTimeoutMs, pollIntervalMs } = timing;
  requireThat(
    'F1: fenceWarnMs <= fenceLimitMs',
    fenceWarnMs <= fenceLimitMs,
    { fenceWarnMs, fenceLimitMs },
    'Warn before giving up.',
  );
  const patienceMs = HOST_SHARE * timing.hostIoTimeoutMs;
  requireThat(
    'F2: fenceLimitMs <= 0.9 * hostIoTimeoutMs',
    fenceLimitMs <= patienceMs,
    { fenceLimitMs, patienceMs },
    'Hosts would give up before the fence does.',
  );
  const triesMs = TRIES_BEFORE_WARNING * pollIntervalMs;
  requireThat(
    'F3: 3 * pollIntervalMs <= fenceWarnMs',
    triesMs <= fenceWarnMs,
    { triesMs, fenceWarnMs },
    'One lost message must not look like trouble.',
  );
  const limitsMs = prepareTimeoutMs + fenceLimitMs;
  requireThat(
    'F4: prepareTimeoutMs + fenceLimitMs <= rollbackTimeoutMs',
    limitsMs <= rollbackTimeoutMs,
    { limitsMs, rollbackTimeoutMs },
    'The limits of the parts have to fit into the limit of the whole; a command may still ask for less.',
  );
}

/** @throws HoldfastError `NOT_SUPPORTED` when somebody else's version stands there. Nothing is overwritten. */
export function checkVersion(found: { readonly version: number }, what: string): void {
  if (found.version === PLANNED_FAILOVER_VERSION) return;
  throw new HoldfastError(
    'NOT_SUPPORTED',
    `${what} of planned-failover has version ${String(found.version)}; this release reads version ${String(PLANNED_FAILOVER_VERSION)}. Nothing was changed: use the release that wrote it.`,
  );
}

function requireThat(
  relation: string,
  holds: boolean,
  numbers: Readonly<Record<string, number>>,
  wayOut: string,
): void {
  if (!holds) throw new OptionsError(relation, numbers, wayOut);
}
