import { HoldfastError, OptionsError } from '../../errors/index.js';
import type { DurationMs } from '../../kernel/time.js';
import type { DemandFloors } from './room.js';
import type { AgentRecord, LedgerRecord, ProtectionPolicy, ReservationMode } from './types.js';

/** Every span of the mechanism. The first two are those of a product that administrators know; the others follow from them. */
export interface ReservationTiming {
  /** From all paths down to the declaration that they stay down. Room is asked for at this moment. */
  readonly declareAfterMs: DurationMs;
  /** From the declaration to the first machine that is terminated. 0: at once. */
  readonly actionDelayMs: DurationMs;
  /** How often an agent says again what it wants, which renews what it holds. */
  readonly resendIntervalMs: DurationMs;
  readonly answerTimeoutMs: DurationMs;
  readonly answerTries: number;
  /** How long the coordinator holds room of which nobody speaks any more. */
  readonly reservationTtlMs: DurationMs;
  /** How long a restart may take before it is asked for again. */
  readonly commitTimeoutMs: DurationMs;
  /** How long a new coordinator waits for the hosts to tell what runs on them. */
  readonly gatherMs: DurationMs;
  /** How long it waits for an inventory before it asks again. */
  readonly inventoryTimeoutMs: DurationMs;
  /** Pause before a machine that did not end is told so again. */
  readonly terminateRetryMs: DurationMs;
  readonly persistRetryMs: DurationMs;
  /** After this long an agent stops asking for the room of an incident. 0: never. */
  readonly giveUpAfterMs: DurationMs;
}

export const reservationTiming: ReservationTiming = {
  declareAfterMs: 140_000,
  actionDelayMs: 180_000,
  resendIntervalMs: 30_000,
  answerTimeoutMs: 5_000,
  answerTries: 3,
  reservationTtlMs: 90_000,
  commitTimeoutMs: 120_000,
  gatherMs: 15_000,
  inventoryTimeoutMs: 2_000,
  terminateRetryMs: 30_000,
  persistRetryMs: 1_000,
  giveUpAfterMs: 0,
};

/** Who this is: the parts of an effect's identity. */
interface Self {
  readonly groupId: string;
  readonly hostId: string;
  /** Durable count of the starts of this agent or coordinator. */
  readonly incarnation: number;
  readonly timing: ReservationTiming;
}

export interface ReservationAgentOptions extends Self {
  readonly role: 'agent';
  readonly onAllPathsDown: ProtectionPolicy;
  readonly onPermanentDeviceLoss: ProtectionPolicy;
  readonly mode: ReservationMode;
  /** Reset machines when the component is back after the declaration and before they were terminated. */
  readonly resetWhenRestored: boolean;
  readonly record?: AgentRecord;
}

export interface ReservationCoordinatorOptions extends Self {
  readonly role: 'coordinator';
  /** Rises with every election: whoever elects gives it. */
  readonly epoch: number;
  readonly floors: DemandFloors;
  /** Power off running machines of a lower priority to make room. */
  readonly preempt: boolean;
  readonly restartAttempts: number;
  /** Hosts that a decision may look at when it rearranges; the pass over all hosts is not counted. */
  readonly rearrangeEffort: number;
  readonly record?: LedgerRecord;
}

export type ReservationOptions = ReservationAgentOptions | ReservationCoordinatorOptions;

export const reservationAgentDefaults = {
  role: 'agent',
  timing: reservationTiming,
  onAllPathsDown: 'conservative',
  onPermanentDeviceLoss: 'conservative',
  mode: 'best-effort',
  resetWhenRestored: false,
} as const satisfies Partial<ReservationAgentOptions>;

export const reservationCoordinatorDefaults = {
  role: 'coordinator',
  timing: reservationTiming,
  floors: { minimumCpuMHz: 32, minimumMemoryMiB: 0 },
  preempt: false,
  restartAttempts: 5,
  rearrangeEffort: 200_000,
} as const satisfies Partial<ReservationCoordinatorOptions>;

