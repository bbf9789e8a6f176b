import { HoldfastError, OptionsError } from '../../errors/index.js';
import type { DurationMs } from '../../kernel/time.js';
import type { LatencyThreshold } from './estimator.js';
import type { FailbackRecord } from './types.js';

/** Everything that may be tuned. `failbackDefaults` stands for all of it. */
export interface FailbackTuning {
  /** Length of one window of samples. */
  readonly windowMs: DurationMs;
  /** I/O that a window needs before it counts. */
  readonly minimumSamples: number;
  /** Windows looked at, and the share of them that must agree, the newest among them. Share 1: all in a row. */
  readonly decisionWindows: number;
  readonly decisionShare: number;
  /** Redirect when expected less recorded latency is at most this. */
  readonly threshold: LatencyThreshold;
  /** After a redirect: an alarm when measured less formerly recorded latency is above this. */
  readonly alarmThreshold: LatencyThreshold;
  /** `mean` of each window, or smoothed over windows with the newest one's share. */
  readonly average: { readonly kind: 'mean' } | { readonly kind: 'ewma'; readonly newestShare: number };
  /** At least 1: slows the probe of the primary down to what it will be beside the copy. */
  readonly loadFactor: number;
  /** A probe older than this does not count. */
  readonly probeFreshMs: DurationMs;
  /** Between two changes of the active site, when the second one is automatic. */
  readonly dwellMs: DurationMs;
  /** How long the link must have held. */
  readonly linkStableMs: DurationMs;
  /** At most this may be out of sync when I/O goes home: from then until it is copied, both sites and the link are needed. */
  readonly maxOutOfSyncBytes: number;
  /** Longest time that hosts are held for a redirect, up to the commit. */
  readonly maxQuiesceMs: DurationMs;
  /** Longest time that hosts wait before they give up. */
  readonly hostIoTimeoutMs: DurationMs;
  /** Longest time from the decision to the first held I/O. */
  readonly prepareTimeoutMs: DurationMs;
  /** Changes of the active site in `movesWindowMs` after which only an operator redirects. */
  readonly maxMoves: number;
  readonly movesWindowMs: DurationMs;
  /** Redirects given up in a row after which only an operator redirects, and the pause after the first; it doubles. */
  readonly maxAborts: number;
  readonly abortRetryMs: DurationMs;
  /** Recoveries that failed in a row after which only an operator starts one, and the pause after the first; it doubles. */
  readonly maxRecoveries: number;
  readonly recoveryRetryMs: DurationMs;
  readonly persistRetryMs: DurationMs;
  /** Everything is in sync and latency alone has not sent I/O home: `failback` does, `stay` leaves it to latency or an operator. */
  readonly whenSynced: 'failback' | 'stay';
  /** The secondary has ended for certain while blocks are out of sync: serve reads of the others, or nothing. */
  readonly partialService: 'reads' | 'none';
}

export const failbackDefaults: FailbackTuning = {
  windowMs: 60_000,
  minimumSamples: 200,
  decisionWindows: 5,
  decisionShare: 0.7,
  threshold: { kind: 'relative', share: -0.1 },
  alarmThreshold: { kind: 'relative', share: 0.1 },
  average: { kind: 'mean' },
  loadFactor: 1,
  probeFreshMs: 120_000,
  dwellMs: 120_000,
  linkStableMs: 30_000,
  maxOutOfSyncBytes: 8 * 1024 ** 3,
  maxQuiesceMs: 5_000,
  hostIoTimeoutMs: 30_000,
  prepareTimeoutMs: 10_000,
  maxMoves: 3,
  movesWindowMs: 3_600_000,
  maxAborts: 5,
  abortRetryMs: 30_000,
  maxRecoveries: 5,
  recoveryRetryMs: 10_000,
  persistRetryMs: 1_000,
  whenSynced: 'failback',
  partialService: 'reads',
};

export interface LatencyFailbackOptions {
  readonly groupId: string;
  readonly nodeId: string;
  /** Durable count of this node's starts. */
  readonly incarnation: number;
  /** What stands on stable storage; `freshFailbackRecord(...)` for a group that has never been away from home. */
  readonly record: FailbackRecord;
  readonly tuning?: Partial<FailbackTuning>;
}

/** Version of the record and of the state that this release writes. */
export const FAILBACK_VERSION = 1;

/** @throws HoldfastError `NOT_SUPPORTED` for a record or state of another version: it is left as it is. */
export function checkFailbackVersion(what: 'record' | 'state', version: number): void {
  if (version === FAILBACK_VERSION) return;
  throw new HoldfastError(
    'NOT_SUPPORTED',
    `The latency-failback ${what} has version ${String(version)}, and this release knows version ${String(FAILBACK_VERSION)}. ` +
      'Nothing was changed; run the release that wrote it.',
  );
}

/**
 * @throws OptionsError naming the relation that does not hold, with its numbers; HoldfastError for a record of another version;
 *   TypeError for a record of another group.
 */
