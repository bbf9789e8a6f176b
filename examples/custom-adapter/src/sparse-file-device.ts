import { type BlockBuffer, type BlockDevice, HoldfastError, type WriteOptions } from '@holdfast/core';
import { open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

const BLOCK_BYTES = 4096;
/** Before each block: its number. */
const NUMBER_BYTES = 8;

/**
 * A block device that keeps the blocks that were written, and no others, in memory, and saves them all to one file at each flush.
 * A write that returned is gone when the process is killed before the next flush, so it is no leg for a volume: it teaches.
 */
export async function openSparseFileDevice(path: string, sizeBytes: number): Promise<BlockDevice> {
  const blocks = new Map<number, Uint8Array>();
  const saved = await readFile(path).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return new Uint8Array();
    throw new HoldfastError('IO_FAILED', `${path} cannot be read. Look at its rights.`, { cause: error });
  });
  const view = new DataView(saved.buffer, saved.byteOffset, saved.length);
  for (let at = 0; at < saved.length; at += NUMBER_BYTES + BLOCK_BYTES) {
    const block = saved.slice(at + NUMBER_BYTES, at + NUMBER_BYTES + BLOCK_BYTES);
    if (block.length < BLOCK_BYTES)
      throw new HoldfastError('CORRUPT', `${path} ends inside a block. Restore it.`);
    blocks.set(Number(view.getBigUint64(at)), block);
  }
  return new SparseFileDevice(path, sizeBytes, blocks);
}

class SparseFileDevice implements BlockDevice {
  /** What it cannot do it says, and refuses: every forced write would save the whole file. */
  readonly supports = { forceUnitAccess: false };
  private saving: Promise<void> = Promise.resolve();
  private failed: unknown;
  private closed = false;

  constructor(
    readonly name: string,
    readonly sizeBytes: number,
    private readonly blocks: Map<number, Uint8Array>,
  ) {}

  async read(offsetBytes: number, lengthBytes: number): Promise<BlockBuffer> {
    this.check(offsetBytes, lengthBytes);
    const bytes = new Uint8Array(lengthBytes);
    this.eachBlock(offsetBytes, lengthBytes, (block, from, at, length) => {
      const found = this.blocks.get(block);
      if (found !== undefined) bytes.set(found.subarray(from, from + length), at);
    });
    return { bytes, release: () => undefined };
  }

  async write(offsetBytes: number, data: Uint8Array, options: WriteOptions = {}): Promise<void> {
    this.check(offsetBytes, data.length, options);
    this.eachBlock(offsetBytes, data.length, (block, from, at, length) => {
      const found = this.blocks.get(block) ?? new Uint8Array(BLOCK_BYTES);
      found.set(data.subarray(at, at + length), from);
      this.blocks.set(block, found);
    });
  }

  async writeZeroes(offsetBytes: number, lengthBytes: number, options: WriteOptions = {}): Promise<void> {
    this.check(offsetBytes, lengthBytes, options);
    this.eachBlock(offsetBytes, lengthBytes, (block, from, _at, length) => {
      if (length === BLOCK_BYTES) this.blocks.delete(block);
      else this.blocks.get(block)?.fill(0, from, from + length);
    });
  }

  async flush(): Promise<void> {
    this.check(0, 0);
    // One after the other: each saves all that was written before it began.
    const save = this.saving.then(() => this.save());
    this.saving = save.catch(() => undefined);
    await save;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    // A write outlives closing, also without a flush.
    await this.saving;
    if (this.failed === undefined) await this.save();
  }

  /** A new file beside the old one, synced and renamed over it: a crash leaves one of them, whole. */
  private async save(): Promise<void> {
    if (this.failed !== undefined) throw this.failure();
    const parts = [...this.blocks].flatMap(([block, bytes]) => {
      const number = new Uint8Array(NUMBER_BYTES);
      new DataView(number.buffer).setBigUint64(0, BigInt(block));
      return [number, bytes.slice()];
    });
    try {
      await using file = await open(`${this.name}.new`, 'w');
      await file.writeFile(Buffer.concat(parts));
      await file.sync();
      await rename(`${this.name}.new`, this.name);
      await using folder = await open(dirname(this.name));
      await folder.sync();
    } catch (error) {
      this.failed = error;
      throw this.failure();
    }
  }

  private failure(): HoldfastError {
    return new HoldfastError(
      'IO_FAILED',
      `${this.name} could not be saved, and what is on it is uncertain.`,
      {
        cause: this.failed,
      },
    );
  }

  private eachBlock(
    offsetBytes: number,
    lengthBytes: number,
    visit: (block: number, from: number, at: number, length: number) => void,
  ): void {
    for (let at = 0; at < lengthBytes;) {
      const from = (offsetBytes + at) % BLOCK_BYTES;
      const length = Math.min(BLOCK_BYTES - from, lengthBytes - at);
      visit((offsetBytes + at - from) / BLOCK_BYTES, from, at, length);
      at += length;
    }
  }

  private check(offsetBytes: number, lengthBytes: number, { forceUnitAccess }: WriteOptions = {}): void {
    if (this.closed) throw new HoldfastError('CLOSED', `${this.name} is closed. Open it again.`);
    const isWhole = Number.isSafeInteger(offsetBytes) && Number.isSafeInteger(lengthBytes);
    if (!isWhole || offsetBytes < 0 || lengthBytes < 0 || offsetBytes + lengthBytes > this.sizeBytes) {
      throw new HoldfastError(
        'OUT_OF_RANGE',
        `${this.name} has ${String(this.sizeBytes)} bytes; ${String(lengthBytes)} at ${String(offsetBytes)} do not fit.`,
      );
    }
    if (forceUnitAccess === true)
      throw new HoldfastError('NOT_SUPPORTED', `${this.name} forces no single write. Write, then flush.`);
  }
}
