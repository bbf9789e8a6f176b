import type { NbdClient } from '@holdfast/nbd';

const blockBytes = 4096;
/** Pauses that are shorter are everyday life. */
const leastPauseMs = 5;

export interface LoadOptions {
  readonly client: NbdClient;
  /** The load stays in the first so many bytes. */
  readonly sizeBytes: number;
  readonly queueDepth: number;
  /** Requests that begin in a second, over all; 0: as many as come through. */
  readonly requestsPerSecond?: number;
}

/** A stretch in which requests were under way and none was answered. Times are wall-clock milliseconds. */
export interface Pause {
  readonly fromMs: number;
  readonly untilMs: number;
}

/**
 * Writes blocks that name their place and version, reads them back in between, and knows what must stand where: each block has one
 * request at a time, so the last acknowledged version is the only right one.
 */
export class VerifyingLoad {
  readonly errors: string[] = [];
  readonly wrongBlocks: string[] = [];
  acknowledgedWrites = 0;
  checkedBlocks = 0;
  private readonly versions: Uint32Array;
  private readonly busy = new Set<number>();
  /** Blocks whose last write ended in an error: they may hold either version. */
  private readonly unknown = new Set<number>();
  private readonly pauses: Pause[] = [];
  private readonly startedAtMs = performance.now();
  private begun = 0;
  private outstanding = 0;
  private since = 0;
  private stopping = false;
  private readonly workers: Promise<unknown>;

  constructor(private readonly options: LoadOptions) {
    this.versions = new Uint32Array(options.sizeBytes / blockBytes);
    this.workers = Promise.all(Array.from({ length: options.queueDepth }, () => this.work()));
  }

  /** No new request begins; settles when the last one was answered. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.workers;
  }

  /** The longest pause that touches the span, counted whole; also one that goes on. */
  longestPause(fromMs: number, untilMs: number): Pause {
    const now = Date.now();
    const running = this.outstanding === 0 ? [] : [{ fromMs: this.since, untilMs: now }];
    let longest: Pause = { fromMs, untilMs: fromMs };
    for (const pause of [...this.pauses, ...running]) {
      if (pause.untilMs < fromMs || pause.fromMs > untilMs) continue;
      if (pause.untilMs - pause.fromMs > longest.untilMs - longest.fromMs) longest = pause;
    }
    return longest;
  }

  /** After `stop`: reads every block and judges it. `client` may lead another way than the load did. */
  async readAllBack(client = this.options.client): Promise<void> {
    const stepBlocks = 64;
    for (let first = 0; first < this.versions.length; first += stepBlocks) {
      const count = Math.min(stepBlocks, this.versions.length - first);
      const bytes = await client.read(first * blockBytes, count * blockBytes);
      for (let index = 0; index < count; index += 1)
        this.judge(first + index, bytes.subarray(index * blockBytes, (index + 1) * blockBytes));
    }
  }

  private async work(): Promise<void> {
    while (!this.stopping) {
      await this.turn();
      const block = this.choose();
      this.busy.add(block);
      await this.timed(Math.random() < 0.7 ? () => this.write(block) : () => this.read(block));
      this.busy.delete(block);
    }
  }

  /** Waits until the rate allows one more request. */
  private async turn(): Promise<void> {
    const rate = this.options.requestsPerSecond ?? 0;
    if (rate === 0) return;
    const dueAt = this.startedAtMs + (this.begun * 1000) / rate;
    this.begun += 1;
    const waitMs = dueAt - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  }

  private choose(): number {
    for (;;) {
      const block = Math.floor(Math.random() * this.versions.length);
      if (!this.busy.has(block)) return block;
    }
  }

  private async write(block: number): Promise<void> {
    const version = (this.versions[block] ?? 0) + 1;
    this.unknown.add(block);
    await this.options.client.write(block * blockBytes, contentOf(block, version));
    this.unknown.delete(block);
    this.versions[block] = version;
    this.acknowledgedWrites += 1;
  }

  private async read(block: number): Promise<void> {
    this.judge(block, await this.options.client.read(block * blockBytes, blockBytes));
  }

  private judge(block: number, bytes: Uint8Array): void {
    if (this.unknown.has(block)) return;
    this.checkedBlocks += 1;
    const version = this.versions[block] ?? 0;
    const right = version === 0 ? new Uint8Array(blockBytes) : contentOf(block, version);
    if (Buffer.compare(bytes, right) === 0) return;
    const found = Buffer.from(bytes.buffer, bytes.byteOffset, 8);
    this.wrongBlocks.push(
      `block ${block} should hold version ${version} and begins with block ${found.readUInt32LE(0)} version ${found.readUInt32LE(4)}`,
    );
  }

  private async timed(act: () => Promise<void>): Promise<void> {
    if (this.outstanding === 0) this.since = Date.now();
    this.outstanding += 1;
    try {
      await act();
    } catch (error) {
      this.errors.push(error instanceof Error ? error.message : String(error));
      // Who has lost its connection fails at once, again and again.
      await new Promise((resolve) => setTimeout(resolve, 20));
    } finally {
      const now = Date.now();
      if (now - this.since >= leastPauseMs) this.pauses.push({ fromMs: this.since, untilMs: now });
      this.since = now;
      this.outstanding -= 1;
    }
  }
}

function contentOf(block: number, version: number): Uint8Array {
  const line = Buffer.alloc(16);
  line.writeUInt32LE(block, 0);
  line.writeUInt32LE(version, 4);
  line.writeUInt32LE(Math.imul(block + 1, 0x9e37_79b1) >>> 0, 8);
  line.writeUInt32LE(Math.imul(version, 0x85eb_ca6b) >>> 0, 12);
  return Buffer.alloc(blockBytes, line);
}