/**
 * @throws OptionsError naming the relation that does not hold; HoldfastError CORRUPT for a record that is of another version, kind or
 * host, which is left as it is.
 */
export function validateReservationOptions(options: ReservationOptions): void {
  const { timing } = options;
  for (const [name, value] of Object.entries(timing) as [string, number][]) {
    check(`${name} is a number >= 0`, Number.isFinite(value) && value >= 0, { [name]: value });
  }
  const { resendIntervalMs, reservationTtlMs, answerTimeoutMs, answerTries, inventoryTimeoutMs } = timing;
  check('answerTries >= 1', answerTries >= 1, { answerTries });
  check('answerTimeoutMs > 0', answerTimeoutMs > 0, { answerTimeoutMs });
  const triesMs = answerTries * answerTimeoutMs;
  check('answerTries * answerTimeoutMs <= resendIntervalMs', triesMs <= resendIntervalMs, {
    triesMs,
    resendIntervalMs,
  });
  const threeRoundsMs = 3 * resendIntervalMs;
  check('reservationTtlMs >= 3 * resendIntervalMs', reservationTtlMs >= threeRoundsMs, {
    reservationTtlMs,
    threeRoundsMs,
  });
  check(
    '0 < inventoryTimeoutMs <= answerTimeoutMs',
    inventoryTimeoutMs > 0 && inventoryTimeoutMs <= answerTimeoutMs,
    {
      inventoryTimeoutMs,
      answerTimeoutMs,
    },
  );
  for (const name of ['commitTimeoutMs', 'terminateRetryMs', 'persistRetryMs'] as const) {
    check(`${name} > 0`, timing[name] > 0, { [name]: timing[name] });
  }
  check('incarnation >= 1', Number.isSafeInteger(options.incarnation) && options.incarnation >= 1, {
    incarnation: options.incarnation,
  });
  if (options.role === 'coordinator') checkCoordinator(options);
  checkRecord(options);
}

function checkCoordinator({
  epoch,
  floors,
  restartAttempts,
  rearrangeEffort,
}: ReservationCoordinatorOptions): void {
  check('epoch >= 1', Number.isSafeInteger(epoch) && epoch >= 1, { epoch });
  check('restartAttempts >= 1', restartAttempts >= 1, { restartAttempts });
  check('rearrangeEffort >= 0', rearrangeEffort >= 0, { rearrangeEffort });
  const { minimumCpuMHz, minimumMemoryMiB } = floors;
  const safe = [minimumCpuMHz, minimumMemoryMiB].every((value) => Number.isSafeInteger(value) && value >= 0);
  check('floors are whole numbers >= 0', safe, { minimumCpuMHz, minimumMemoryMiB });
}

function checkRecord(options: ReservationOptions): void {
  const { record } = options;
  if (record === undefined) return;
  // A record comes from a disk, where anything may stand: what the type says is what this looks at.
  const found: { readonly version: number; readonly kind: string } = record;
  const kind = options.role === 'agent' ? 'agent' : 'ledger';
  if (found.version !== 1 || found.kind !== kind) {
    throw new HoldfastError(
      'CORRUPT',
      `The record is a ${found.kind} of version ${String(found.version)}, and this release reads a ${kind} of version 1. Start the release that wrote it.`,
    );
  }
  if (options.role === 'agent' && options.record !== undefined && options.record.hostId !== options.hostId) {
    throw new HoldfastError(
      'CORRUPT',
      `The record is of host ${options.record.hostId}, and this is ${options.hostId}.`,
    );
  }
  if (options.role === 'coordinator' && options.record !== undefined) {
    const recordEpoch = options.record.epoch;
    check('epoch >= record.epoch', options.epoch >= recordEpoch, { epoch: options.epoch, recordEpoch });
  }
}

function check(relation: string, holds: boolean, numbers: Readonly<Record<string, number>>): void {
  if (!holds) throw new OptionsError(relation, numbers, 'Change one of them.');
}
