/** One I/O as a host saw it, at the secondary or, after a redirect, at the primary. */
export interface IoSample {
  readonly operation: 'read' | 'write';
  readonly latencyUs: number;
  /** The block was out of sync at the primary when the I/O ran. */
  readonly outOfSync: boolean;
  /** A write that covers a block only in part: at the primary it would have to fetch the rest. */
  readonly partial: boolean;
}

/** Whole numbers, so that sums are exact and the order in which they are added does not matter. */
export interface IoSums {
  readonly reads: number;
  readonly readsTotalUs: number;
  readonly readsOutOfSync: number;
  readonly writes: number;
  readonly writesTotalUs: number;
  readonly writesPartial: number;
}

export const noIo: IoSums = {
  reads: 0,
  readsTotalUs: 0,
  readsOutOfSync: 0,
  writes: 0,
  writesTotalUs: 0,
  writesPartial: 0,
};

/** O(1). For the data path: latencies are rounded to whole microseconds. */
export function addIo(sums: IoSums, sample: IoSample): IoSums {
  const latencyUs = Math.round(sample.latencyUs);
  return sample.operation === 'read'
    ? {
        ...sums,
        reads: sums.reads + 1,
        readsTotalUs: sums.readsTotalUs + latencyUs,
        readsOutOfSync: sums.readsOutOfSync + (sample.outOfSync ? 1 : 0),
      }
    : {
        ...sums,
        writes: sums.writes + 1,
        writesTotalUs: sums.writesTotalUs + latencyUs,
        writesPartial: sums.writesPartial + (sample.partial ? 1 : 0),
      };
}

/** O(1), associative and commutative. */
export function mergeIo(one: IoSums, other: IoSums): IoSums {
  return {
    reads: one.reads + other.reads,
    readsTotalUs: one.readsTotalUs + other.readsTotalUs,
    readsOutOfSync: one.readsOutOfSync + other.readsOutOfSync,
    writes: one.writes + other.writes,
    writesTotalUs: one.writesTotalUs + other.writesTotalUs,
    writesPartial: one.writesPartial + other.writesPartial,
  };
}

/** Numbers that a sampler can have measured. Others are absorbed and counted. */
export function areUsableSums(sums: IoSums): boolean {
  const fits = (part: number, whole: number): boolean => part >= 0 && part <= whole;
  const counts = [sums.reads, sums.readsTotalUs, sums.writes, sums.writesTotalUs];
  return (
    counts.every((count) => Number.isSafeInteger(count) && count >= 0) &&
    fits(sums.readsOutOfSync, sums.reads) &&
    fits(sums.writesPartial, sums.writes)
  );
}

/** Measured now, at the devices and between the sites: not what they were before the fault. */
export interface SiteProbe {
  readonly primaryReadUs: number;
  readonly primaryWriteUs: number;
  readonly secondaryReadUs: number;
  readonly secondaryWriteUs: number;
  readonly roundTripUs: number;
}

export function isUsableProbe(probe: SiteProbe): boolean {
  const times = [
    probe.primaryReadUs,
    probe.primaryWriteUs,
    probe.secondaryReadUs,
    probe.secondaryWriteUs,
    probe.roundTripUs,
  ];
  return times.every((time) => Number.isFinite(time) && time >= 0);
}

export interface EstimateInput {
  /** I/O of one window, at the secondary. At least one. */
  readonly sums: IoSums;
  readonly probe: SiteProbe;
  readonly outOfSyncBytes: number;
  readonly totalBytes: number;
  /** At least 1: how much slower the primary's device is while the copy runs than the probe, which ran between its I/O, saw. */
  readonly loadFactor: number;
  /** Recorded latency of the windows before, when it is smoothed over several. */
  readonly smoothedUs?: number | undefined;
  /** Share of the newest window in the smoothed latency: 1 takes the plain mean of the window. */
  readonly newestShare: number;
}

