/** A point on one process's monotonic clock, in milliseconds. Fractions are allowed; points of two processes never compare. */
export type Millis = number;

/** A span on a monotonic clock, in milliseconds. */
export type DurationMs = number;

/**
 * How much longer a span may last on a slow clock than on a fast one, when both stay within `clockDriftPpm` of true time:
 * (1 + drift) / (1 - drift). Multiply a span counted on the other node's clock by this before you rely on its end.
 */
export function driftFactor(clockDriftPpm: number): number {
  const drift = clockDriftPpm / 1_000_000;
  return (1 + drift) / (1 - drift);
}
