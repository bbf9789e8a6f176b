import { HoldfastError, OptionsError } from '../../errors/index.js';
import type { DurationMs } from '../../kernel/time.js';
import type { FaultResponseModel, MediatorFallbackRecord } from './types.js';

/** Version of the record and of the state that this release reads and writes. */
export const MEDIATOR_FALLBACK_VERSION = 1;

export interface MediatorFallbackTiming {
  readonly probeIntervalMs: DurationMs;
  /** A probe without an answer for so long has failed. Never a constant of the transport: slow links need longer. */
  readonly probeTimeoutMs: DurationMs;
  /** Down after so many failures in a row, and not before so much time. */
  readonly downAfterFails: number;
  readonly downAfterMs: DurationMs;
  /** Reliable again after so many answers in a row, and not before so much time. */
  readonly reliableAfterAnswers: number;
  readonly reliableAfterMs: DurationMs;
  /** How often a proposal or a commit that was not answered is said again. */
  readonly proposeIntervalMs: DurationMs;
  /** A proposal without all answers is taken back after so long, where that is safe. */
  readonly proposeTimeoutMs: DurationMs;
  /** A member's report is fresh for so long. */
  readonly reportFreshMs: DurationMs;
  /** Head start of the preferred member at the mediator. */
  readonly nonPreferredDelayMs: DurationMs;
  /** Pause between two calls to a mediator that did not answer. */
  readonly mediateRetryMs: DurationMs;
  /** What a start waits before it survives by its own word: a former life may have given a lease. */
  readonly startWaitMs: DurationMs;
  /** A mediator is reliable and not in use for so long: an alarm, and another try. */
  readonly watchdogMs: DurationMs;
  readonly persistRetryMs: DurationMs;
  /** What a mediator needs for a restart: shorter absences are no reason to switch. */
  readonly mediatorRestartMs: DurationMs;
}

export const mediatorFallbackTiming: MediatorFallbackTiming = {
  probeIntervalMs: 2_000,
  probeTimeoutMs: 1_500,
  downAfterFails: 3,
  downAfterMs: 10_000,
  reliableAfterAnswers: 5,
  reliableAfterMs: 60_000,
  proposeIntervalMs: 2_000,
  proposeTimeoutMs: 20_000,
  reportFreshMs: 6_000,
  nonPreferredDelayMs: 6_000,
  mediateRetryMs: 2_000,
  startWaitMs: 6_621,
  watchdogMs: 300_000,
  persistRetryMs: 1_000,
  mediatorRestartMs: 5_000,
};

/** What stands in while no mediator is there. `best`: the member that the facts elect. */
export type FallbackChoice =
  { readonly kind: 'best' } | Exclude<FaultResponseModel, { kind: 'mediator' | 'preElected' }>;

export interface MediatorFallbackOptions {
  readonly groupId: string;
  readonly nodeId: string;
  /** Durable count of this node's starts, from 1. */
  readonly incarnation: number;
  /** Everybody who can be a member, two or more. */
  readonly members: readonly string[];
  /** Mediators in the order in which they are wanted. */
  readonly mediators: readonly string[];
  /** The member that is elected first. Default: by the facts alone. */
  readonly preference?: string;
  /** Default `{ kind: 'best' }`. */
  readonly fallback?: FallbackChoice;
  /** Change to an earlier mediator of the list as soon as it is reliable. Default false: one that works is kept. */
  readonly returnToFirstMediator?: boolean;
  /** Default: `mediatorFallbackTiming`. */
  readonly timing?: MediatorFallbackTiming;
  /** `freshMediatorFallbackRecord(...)` for a member that has never taken part. */
  readonly record: MediatorFallbackRecord;
}

export interface FreshMediatorFallbackRecordOptions {
  readonly groupId: string;
  readonly nodeId: string;
  readonly members: readonly string[];
  readonly mediator: string;
}

/** The record of a group that has just been made: all are members, and the mediator decides. */
export function freshMediatorFallbackRecord(
  options: FreshMediatorFallbackRecordOptions,
): MediatorFallbackRecord {
  const { groupId, nodeId, members, mediator } = options;
  return {
    version: 1,
    groupId,
    nodeId,
    current: { version: 1, model: { kind: 'mediator', id: mediator } },
    highest: 1,
    partition: { generation: 1, members },
    standing: 'member',
  };
}

