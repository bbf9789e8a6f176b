import { HoldfastError, OptionsError } from '../../errors/index.js';
import { driftFactor, type DurationMs } from '../../kernel/time.js';
import type { PoolDevicesRecord } from './types.js';

/** The smallest device that a pool takes as a log. */
export const POOL_LOG_MINIMUM_BYTES = 64 * 1024 * 1024;

export interface PoolDevicesTiming {
  /** A claim at the registry ends this long after it was last granted. */
  readonly claimTtlMs: DurationMs;
  readonly claimRenewIntervalMs: DurationMs;
  /** A registry call, an inspection or a rehearsal without an answer counts as failed after this. */
  readonly callTimeoutMs: DurationMs;
  /** No command is started with less of the claim left than this. */
  readonly commandStartMs: DurationMs;
  /** A command that runs longer is reported. Large caches take minutes. */
  readonly commandSoftMs: DurationMs;
  /** A command that runs longer raises an alarm, and the appliance is inspected: its outcome counts as unknown. */
  readonly commandHardMs: DurationMs;
  /** Between two looks at something that has to change by itself. */
  readonly pollIntervalMs: DurationMs;
  /** Between two tries of something that failed. */
  readonly retryIntervalMs: DurationMs;
  /** How far two honest clocks may part. */
  readonly clockDriftPpm: number;
}

export const poolDevicesTiming: PoolDevicesTiming = {
  claimTtlMs: 60_000,
  claimRenewIntervalMs: 20_000,
  callTimeoutMs: 10_000,
  commandStartMs: 5_000,
  commandSoftMs: 60_000,
  commandHardMs: 600_000,
  pollIntervalMs: 1_000,
  retryIntervalMs: 5_000,
  clockDriftPpm: 10_000,
};

export interface PoolDevicesOptions {
  readonly groupId: string;
  readonly nodeId: string;
  /** Durable count of this controller's starts. */
  readonly incarnation: number;
  /** Every appliance that can reach any of the devices: a cache device is free only when none of them lists it. */
  readonly appliances: readonly string[];
  /** What stands on stable storage; `freshPoolDevicesRecord(groupId)` for a controller that has never run. */
  readonly record: PoolDevicesRecord;
  readonly timing?: PoolDevicesTiming;
  /** What a move does when the other pool does not take the devices. Default `restore`: back, with the old profile. */
  readonly onFailure?: 'restore' | 'leave-free';
  /** Tries of one command before it counts as refused for good. Default 3. */
  readonly commandTries?: number;
  /** Ask the other pool for a dry run before anything leaves. Default true. */
  readonly rehearse?: boolean;
  /** The appliances can import a pool without its log device. Default false: older pools cannot. */
  readonly canImportWithoutLog?: boolean;
  /** Default 64 MiB. */
  readonly logMinimumBytes?: number;
  /** Jobs that may be under way. Default 16. */
  readonly jobLimit?: number;
  /** Ended jobs that are remembered, for status and for requests that come twice. Default 64. */
  readonly historyLimit?: number;
}

/** Options with every default filled in, as the state carries them. */
export interface PoolDevicesSettings {
  readonly appliances: readonly string[];
  readonly timing: PoolDevicesTiming;
  readonly onFailure: 'restore' | 'leave-free';
  readonly commandTries: number;
  readonly rehearse: boolean;
  readonly canImportWithoutLog: boolean;
  readonly logMinimumBytes: number;
  readonly jobLimit: number;
  readonly historyLimit: number;
}

export function poolDevicesSettings(options: PoolDevicesOptions): PoolDevicesSettings {
  return {
    appliances: [...options.appliances].sort(),
    timing: options.timing ?? poolDevicesTiming,
    onFailure: options.onFailure ?? 'restore',
    commandTries: options.commandTries ?? 3,
    rehearse: options.rehearse ?? true,
    canImportWithoutLog: options.canImportWithoutLog ?? false,
    logMinimumBytes: options.logMinimumBytes ?? POOL_LOG_MINIMUM_BYTES,
    jobLimit: options.jobLimit ?? 16,
    historyLimit: options.historyLimit ?? 64,
  };
}

