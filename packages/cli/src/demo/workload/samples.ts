/** What one bin of the time line holds. `undefined` latencies: nothing was completed in it. */
export interface TimelineBin {
  readonly fromMs: number;
  readonly completed: number;
  readonly medianMs: number | undefined;
  readonly longestMs: number | undefined;
}

/** Latencies over time, kept as bins of a fixed width, so that a long run takes little memory. */
export class LatencyTimeline {
  private readonly bins = new Map<number, number[]>();

  constructor(readonly binMs: number) {}

  add(completedAtMs: number, latencyMs: number): void {
    const bin = Math.floor(completedAtMs / this.binMs);
    const known = this.bins.get(bin);
    if (known === undefined) this.bins.set(bin, [latencyMs]);
    else known.push(latencyMs);
  }

  /** All bins from the first to the last that holds something, without gaps. */
  timeline(): readonly TimelineBin[] {
    if (this.bins.size === 0) return [];
    const numbers = [...this.bins.keys()];
    const first = numbers.reduce((least, next) => Math.min(least, next));
    const last = numbers.reduce((most, next) => Math.max(most, next));
    return Array.from({ length: last - first + 1 }, (_, index) => this.bin(first + index));
  }

  private bin(number: number): TimelineBin {
    const latencies = [...(this.bins.get(number) ?? [])].sort((left, right) => left - right);
    return {
      fromMs: number * this.binMs,
      completed: latencies.length,
      medianMs: latencies[Math.floor(latencies.length / 2)],
      longestMs: latencies.at(-1),
    };
  }
}
