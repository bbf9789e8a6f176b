import { type BlockBuffer, type BlockDevice, HoldfastError, Prng, type WriteOptions } from '@holdfast/core';
import { GroupCommit } from '../group-commit.js';

export interface PowerLossOptions {
  /** Unflushed bytes that are kept apart. Beyond it, blocks chosen at random reach the device early. Default 64 MiB. */
  readonly cacheBytes?: number;
  /** Chooses the blocks that go early. Default 1. */
  readonly seed?: number;
}

export interface PowerLossDevice extends BlockDevice {
  /** Forgets what was not flushed, now, and closes the device. The death of the process does the same. */
  losePower(): Promise<void>;
  /** What `losePower` would forget. */
  readonly unflushedBytes: number;
}

const blockBytes = 4096;

/**
 * A disk with a volatile cache, for tests and demonstrations: writes stay in this process's memory until a flush or forced unit
 * access, so that killing the process loses what a power cut would lose. (Killing a process that writes files keeps the page
 * cache, and so tests no flush at all.) Like a real disk it may keep more than was flushed: whole blocks of 4 KiB, in any order.
 *
 * Deliberately breaks the port's promise that a returned write survives its process. Disposing it flushes nothing: what is
 * unflushed is lost, and the device inside is disposed.
 */
export function powerLossDevice(device: BlockDevice, options: PowerLossOptions = {}): PowerLossDevice {
  return new VolatileCache(device, options.cacheBytes ?? 64 * 1024 * 1024, new Prng(options.seed ?? 1));
}

class VolatileCache implements PowerLossDevice {
  readonly name: string;
  readonly sizeBytes: number;
  /** Never changed in place: a new version of a block is a new array, so that one being written down stays as it is. */
  private readonly cached = new Map<number, Uint8Array>();
  private readonly commits = new GroupCommit(() => this.inOrder(() => this.destageAll()));
  private writingDown: Promise<unknown> = Promise.resolve();
  private dropped = 0;
  private closed: Promise<void> | undefined;

  constructor(
    private readonly inside: BlockDevice,
    private readonly cacheBytes: number,
    private readonly random: Prng,
  ) {
    this.name = inside.name;
    this.sizeBytes = inside.sizeBytes;
  }

  get unflushedBytes(): number {
    return this.cached.size * blockBytes;
  }

  async read(offsetBytes: number, lengthBytes: number): Promise<BlockBuffer> {
    this.check(offsetBytes, lengthBytes);
    // Seen before the device is asked: what is written down meanwhile would be in neither place.
    const seen = this.blocksOf(offsetBytes, lengthBytes).map((block) => ({
      block,
      bytes: this.cached.get(block),
    }));
    const buffer = await this.inside.read(offsetBytes, lengthBytes);
    for (const { block, bytes } of seen) {
      if (bytes !== undefined) copyOverlap(bytes, block * blockBytes, buffer.bytes, offsetBytes);
    }
    return buffer;
  }

  async write(offsetBytes: number, data: Uint8Array, options?: WriteOptions): Promise<void> {
    this.check(offsetBytes, data.length);
    await this.put(offsetBytes, data);
    await this.afterWrite(offsetBytes, data.length, options);
  }

  async writeZeroes(
    offsetBytes: number,
    lengthBytes: number,
    options?: WriteOptions & { readonly mayTrim?: boolean },
  ): Promise<void> {
    this.check(offsetBytes, lengthBytes);
    const piece = 1024 * 1024;
    for (let from = 0; from < lengthBytes; from += piece) {
      await this.put(offsetBytes + from, new Uint8Array(Math.min(piece, lengthBytes - from)));
      await this.evict();
    }
    await this.afterWrite(offsetBytes, lengthBytes, options);
  }

  async flush(): Promise<void> {
    this.check(0, 0);
    await this.commits.flush();
  }