/** All times in microseconds, as means over all I/O of a window. */
export interface FailbackEstimate {
  readonly samples: number;
  readonly readShare: number;
  /** Chance that an access at the primary meets a block that is out of sync. */
  readonly missShare: number;
  readonly partialShare: number;
  readonly fetchUs: number;
  /** What hosts see at the secondary. */
  readonly recordedUs: number;
  /** What they would see at the primary. */
  readonly expectedUs: number;
  /** Expected less recorded: below zero, home is faster. */
  readonly differenceUs: number;
}

/**
 * Expected against recorded mean latency, from the sums of one window. O(1) time and memory, however many I/O they stand for.
 *
 *   expected = r * (Lpr + m * fetch) + w * (max(Lpw, rtt + Lsw) + p * m * fetch),  fetch = rtt + Lsr
 *
 * with r and w the shares of reads and writes, m the chance to miss, p the share of writes that cover a block in part, and Lpr, Lpw,
 * Lsr, Lsw read and write latencies at primary and secondary. Writes are mirrored to the secondary, so they are as slow as it is.
 * m counts accesses, not blocks, and is never quite 0 or 1 as long as something is out of sync: (missed + 1) / (reads + 2).
 */
export function estimateFailback(input: EstimateInput): FailbackEstimate {
  const { sums, probe, loadFactor } = input;
  const samples = sums.reads + sums.writes;
  const readShare = sums.reads / samples;
  const missShare = missShareOf(input);
  const partialShare = sums.writes === 0 ? 0 : sums.writesPartial / sums.writes;
  const meanUs = (sums.readsTotalUs + sums.writesTotalUs) / samples;
  const { smoothedUs, newestShare } = input;
  const recordedUs =
    smoothedUs === undefined ? meanUs : newestShare * meanUs + (1 - newestShare) * smoothedUs;
  const fetchUs = probe.roundTripUs + probe.secondaryReadUs;
  const mirroredWriteUs = Math.max(
    probe.primaryWriteUs * loadFactor,
    probe.roundTripUs + probe.secondaryWriteUs,
  );
  const readUs = probe.primaryReadUs * loadFactor + missShare * fetchUs;
  const writeUs = mirroredWriteUs + partialShare * missShare * fetchUs;
  const expectedUs = readShare * readUs + (1 - readShare) * writeUs;
  return {
    samples,
    readShare,
    missShare,
    partialShare,
    fetchUs,
    recordedUs,
    expectedUs,
    differenceUs: expectedUs - recordedUs,
  };
}

function missShareOf({ sums, outOfSyncBytes, totalBytes }: EstimateInput): number {
  if (outOfSyncBytes === 0) return 0;
  if (sums.reads > 0) return (sums.readsOutOfSync + 1) / (sums.reads + 2);
  return totalBytes === 0 ? 1 : Math.min(1, outOfSyncBytes / totalBytes);
}

/**
 * How far expected and recorded latency may differ for I/O to go home. Below zero demands a gain, zero is break-even, above zero
 * tolerates a loss. `relative` is a share of the recorded latency.
 */
export type LatencyThreshold =
  { readonly kind: 'absolute'; readonly us: number } | { readonly kind: 'relative'; readonly share: number };

export function thresholdUs(threshold: LatencyThreshold, recordedUs: number): number {
  return threshold.kind === 'absolute' ? threshold.us : threshold.share * recordedUs;
}

/** The miss share at which expected latency meets the threshold; outside 0 to 1 when none does. For the operator's question "when?". */
export function breakEvenMissShare(estimate: FailbackEstimate, threshold: LatencyThreshold): number {
  const { readShare, missShare, partialShare, fetchUs, recordedUs, expectedUs } = estimate;
  const slopeUs = fetchUs * (readShare + (1 - readShare) * partialShare);
  const roomUs = recordedUs + thresholdUs(threshold, recordedUs) - expectedUs;
  if (slopeUs === 0) return roomUs >= 0 ? 1 : -1;
  return missShare + roomUs / slopeUs;
}
