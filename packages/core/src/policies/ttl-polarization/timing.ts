import { OptionsError } from '../../errors/index.js';
import { driftFactor, type DurationMs } from '../../kernel/time.js';
import type { PolarizationOptions, PolarizationTiming } from './options.js';

/** Bounds that follow from a timing, in milliseconds, counted from the fault: what hosts have to expect. */
export interface PauseBounds {
  /** The preferred node is lost, both were healthy, and the witness answers the first call. */
  readonly preferredLostMs: DurationMs;
  /** The same, when certain evidence of its end arrives within `typicalDetectionMs`. */
  readonly preferredLostWithEvidenceMs: DurationMs;
  /** The non-preferred node is lost, both were healthy, and the witness answers the first call. */
  readonly nonPreferredLostMs: DurationMs;
  /** The worst of all that C5 counts: the survivor is unhealthy and the witness answers the last call only. */
  readonly worstMs: DurationMs;
}

/** From the last grant sent to the end of every reply that it allowed at the non-preferred node. */
export function nonPreferredStopMs(timing: PolarizationTiming): DurationMs {
  return driftFactor(timing.clockDriftPpm) * timing.leaseTtlMs + timing.drainBoundMs;
}

/** From the receipt of the last acknowledged grant to the end of every reply that it allowed at the preferred node. */
export function preferredStopMs(timing: PolarizationTiming): DurationMs {
  return driftFactor(timing.clockDriftPpm) * timing.preferredLeaseTtlMs + timing.drainBoundMs;
}

/** C8: what a started node waits before it serves alone, since its former life may have given or taken a lease. */
export function startWaitMs(timing: PolarizationTiming): DurationMs {
  return Math.max(nonPreferredStopMs(timing), preferredStopMs(timing));
}

/** Silence on the lease that the non-preferred node takes for a lost peer. */
export function requesterSilenceMs(timing: PolarizationTiming): DurationMs {
  return timing.leaseRenewIntervalMs + timing.peerCallTries * timing.peerCallTimeoutMs;
}

/** The same at the preferred node: its grants are acknowledged one renewal later. */
export function granterSilenceMs(timing: PolarizationTiming): DurationMs {
  const silence = 2 * timing.leaseRenewIntervalMs + timing.peerCallTries * timing.peerCallTimeoutMs;
  return Math.min(timing.preferredLeaseTtlMs, silence);
}

/** The preferred node stops granting when its latest acknowledged grant is older than this. */
export function ackGapMs(timing: PolarizationTiming): DurationMs {
  return 2 * timing.leaseRenewIntervalMs + timing.peerCallTimeoutMs;
}

export function pauseBounds(timing: PolarizationTiming): PauseBounds {
  const witness = timing.witnessCallTimeoutMs;
  const witnessWorst = timing.witnessCallTries * witness;
  const detection = Math.max(granterSilenceMs(timing), timing.replicationTimeoutMs);
  const byNonPreferred = preferredStopMs(timing) + timing.nonPreferredDelayMs;
  const byPreferred = nonPreferredStopMs(timing);
  const worstAsk = Math.max(byNonPreferred, byPreferred) + timing.unhealthyDelayMs;
  return {
    preferredLostMs: byNonPreferred + witness + timing.activationMs,
    preferredLostWithEvidenceMs: timing.typicalDetectionMs + witness + timing.activationMs,
    nonPreferredLostMs: Math.max(byPreferred, detection + witness) + timing.activationMs,
    worstMs: worstAsk + witnessWorst + timing.activationMs,
  };
}

/** Share of the hosts' patience that the worst pause may use up: the rest is for what nobody computed. */
const HOST_SHARE = 0.9;

/**
 * Checks the relations C1 to C8, which the mechanism rests on.
 * @throws OptionsError naming the first that does not hold, with the computed numbers.
 */
