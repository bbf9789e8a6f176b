import type { LatencyWindow } from '../api.js';

/** Buckets per doubling of the time; the middle of a bucket is off by 3 % at most. */
const bucketsPerOctave = 16;
/** From 1 microsecond to 2^30 of them, about 18 minutes. */
const octaves = 30;
const lowestMs = 0.001;

/** Times since the last `take`, in buckets that grow with the time. Recording is a logarithm and an increment. */
export class LatencyHistogram {
  private readonly counts = new Uint32Array(octaves * bucketsPerOctave);
  private count = 0;
  private sumMs = 0;
  private maxMs = 0;

  record(latencyMs: number): void {
    const bucket = Math.floor(Math.log2(Math.max(latencyMs, lowestMs) / lowestMs) * bucketsPerOctave);
    const at = Math.min(bucket, this.counts.length - 1);
    this.counts[at] = (this.counts[at] ?? 0) + 1;
    this.count++;
    this.sumMs += latencyMs;
    if (latencyMs > this.maxMs) this.maxMs = latencyMs;
  }

  /** What was recorded, and begins anew. */
  take(): LatencyWindow {
    const { count, maxMs } = this;
    const window = {
      count,
      meanMs: count === 0 ? 0 : this.sumMs / count,
      p50Ms: this.percentile(0.5),
      p99Ms: this.percentile(0.99),
      maxMs,
    };
    this.counts.fill(0);
    this.count = 0;
    this.sumMs = 0;
    this.maxMs = 0;
    return window;
  }

  private percentile(share: number): number {
    const wanted = Math.ceil(this.count * share);
    let seen = 0;
    for (let at = 0; at < this.counts.length && wanted > 0; at++) {
      seen += this.counts[at] ?? 0;
      if (seen >= wanted) return Math.min(this.maxMs, lowestMs * 2 ** ((at + 0.5) / bucketsPerOctave));
    }
    return this.maxMs;
  }
}