  losePower(): Promise<void> {
    return this[Symbol.asyncDispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.cached.clear();
    this.closed ??= this.writingDown.then(() => this.inside[Symbol.asyncDispose]());
    return this.closed;
  }

  private async afterWrite(
    offsetBytes: number,
    lengthBytes: number,
    options: WriteOptions | undefined,
  ): Promise<void> {
    this.commits.wrote();
    // What else is unflushed need not become stable with it, and so it does not.
    if (options?.forceUnitAccess === true) {
      await this.inOrder(() => this.destage(this.blocksOf(offsetBytes, lengthBytes), true));
    }
    await this.evict();
  }

  /** Puts the bytes into the cache; in the turn of the last step nothing else comes between. */
  private async put(offsetBytes: number, data: Uint8Array): Promise<void> {
    const blocks = this.blocksOf(offsetBytes, data.length);
    for (;;) {
      const before = this.dropped;
      const bases = await this.readEdges(blocks, offsetBytes, offsetBytes + data.length);
      // A block that was written down and dropped since then is newer on the device than what was read.
      if (before !== this.dropped) continue;
      if (this.closed !== undefined) throw this.closedError();
      for (const block of blocks) {
        const next = new Uint8Array(this.cached.get(block) ?? bases.get(block) ?? new Uint8Array(blockBytes));
        copyOverlap(data, offsetBytes, next, block * blockBytes);
        this.cached.set(block, next);
      }
      return;
    }
  }

  /** The old bytes of blocks that are only partly covered and not in the cache. */
  private async readEdges(
    blocks: readonly number[],
    start: number,
    end: number,
  ): Promise<Map<number, Uint8Array>> {
    const bases = new Map<number, Uint8Array>();
    for (const block of blocks) {
      const from = block * blockBytes;
      const to = this.endOf(block);
      if ((start <= from && end >= to) || this.cached.has(block)) continue;
      const buffer = await this.inside.read(from, to - from);
      const base = new Uint8Array(blockBytes);
      base.set(buffer.bytes);
      buffer.release();
      bases.set(block, base);
    }
    return bases;
  }

  private destageAll(): Promise<void> {
    return this.destage([...this.cached.keys()], true);
  }

  /** Writes these blocks down. Only what has not changed meanwhile leaves the cache. */
  private async destage(blocks: readonly number[], stable: boolean): Promise<void> {
    const taken = blocks.flatMap((block) => {
      const bytes = this.cached.get(block);
      return bytes === undefined ? [] : [{ block, bytes }];
    });
    for (let from = 0; from < taken.length; from += 32) {
      const some = taken.slice(from, from + 32);
      await Promise.all(
        some.map(({ block, bytes }) => {
          const at = block * blockBytes;
          return this.inside.write(at, bytes.subarray(0, this.endOf(block) - at));
        }),
      );
    }
    if (stable) await this.inside.flush();
    for (const { block, bytes } of taken) {
      if (this.cached.get(block) !== bytes) continue;
      this.cached.delete(block);
      this.dropped += 1;
    }
  }

  private async evict(): Promise<void> {
    while (this.unflushedBytes > this.cacheBytes && this.closed === undefined) {
      const blocks = [...this.cached.keys()];
      const victims = blocks.filter(() => this.random.below(4) === 0);
      await this.inOrder(() => this.destage(victims, false));
    }
  }

  /** One writer at a time: two versions of one block must not meet on the device. */
  private inOrder(work: () => Promise<void>): Promise<void> {
    const turn = this.writingDown.then(() => {
      if (this.closed !== undefined) throw this.closedError();
      return work();
    });
    this.writingDown = turn.catch(() => undefined);
    return turn;
  }

  private blocksOf(offsetBytes: number, lengthBytes: number): number[] {
    if (lengthBytes === 0) return [];
    const first = Math.floor(offsetBytes / blockBytes);
    const last = Math.floor((offsetBytes + lengthBytes - 1) / blockBytes);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  }

  private endOf(block: number): number {
    return Math.min(this.sizeBytes, (block + 1) * blockBytes);
  }

  private check(offsetBytes: number, lengthBytes: number): void {
    if (this.closed !== undefined) throw this.closedError();
    const end = offsetBytes + lengthBytes;
    if (Number.isSafeInteger(end) && offsetBytes >= 0 && lengthBytes >= 0 && end <= this.sizeBytes) return;
    throw new HoldfastError(
      'OUT_OF_RANGE',
      `${lengthBytes} bytes at ${offsetBytes} leave ${this.name}, which has ${this.sizeBytes} bytes. Nothing was done.`,
    );
  }

  private closedError(): HoldfastError {
    return new HoldfastError('CLOSED', `${this.name} has lost its power or was closed. Open it again.`);
  }
}

/** Copies what both ranges share from one to the other; each has its own place on the device. */
function copyOverlap(from: Uint8Array, fromOffset: number, to: Uint8Array, toOffset: number): void {
  const start = Math.max(fromOffset, toOffset);
  const end = Math.min(fromOffset + from.length, toOffset + to.length);
  if (start < end) to.set(from.subarray(start - fromOffset, end - fromOffset), start - toOffset);
}