export function freshPoolDevicesRecord(groupId: string): PoolDevicesRecord {
  return { version: 1, groupId, jobs: [] };
}

/** Guaranteed to be over on the registry's clock as well: counted from the sending of the claim, by the slowest clock allowed. */
export function claimHoldsMs(timing: PoolDevicesTiming): DurationMs {
  return timing.claimTtlMs / driftFactor(timing.clockDriftPpm);
}

/**
 * @throws OptionsError naming the relation and its numbers; HoldfastError `CORRUPT` for the record of a newer release or another
 * group.
 */
export function validatePoolDevicesOptions(options: PoolDevicesOptions): void {
  const settings = poolDevicesSettings(options);
  validateTiming(settings.timing);
  const { appliances, commandTries, jobLimit, historyLimit, logMinimumBytes } = settings;
  const counts = { commandTries, jobLimit, historyLimit, logMinimumBytes, incarnation: options.incarnation };
  for (const [name, value] of Object.entries(counts)) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw new OptionsError(
        `${name} is a whole number from 1 on`,
        { [name]: value },
        `Give ${name} as one.`,
      );
  }
  const distinct = new Set(appliances).size;
  if (appliances.length === 0 || distinct !== appliances.length) {
    throw new OptionsError(
      'appliances are named, each once',
      { appliances: appliances.length, distinct },
      'Name every appliance that can reach the devices.',
    );
  }
  const { record } = options;
  const version: number = record.version;
  if (version !== 1) {
    throw new HoldfastError(
      'CORRUPT',
      `The record of group ${options.groupId} has version ${String(version)}, and this release knows version 1. Nothing was changed; run the release that wrote it.`,
    );
  }
  if (record.groupId !== options.groupId) {
    throw new HoldfastError(
      'CORRUPT',
      `The record belongs to group ${record.groupId}, not to ${options.groupId}. Nothing was changed; look for the right store.`,
    );
  }
}

function validateTiming(timing: PoolDevicesTiming): void {
  for (const [name, value] of Object.entries(timing)) {
    if (!Number.isFinite(value) || value <= 0)
      throw new OptionsError(`${name} > 0`, { [name]: Number(value) }, `Give ${name} in milliseconds.`);
  }
  const { claimRenewIntervalMs, callTimeoutMs, commandStartMs, commandSoftMs, commandHardMs } = timing;
  const holdsMs = claimHoldsMs(timing);
  if (2 * claimRenewIntervalMs + callTimeoutMs > holdsMs) {
    throw new OptionsError(
      '2 x claimRenewIntervalMs + callTimeoutMs <= claimTtlMs / drift',
      { claimRenewIntervalMs, callTimeoutMs, claimHoldsMs: holdsMs },
      'One lost renewal must not lose the claim: renew more often.',
    );
  }
  if (claimRenewIntervalMs <= callTimeoutMs) {
    throw new OptionsError(
      'claimRenewIntervalMs > callTimeoutMs',
      { claimRenewIntervalMs, callTimeoutMs },
      'A renewal is answered or given up before the next.',
    );
  }
  if (commandStartMs >= holdsMs - claimRenewIntervalMs - callTimeoutMs) {
    throw new OptionsError(
      'commandStartMs < claimTtlMs / drift - claimRenewIntervalMs - callTimeoutMs',
      { commandStartMs, claimHoldsMs: holdsMs, claimRenewIntervalMs, callTimeoutMs },
      'A claim that is renewed in time must be long enough for a command to start.',
    );
  }
  if (commandSoftMs >= commandHardMs) {
    throw new OptionsError(
      'commandSoftMs < commandHardMs',
      { commandSoftMs, commandHardMs },
      'The report comes before the alarm.',
    );
  }
}
