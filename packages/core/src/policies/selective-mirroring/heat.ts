import type { DurationMs, Millis } from '../../kernel/time.js';

/** Bits of a block's flags in a heat snapshot. */
export const mirroringHeatFlags = {
  /** Always mirrored, before anything else. */
  pinned: 1,
  /** Read in one long stream: prefetching serves it better than a cache. Never mirrored. */
  sequential: 2,
  /** Already on fast media at the other site. Never mirrored. */
  fastThere: 4,
} as const;

/** What is known of one block's use. Counts are decayed up to `lastAt`. */
export interface MirroringBlockHeat {
  readonly reads: number;
  readonly writes: number;
  readonly lastAt: Millis;
}

/**
 * The heat of a volume at one moment: an immutable snapshot in columns, one row per block, block numbers ascending. Plain arrays and
 * typed arrays both fit. Policies never hold one; they name it by its version and digest.
 */
export interface MirroringHeatSnapshot {
  readonly heat: MirroringHeatVersion;
  /** Block numbers, ascending, below 2^32 - 1. */
  readonly block: ArrayLike<number>;
  /** Reads and writes, decayed up to `lastAt`. */
  readonly reads: ArrayLike<number>;
  readonly writes: ArrayLike<number>;
  readonly lastAt: ArrayLike<Millis>;
  /** What a copy takes in the cache, after compression if it compresses. */
  readonly sizeBytes: ArrayLike<number>;
  /** Index into `classes`: what kind of data, such as metadata, boot or data. */
  readonly classOf: ArrayLike<number>;
  readonly classes: readonly string[];
  /** Index into `qualities`: the service class of whoever owns the data. */
  readonly qualityOf: ArrayLike<number>;
  readonly qualities: readonly string[];
  /** Index into `labels`: the security label that says whether the data may leave the site. */
  readonly labelOf: ArrayLike<number>;
  readonly labels: readonly string[];
  /** Index into `tenants`: whose quota of the cache a copy counts against. */
  readonly tenantOf: ArrayLike<number>;
  readonly tenants: readonly string[];
  /** Bits of `mirroringHeatFlags`. */
  readonly flags: ArrayLike<number>;
}

/** A snapshot by name: all that a state, a journal or an effect says of it. */
export interface MirroringHeatVersion {
  readonly version: number;
  /** Of the whole snapshot, so that a replay can tell whether it was given the same one. */
  readonly digest: string;
  /** When it was taken, on the clock of the node that owns the volume. */
  readonly takenAt: Millis;
  /** How long accesses had been counted by then. */
  readonly observedMs: DurationMs;
}

/** What is left of a count after this long: half of it after every `halfLifeMs`. */
export function heatLeft(ageMs: DurationMs, halfLifeMs: DurationMs): number {
  return ageMs <= 0 ? 1 : Math.exp((-Math.LN2 * ageMs) / halfLifeMs);
}

/** One more access to a block: what a data path keeps per block between two snapshots. */
export function warmHeat(
  heat: MirroringBlockHeat,
  access: 'read' | 'write',
  at: Millis,
  halfLifeMs: DurationMs,
): MirroringBlockHeat {
  const left = heatLeft(at - heat.lastAt, halfLifeMs);
  return {
    reads: heat.reads * left + (access === 'read' ? 1 : 0),
    writes: heat.writes * left + (access === 'write' ? 1 : 0),
    lastAt: Math.max(at, heat.lastAt),
  };
}