/** @throws OptionsError, HoldfastError `NOT_SUPPORTED` (record of another version), TypeError (names that contradict each other). */
export function validateMediatorFallbackOptions(options: MediatorFallbackOptions): void {
  checkMediatorFallbackTiming(options.timing ?? mediatorFallbackTiming);
  checkFallbackVersion(options.record, 'The record');
  const { groupId, nodeId, members, mediators, record, preference, fallback, incarnation } = options;
  if (record.groupId !== groupId || record.nodeId !== nodeId)
    throw new TypeError(
      `The record belongs to "${record.nodeId}" of "${record.groupId}", not to "${nodeId}" of "${groupId}".`,
    );
  if (!members.includes(nodeId))
    throw new TypeError(`"${nodeId}" is not among the members ${members.join(', ')}.`);
  if (preference !== undefined && !members.includes(preference))
    throw new TypeError(`The preferred "${preference}" is not among the members ${members.join(', ')}.`);
  requireThat(
    '2 <= members',
    members.length >= 2,
    { members: members.length },
    'One member alone needs no model.',
  );
  requireThat(
    '1 <= mediators',
    mediators.length >= 1,
    { mediators: mediators.length },
    'Name at least one mediator.',
  );
  const distinct = new Set([...members, ...mediators]).size;
  const named = members.length + mediators.length;
  requireThat(
    'every name once',
    distinct === named,
    { named, distinct },
    'Members and mediators need names of their own.',
  );
  const isCount = Number.isSafeInteger(incarnation) && incarnation >= 1;
  requireThat(
    'incarnation is a whole number of 1 or more',
    isCount,
    { incarnation },
    'Count the starts durably.',
  );
  if (fallback?.kind === 'quorum') checkQuorum(fallback);
  if (fallback?.kind === 'subset') {
    const known = fallback.nodes.filter((node) => members.includes(node)).length;
    const nodes = fallback.nodes.length;
    requireThat(
      'a subset of the members, not empty',
      known === nodes && nodes > 0,
      { nodes, known },
      'Name members.',
    );
  }
}

function checkQuorum({ votes, need }: Extract<FaultResponseModel, { kind: 'quorum' }>): void {
  const all = Object.values(votes).reduce((sum, vote) => sum + vote, 0);
  requireThat(
    '2 * need > all votes',
    2 * need > all && need <= all,
    { need, all },
    'Two sides could both have enough.',
  );
}

/** @throws OptionsError naming the first relation that does not hold, with the computed numbers. */
export function checkMediatorFallbackTiming(timing: MediatorFallbackTiming): void {
  for (const [name, value] of Object.entries(timing) as [string, number][])
    requireThat(
      `${name} > 0`,
      Number.isFinite(value) && value > 0,
      { [name]: value },
      'Give a number above zero.',
    );
  const { probeIntervalMs, probeTimeoutMs, downAfterMs, downAfterFails, reliableAfterMs, reportFreshMs } =
    timing;
  const { proposeIntervalMs, proposeTimeoutMs, watchdogMs, mediatorRestartMs } = timing;
  requireThat(
    'M1: probeTimeoutMs <= probeIntervalMs',
    probeTimeoutMs <= probeIntervalMs,
    { probeTimeoutMs, probeIntervalMs },
    'One probe at a time.',
  );
  requireThat(
    'M2: mediatorRestartMs <= downAfterMs',
    mediatorRestartMs <= downAfterMs,
    { mediatorRestartMs, downAfterMs },
    'A restart of the mediator must not look like its loss.',
  );
  const failsMs = downAfterFails * probeIntervalMs;
  requireThat(
    'M3: downAfterFails * probeIntervalMs <= downAfterMs',
    failsMs <= downAfterMs,
    { failsMs, downAfterMs },
    'The failures have to fit into the time.',
  );
  requireThat(
    'M4: downAfterMs < reliableAfterMs',
    downAfterMs < reliableAfterMs,
    { downAfterMs, reliableAfterMs },
    'Leaving has to be harder than entering, or a flapping mediator moves the model.',
  );
  const gapMs = 2 * probeIntervalMs;
  requireThat(
    'M5: 2 * probeIntervalMs <= reportFreshMs',
    gapMs <= reportFreshMs,
    { gapMs, reportFreshMs },
    'One lost report must not make a member unknown.',
  );
  const triesMs = 3 * proposeIntervalMs;
  requireThat(
    'M6: 3 * proposeIntervalMs <= proposeTimeoutMs',
    triesMs <= proposeTimeoutMs,
    { triesMs, proposeTimeoutMs },
    'A lost message must not end a proposal.',
  );
  const backMs = reliableAfterMs + proposeTimeoutMs;
  requireThat(
    'M7: reliableAfterMs + proposeTimeoutMs <= watchdogMs',
    backMs <= watchdogMs,
    { backMs, watchdogMs },
    'The alarm would come before the way back is tried.',
  );
}

/** @throws HoldfastError `NOT_SUPPORTED` when somebody else's version stands there. Nothing is overwritten. */
export function checkFallbackVersion(found: { readonly version: number }, what: string): void {
  if (found.version === MEDIATOR_FALLBACK_VERSION) return;
  throw new HoldfastError(
    'NOT_SUPPORTED',
    `${what} of mediator-fallback has version ${String(found.version)}; this release reads version ${String(MEDIATOR_FALLBACK_VERSION)}. Nothing was changed: use the release that wrote it.`,
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
