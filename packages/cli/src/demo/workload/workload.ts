import { Prng } from '@holdfast/core';
import { blockBytes } from './blocks.js';
import { type Fault, WriteLedger } from './ledger.js';
import { Pace } from './pace.js';
import { PauseMeter } from './pauses.js';
import { LatencyTimeline } from './samples.js';

/** What the workload needs of a client: an NBD connection, or memory in a test. */
export interface BlockClient {
  read(offsetBytes: number, lengthBytes: number): Promise<Uint8Array>;
  write(offsetBytes: number, data: Uint8Array, options: { readonly fua: boolean }): Promise<void>;
  flush(): Promise<void>;
}

export interface WorkloadOptions {
  readonly client: BlockClient;
  readonly sizeBytes: number;
  readonly seed: number;
  /** Requests under way at a time. */
  readonly queueDepth: number;
  /** Requests that begin per second, over all. 0: as many as come through. */
  readonly requestsPerSecond: number;
  /** Where most requests go: that many bytes from the start of the volume. */
  readonly hotBytes: number;
  /** Fixed spots outside of the hot region, and which share of requests goes there. */
  readonly scatteredSpots: number;
  readonly scatteredShare: number;
  readonly now: () => number;
  readonly wait: (forMs: number) => Promise<void>;
}

const longestBlocks = 32;
const writeShare = 0.65;
const fuaShare = 0.02;
const requestsPerFlush = 400;
const binMs = 50;
/** Only so many faults are kept word by word; all are counted. */
const keptFaults = 50;

/** Writes and reads at random places, remembers every write, and judges every read. Never shows its client's data to anybody. */
export class Workload {
  readonly ledger: WriteLedger;
  readonly pauses: PauseMeter;
  readonly timeline = new LatencyTimeline(binMs);
  readonly faults: Fault[] = [];
  readonly errors: string[] = [];
  faultCount = 0;
  requests = 0;
  flushes = 0;
  private readonly choice: Prng;
  private readonly pace: Pace;
  private readonly spots: readonly number[];
  private stopping = false;
  private workers: Promise<unknown> | undefined;

  constructor(private readonly options: WorkloadOptions) {
    const { seed, now, wait, sizeBytes, hotBytes } = options;
    this.ledger = new WriteLedger(seed);
    this.pauses = new PauseMeter(now);
    this.choice = new Prng(seed);
    this.pace = new Pace(options.requestsPerSecond, now, wait);
    const hotBlocks = hotBytes / blockBytes;
    const coldBlocks = Math.max(1, sizeBytes / blockBytes - hotBlocks - longestBlocks);
    this.spots = Array.from(
      { length: options.scatteredSpots },
      () => hotBlocks + this.choice.below(coldBlocks),
    );
  }

  start(): void {
    this.workers ??= Promise.all(Array.from({ length: this.options.queueDepth }, () => this.work()));
  }

  /** No new request begins; settles when the last one has been answered. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.workers;
  }

  /** Reads the whole volume and judges every block. For the end, when nothing else runs. */
  async readAllBack(): Promise<{ readonly bytes: number; readonly faults: number }> {
    const before = this.faultCount;
    const stepBytes = 1024 * 1024;
    const { sizeBytes } = this.options;
    let next = 0;
    const reader = async (): Promise<void> => {
      while (next < sizeBytes) {
        const offset = next;
        next += stepBytes;
        await this.read(offset, Math.min(stepBytes, sizeBytes - offset));
      }
    };
    await Promise.all([reader(), reader(), reader(), reader()]);
    return { bytes: sizeBytes, faults: this.faultCount - before };
  }

  private async work(): Promise<void> {
    while (!this.stopping) {
      await this.pace.turn();
      this.requests += 1;
      if (this.requests % requestsPerFlush === 0) await this.flush();
      const [offset, length] = this.place();
      if (this.choice.unit() < writeShare) await this.write(offset, length);
      else await this.read(offset, length);
    }
  }

  private place(): readonly [number, number] {
    // Small requests are common, large ones rare: 4 KiB to 128 KiB, half of them at most 16 KiB.
    const blocks = Math.min(longestBlocks, 1 << this.choice.below(6));
    const count = 1 + this.choice.below(blocks);
    const spot = this.spots[this.choice.below(Math.max(1, this.spots.length))];
    if (spot !== undefined && this.choice.unit() < this.options.scatteredShare)
      return [spot * blockBytes, count * blockBytes];
    const first = this.choice.below(this.options.hotBytes / blockBytes - count + 1);
    return [first * blockBytes, count * blockBytes];
  }

  private async write(offsetBytes: number, lengthBytes: number): Promise<void> {
    const write = this.ledger.startWrite(offsetBytes, new Uint8Array(lengthBytes));
    const fua = this.choice.unit() < fuaShare;
    const done = await this.timed(() => this.options.client.write(offsetBytes, write.data, { fua }));
    if (done.ok) this.ledger.acknowledged(write);
    else this.ledger.abandoned(write);
  }

  private async read(offsetBytes: number, lengthBytes: number): Promise<void> {
    const read = this.ledger.startRead(offsetBytes, lengthBytes);
    const done = await this.timed(() => this.options.client.read(offsetBytes, lengthBytes));
    if (!done.ok) {
      this.ledger.dropRead(read);
      return;
    }
    for (const fault of this.ledger.endRead(read, done.value)) {
      this.faultCount += 1;
      if (this.faults.length < keptFaults) this.faults.push(fault);
    }
  }

  private async flush(): Promise<void> {
    this.flushes += 1;
    await this.timed(() => this.options.client.flush());
  }

  private async timed<Value>(
    act: () => Promise<Value>,
  ): Promise<{ readonly ok: true; readonly value: Value } | { readonly ok: false }> {
    const startedAt = this.options.now();
    this.pauses.started();
    try {
      const value = await act();
      const endedAt = this.options.now();
      this.timeline.add(endedAt, endedAt - startedAt);
      return { ok: true, value };
    } catch (error) {
      this.errors.push(error instanceof Error ? error.message : String(error));
      // A client that is gone fails at once, again and again: leave the others a turn.
      await this.options.wait(20);
      return { ok: false };
    } finally {
      this.pauses.completed();
    }
  }
}
