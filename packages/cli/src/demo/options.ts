import { lan, type PauseBounds, pauseBounds, type PolarizationTiming } from '@holdfast/core';

const mebibyte = 1024 * 1024;

export interface DemoOptions {
  /** Chooses the requests of the workload. */
  readonly seed: number;
  readonly run: number;
  /** Size of the volume, and of each of its two legs. */
  readonly legBytes: number;
  /** Shorter scenes. */
  readonly quick: boolean;
  /** By what the timers of the `lan` profile are multiplied; undefined: as the machine is calm or busy. */
  readonly timingFactor?: number;
  /** Leave the files where they are. */
  readonly keep: boolean;
  /** The compiled programs that are started as processes of their own. */
  readonly programs: { readonly holdfast: string; readonly relay: string };
}

/** How long things last, and how much is asked for. */
export interface DemoPlan {
  readonly timing: PolarizationTiming;
  readonly bounds: PauseBounds;
  readonly warmUpMs: number;
  /** Load goes on for this long after a fault has been dealt with. */
  readonly afterFaultMs: number;
  readonly settleMs: number;
  readonly queueDepth: number;
  readonly requestsPerSecond: number;
  readonly hotBytes: number;
  readonly scatteredSpots: number;
  readonly scatteredShare: number;
  /** Greatest pause of a scene that hosts are not to notice. */
  readonly unnoticedMs: number;
  /** Everything that waits gives up after this. */
  readonly patienceMs: number;
}

export function planOf(
  options: Pick<DemoOptions, 'quick' | 'legBytes'>,
  timing: PolarizationTiming,
): DemoPlan {
  return {
    timing,
    bounds: pauseBounds(timing),
    warmUpMs: options.quick ? 700 : 2_000,
    afterFaultMs: options.quick ? 800 : 2_500,
    settleMs: options.quick ? 400 : 1_000,
    queueDepth: 16,
    requestsPerSecond: options.quick ? 400 : 800,
    hotBytes: Math.min(24 * mebibyte, options.legBytes / 2),
    scatteredSpots: 12,
    scatteredShare: 0.01,
    unnoticedMs: 150,
    // A busy machine, which has its timers stretched, takes longer for everything.
    patienceMs: 20_000 * Math.min(4, timing.leaseTtlMs / lan.leaseTtlMs),
  };
}

export const defaultLegBytes = 256 * mebibyte;
export const quickLegBytes = 64 * mebibyte;