export function checkTiming(timing: PolarizationTiming): void {
  checkNumbers(timing);
  const factor = driftFactor(timing.clockDriftPpm);
  const { leaseRenewIntervalMs, leaseTtlMs, preferredLeaseTtlMs, nonPreferredDelayMs } = timing;
  const { unhealthyDelayMs, witnessCallTimeoutMs, typicalDetectionMs, drainBoundMs, hostIoTimeoutMs } =
    timing;
  const thirdOfTtlMs = leaseTtlMs / 3;
  requireThat('C1: leaseRenewIntervalMs <= leaseTtlMs / 3', leaseRenewIntervalMs <= thirdOfTtlMs, {
    numbers: { leaseRenewIntervalMs, thirdOfTtlMs },
    wayOut: 'Renew more often or grant longer.',
  });
  const giveUpMs = requesterSilenceMs(timing);
  requireThat(
    'C1: leaseRenewIntervalMs + peerCallTries * peerCallTimeoutMs <= leaseTtlMs',
    giveUpMs <= leaseTtlMs,
    {
      numbers: { giveUpMs, leaseTtlMs },
      wayOut: 'Shorten the calls to the peer or grant longer.',
    },
  );
  requireThat('C2: preferredLeaseTtlMs >= leaseTtlMs', preferredLeaseTtlMs >= leaseTtlMs, {
    numbers: { preferredLeaseTtlMs, leaseTtlMs },
    wayOut: 'The non-preferred node has to stop first.',
  });
  requireThat(
    'C3: nonPreferredDelayMs >= witnessCallTimeoutMs',
    nonPreferredDelayMs >= witnessCallTimeoutMs,
    {
      numbers: { nonPreferredDelayMs, witnessCallTimeoutMs },
      wayOut: 'Otherwise a healthy non-preferred node beats a healthy preferred one.',
    },
  );
  const leaseGapMs = factor * (preferredLeaseTtlMs - leaseTtlMs);
  const neededMs = leaseGapMs + typicalDetectionMs + nonPreferredDelayMs + witnessCallTimeoutMs;
  requireThat(
    'C4: unhealthyDelayMs >= drift * (preferredLeaseTtlMs - leaseTtlMs) + typicalDetectionMs + nonPreferredDelayMs + witnessCallTimeoutMs',
    unhealthyDelayMs >= neededMs,
    {
      numbers: { unhealthyDelayMs, neededMs },
      wayOut: 'Otherwise an unhealthy preferred node beats a healthy peer.',
    },
  );
  const { worstMs } = pauseBounds(timing);
  const patienceMs = HOST_SHARE * hostIoTimeoutMs;
  requireThat('C5: worst pause <= 0.9 * hostIoTimeoutMs', worstMs <= patienceMs, {
    numbers: { worstMs, patienceMs },
    wayOut: 'Shorten leases and delays, or let the hosts wait longer.',
  });
  requireThat('C6: replicationTimeoutMs < leaseTtlMs', timing.replicationTimeoutMs < leaseTtlMs, {
    numbers: { replicationTimeoutMs: timing.replicationTimeoutMs, leaseTtlMs },
    wayOut: 'A silent replication must be seen before the lease ends.',
  });
  requireThat('C7: drainBoundMs > 0', drainBoundMs > 0, {
    numbers: { drainBoundMs },
    wayOut: 'Set it to the longest stall of the process that you are ready to accept.',
  });
  const restartMs = startWaitMs(timing) + timing.activationMs;
  requireThat(
    'C8: drift * max(leaseTtlMs, preferredLeaseTtlMs) + drainBoundMs + activationMs <= 0.9 * hostIoTimeoutMs',
    restartMs <= patienceMs,
    {
      numbers: { restartMs, patienceMs },
      wayOut: 'A restarted node would serve too late for the hosts.',
    },
  );
}

interface Relation {
  readonly numbers: Readonly<Record<string, number>>;
  readonly wayOut: string;
}

function requireThat(name: string, holds: boolean, relation: Relation): void {
  if (!holds) throw new OptionsError(name, relation.numbers, relation.wayOut);
}

function checkNumbers(timing: PolarizationTiming): void {
  for (const [name, value] of Object.entries(timing) as [string, number][]) {
    requireThat(`${name} is a number of 0 or more`, Number.isFinite(value) && value >= 0, {
      numbers: { [name]: value },
      wayOut: 'Give a finite number of milliseconds.',
    });
  }
  for (const name of ['peerCallTries', 'witnessCallTries'] as const) {
    const tries = timing[name];
    requireThat(`${name} is a whole number of 1 or more`, Number.isInteger(tries) && tries >= 1, {
      numbers: { [name]: tries },
      wayOut: 'At least one call has to be made.',
    });
  }
  for (const name of ['leaseRenewIntervalMs', 'witnessRetryIntervalMs', 'healthFreshMs'] as const) {
    requireThat(`${name} > 0`, timing[name] > 0, {
      numbers: { [name]: timing[name] },
      wayOut: 'A period of nothing would never let time pass.',
    });
  }
  const { clockDriftPpm } = timing;
  requireThat('clockDriftPpm < 1000000', clockDriftPpm < 1_000_000, {
    numbers: { clockDriftPpm },
    wayOut: 'A clock that stands still keeps no lease.',
  });
}

/** @throws OptionsError when the timing or the record do not fit; TypeError when names contradict each other. */
export function validateOptions(options: PolarizationOptions): void {
  checkTiming(options.timing);
  const { groupId, nodeId, peerId, record, faultModel } = options;
  if (nodeId === '' || peerId === '' || groupId === '')
    throw new TypeError('groupId, nodeId and peerId must not be empty.');
  if (nodeId === peerId)
    throw new TypeError(`nodeId and peerId are both "${nodeId}": the two nodes need two names.`);
  if (record.groupId !== groupId || record.nodeId !== nodeId) {
    throw new TypeError(
      `The record belongs to node "${record.nodeId}" of group "${record.groupId}", not to node "${nodeId}" of group "${groupId}".`,
    );
  }
  if (faultModel.kind === 'preElected' && faultModel.node !== nodeId && faultModel.node !== peerId) {
    throw new TypeError(`The pre-elected node "${faultModel.node}" is neither "${nodeId}" nor "${peerId}".`);
  }
  requireThat(
    'record.epoch is a whole number of 0 or more',
    Number.isSafeInteger(record.epoch) && record.epoch >= 0,
    {
      numbers: { epoch: record.epoch },
      wayOut: 'The record is damaged: restore it or start the leg anew.',
    },
  );
  requireThat(
    'incarnation is a whole number of 1 or more',
    Number.isSafeInteger(options.incarnation) && options.incarnation >= 1,
    {
      numbers: { incarnation: options.incarnation },
      wayOut: 'Count the starts of the node durably, from 1.',
    },
  );
}
