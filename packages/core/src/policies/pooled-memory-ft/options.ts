import { HoldfastError, OptionsError } from '../../errors/holdfast-error.js';
import type { DurationMs } from '../../kernel/time.js';
import type { PooledMemoryRecord } from './types.js';

/** Every number of the mechanism. Any may be changed alone. */
export interface PooledMemoryTuning {
  /** How often a host's heartbeat in the pool moves on, and after how much silence it is suspect, and dead. */
  readonly heartbeatIntervalMs: DurationMs;
  readonly suspectAfterMs: DurationMs;
  readonly deadAfterMs: DurationMs;
  /** How long the former writer may go on after its lease was seen last, and what is added for clocks that differ. */
  readonly leaseMs: DurationMs;
  readonly guardMs: DurationMs;
  /** A checkpoint begins this long after the last one. The pause of the machine is at most this part of the interval, or it grows. */
  readonly checkpointIntervalMs: DurationMs;
  readonly checkpointIntervalMaxMs: DurationMs;
  readonly pauseShare: number;
  /** Failed checkpoints in a row after which the machine counts as unprotected. */
  readonly checkpointTries: number;
  /** A wish that is not answered is made again after this. */
  readonly callTimeoutMs: DurationMs;
  /** A new secondary is looked for after this, then twice as long, up to the longest. */
  readonly secondaryRetryMs: DurationMs;
  readonly secondaryRetryMaxMs: DurationMs;
  /** Fault-tolerant machines and their processors that one host may carry, primaries and secondaries alike; 0 is no limit. */
  readonly machinesPerHostMax: number;
  readonly processorsPerHostMax: number;
  /** `buffer`: what the machine sends is held until the generation that it follows from is sealed. */
  readonly outputCommit: 'none' | 'buffer';
  /** Whether an older sealed generation may be used when the newest does not load: what came after is lost. */
  readonly allowOlderGeneration: boolean;
  /** What happens to a writer that the network has lost and the pool has not. */
  readonly onIsolation: 'stay' | 'demote';
}

export const pooledMemoryDefaults: PooledMemoryTuning = {
  heartbeatIntervalMs: 100,
  suspectAfterMs: 300,
  deadAfterMs: 1_000,
  leaseMs: 1_000,
  guardMs: 200,
  checkpointIntervalMs: 250,
  checkpointIntervalMaxMs: 1_000,
  pauseShare: 0.1,
  checkpointTries: 3,
  callTimeoutMs: 2_000,
  secondaryRetryMs: 1_000,
  secondaryRetryMaxMs: 60_000,
  machinesPerHostMax: 4,
  processorsPerHostMax: 8,
  outputCommit: 'buffer',
  allowOlderGeneration: false,
  onIsolation: 'stay',
};

export interface PooledMemoryOptions {
  readonly groupId: string;
  /** Who runs this policy: one controller per machine at a time, elected elsewhere. */
  readonly nodeId: string;
  readonly incarnation: number;
  readonly record: PooledMemoryRecord;
  readonly ramBytes: number;
  readonly processors: number;
  /** Processor time that the primary has reserved, in MHz: a secondary without as much would slow it down. */
  readonly reservedMhz: number;
  readonly tuning: PooledMemoryTuning;
}

/** @throws OptionsError naming the relation that does not hold, and its numbers. */
export function validatePooledMemoryOptions(options: PooledMemoryOptions): void {
  const { tuning } = options;
  for (const [name, value] of Object.entries(tuning)) {
    if (typeof value !== 'number') continue;
    const isLimit = name.endsWith('PerHostMax');
    demand(Number.isFinite(value) && (isLimit ? value >= 0 : value > 0), `${name} > 0`, { [name]: value });
  }
  const { heartbeatIntervalMs, suspectAfterMs, deadAfterMs, leaseMs, pauseShare } = tuning;
  demand(suspectAfterMs >= 2 * heartbeatIntervalMs, 'suspectAfterMs ≥ 2 × heartbeatIntervalMs', {
    suspectAfterMs,
    heartbeatIntervalMs,
  });
  demand(deadAfterMs > suspectAfterMs, 'deadAfterMs > suspectAfterMs', { deadAfterMs, suspectAfterMs });
  demand(leaseMs >= suspectAfterMs, 'leaseMs ≥ suspectAfterMs', { leaseMs, suspectAfterMs });
  demand(pauseShare < 1, 'pauseShare < 1', { pauseShare });
  const { checkpointIntervalMs, checkpointIntervalMaxMs, secondaryRetryMs, secondaryRetryMaxMs } = tuning;
  demand(checkpointIntervalMaxMs >= checkpointIntervalMs, 'checkpointIntervalMaxMs ≥ checkpointIntervalMs', {
    checkpointIntervalMaxMs,
    checkpointIntervalMs,
  });
  demand(secondaryRetryMaxMs >= secondaryRetryMs, 'secondaryRetryMaxMs ≥ secondaryRetryMs', {
    secondaryRetryMaxMs,
    secondaryRetryMs,
  });
  for (const name of ['incarnation', 'ramBytes', 'processors'] as const) {
    demand(Number.isSafeInteger(options[name]) && options[name] > 0, `${name} ≥ 1`, {
      [name]: options[name],
    });
  }
  // A journal of another release is not bound by the type.
  const version: number = options.record.version;
  demand(
    version === 1,
    'record.version = 1',
    { version },
    'This release reads version 1 only; nothing was overwritten.',
  );
}

/** @throws HoldfastError `NOT_SUPPORTED` for a state of another release: it is left as it is. */
export function checkPooledMemoryVersion(version: number): void {
  if (version === 1) return;
  throw new HoldfastError(
    'NOT_SUPPORTED',
    `The pooled-memory-ft state has version ${version}, and this release reads version 1. Nothing was changed; run the release that wrote it.`,
  );
}

function demand(
  holds: boolean,
  relation: string,
  numbers: Readonly<Record<string, number>>,
  wayOut = 'Correct the options.',
): void {
  if (!holds) throw new OptionsError(relation, numbers, wayOut);
}

/** The record of a machine that has never been fault tolerant. `argumentsDigest`: of all it was started with. */
export function freshPooledMemoryRecord(
  machineId: string,
  host: string,
  argumentsDigest: string,
): PooledMemoryRecord {
  return { version: 1, machineId, mode: 'notConfigured', epoch: 0, primary: host, argumentsDigest };
}