export function validateFailbackOptions(options: LatencyFailbackOptions): void {
  const { groupId, nodeId, record, incarnation } = options;
  if (groupId === '' || nodeId === '') throw new TypeError('groupId and nodeId must not be empty.');
  checkFailbackVersion('record', record.version);
  if (record.groupId !== groupId)
    throw new TypeError(`The record belongs to group "${record.groupId}", not to group "${groupId}".`);
  requireThat(
    'record.epoch is a whole number of 0 or more',
    Number.isSafeInteger(record.epoch) && record.epoch >= 0,
    { epoch: record.epoch },
    'The record is damaged: restore it.',
  );
  requireThat(
    'incarnation is a whole number of 1 or more',
    Number.isSafeInteger(incarnation) && incarnation >= 1,
    { incarnation },
    'Count the starts of the node durably, from 1.',
  );
  checkTuning({ ...failbackDefaults, ...options.tuning });
}

function checkTuning(tuning: FailbackTuning): void {
  checkNumbers(tuning);
  const { windowMs, decisionWindows, probeFreshMs, maxQuiesceMs, hostIoTimeoutMs } = tuning;
  requireThat(
    'probeFreshMs >= windowMs',
    probeFreshMs >= windowMs,
    { probeFreshMs, windowMs },
    'One probe is made for each window: otherwise none of them would count.',
  );
  requireThat(
    'maxQuiesceMs < hostIoTimeoutMs',
    maxQuiesceMs < hostIoTimeoutMs,
    { maxQuiesceMs, hostIoTimeoutMs },
    'Hosts would give up while they are held.',
  );
  requireThat(
    'decisionShare is above 0 and at most 1',
    tuning.decisionShare > 0 && tuning.decisionShare <= 1,
    { decisionShare: tuning.decisionShare },
    'It is the share of windows that must agree.',
  );
  requireThat(
    'movesWindowMs >= dwellMs',
    tuning.movesWindowMs >= tuning.dwellMs,
    { movesWindowMs: tuning.movesWindowMs, dwellMs: tuning.dwellMs },
    'Otherwise the limit on changes of site would never be reached.',
  );
  requireThat(
    'loadFactor >= 1',
    tuning.loadFactor >= 1,
    { loadFactor: tuning.loadFactor },
    'A copy never makes a device faster.',
  );
  const { average, alarmThreshold, threshold } = tuning;
  const newestShare = average.kind === 'ewma' ? average.newestShare : 1;
  requireThat(
    'newestShare is above 0 and at most 1',
    newestShare > 0 && newestShare <= 1,
    { newestShare },
    'It is the weight of the newest window.',
  );
  for (const [name, limit] of Object.entries({ threshold, alarmThreshold })) {
    const value = limit.kind === 'absolute' ? limit.us : limit.share;
    requireThat(`${name} is a finite number`, Number.isFinite(value), { [name]: value }, 'Name a limit.');
  }
  if (threshold.kind === alarmThreshold.kind) {
    const [go, alarm] = [threshold, alarmThreshold].map((one) =>
      one.kind === 'absolute' ? one.us : one.share,
    );
    requireThat(
      'alarmThreshold >= threshold',
      (alarm ?? 0) >= (go ?? 0),
      { alarmThreshold: alarm ?? 0, threshold: go ?? 0 },
      'Otherwise a redirect that did what was expected raises an alarm.',
    );
  }
  requireThat(
    'decisionWindows is at most 1000',
    decisionWindows <= 1_000,
    { decisionWindows },
    'Their votes are kept in the state.',
  );
}

const counts = ['minimumSamples', 'decisionWindows', 'maxMoves', 'maxAborts', 'maxRecoveries'] as const;
const spans = [
  'windowMs',
  'maxQuiesceMs',
  'prepareTimeoutMs',
  'abortRetryMs',
  'recoveryRetryMs',
  'persistRetryMs',
] as const;
const amounts = [
  'dwellMs',
  'linkStableMs',
  'maxOutOfSyncBytes',
  'probeFreshMs',
  'hostIoTimeoutMs',
  'movesWindowMs',
] as const;

function checkNumbers(tuning: FailbackTuning): void {
  for (const name of counts) {
    const value = tuning[name];
    const holds = Number.isSafeInteger(value) && value >= 1;
    requireThat(`${name} is a whole number of 1 or more`, holds, { [name]: value }, 'Name a count.');
  }
  for (const name of spans) {
    const value = tuning[name];
    requireThat(
      `${name} > 0`,
      Number.isFinite(value) && value > 0,
      { [name]: value },
      'A span of nothing would never let time pass.',
    );
  }
  for (const name of amounts) {
    const value = tuning[name];
    const holds = Number.isFinite(value) && value >= 0;
    requireThat(`${name} is a number of 0 or more`, holds, { [name]: value }, 'Give a finite number.');
  }
}

function requireThat(
  relation: string,
  holds: boolean,
  numbers: Readonly<Record<string, number>>,
  wayOut: string,
): void {
  if (!holds) throw new OptionsError(relation, numbers, wayOut);
}
