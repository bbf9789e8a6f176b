import { type BlockBuffer, type BlockDevice, HoldfastError, type WriteOptions } from '@holdfast/core';
import { MemoryDisk, type MemoryDiskOptions } from './memory-disk.js';

export interface MemoryDevice extends BlockDevice {
  /** The medium: faults, the death of the process, the loss of power. It outlives this device. */
  readonly disk: MemoryDisk;
}

/**
 * A block device in memory that forgets as real ones do. After `disk.killProcess()` or `disk.losePower()` this device never answers
 * again; open the next life with `memoryDevice(disk)`. On a disk with a clock it keeps the answers of unhurried writes back, as it may.
 */
export function memoryDevice(from: MemoryDisk | MemoryDiskOptions): MemoryDevice {
  return new DeviceInMemory(from instanceof MemoryDisk ? from : new MemoryDisk(from));
}

/** As long as a device may keep the answer of an unhurried write to itself. */
const KEPT_BACK_MS = 1;

class DeviceInMemory implements MemoryDevice {
  readonly disk: MemoryDisk;
  private readonly life: number;
  private closed = false;
  private flushFailed = false;
  /** Gives the answers that are kept back. */
  private readonly kept = new Set<() => void>();

  constructor(disk: MemoryDisk) {
    this.disk = disk;
    this.life = disk.currentLife;
  }

  get name(): string {
    return this.disk.name;
  }

  get sizeBytes(): number {
    return this.disk.sizeBytes;
  }

  async read(offsetBytes: number, lengthBytes: number): Promise<BlockBuffer> {
    this.check(offsetBytes, lengthBytes);
    await this.disk.perform('read', offsetBytes, lengthBytes, this.life);
    const bytes = new Uint8Array(lengthBytes);
    this.disk.readVisible(offsetBytes, bytes);
    return lend(bytes);
  }

  async write(offsetBytes: number, data: Uint8Array, options: WriteOptions = {}): Promise<void> {
    this.check(offsetBytes, data.length);
    await this.put('write', offsetBytes, data, options);
    if (options.unhurried === true && options.forceUnitAccess !== true) await this.keepBack();
  }

  collect(): void {
    for (const give of this.kept) give();
    this.kept.clear();
  }

  private async keepBack(): Promise<void> {
    let give = (): void => undefined;
    const early = new Promise<void>((resolve) => (give = resolve));
    this.kept.add(give);
    await this.disk.keepBack(KEPT_BACK_MS, early);
    this.kept.delete(give);
  }

  async writeZeroes(offsetBytes: number, lengthBytes: number, options: WriteOptions = {}): Promise<void> {
    this.check(offsetBytes, lengthBytes);
    await this.put('write-zeroes', offsetBytes, new Uint8Array(lengthBytes), options);
  }

  async flush(): Promise<void> {
    this.check(0, 0);
    if (this.flushFailed) {
      throw new HoldfastError(
        'IO_FAILED',
        `${this.name}: a flush has failed before, so another one would prove nothing.`,
      );
    }
    const mark = this.disk.flushMark();
    try {
      await this.disk.perform('flush', 0, 0, this.life);
    } catch (error) {
      this.flushFailed = true;
      throw error;
    }
    this.disk.applyFlush(mark);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
  }

  private async put(
    kind: 'write' | 'write-zeroes',
    offsetBytes: number,
    data: Uint8Array,
    { forceUnitAccess = false }: WriteOptions,
  ): Promise<void> {
    const write = { offsetBytes, data };
    this.disk.beginWrite(write, this.life);
    try {
      await this.disk.perform(kind, offsetBytes, data.length, this.life);
    } catch (error) {
      this.disk.failWrite(write, HoldfastError.is(error) ? error.code : 'IO_FAILED');
      throw error;
    }
    this.disk.applyWrite(write, forceUnitAccess);
  }

  private check(offsetBytes: number, lengthBytes: number): void {
    if (this.closed) throw new HoldfastError('CLOSED', `${this.name} is closed.`);
    const whole = Number.isSafeInteger(offsetBytes) && Number.isSafeInteger(lengthBytes);
    if (whole && offsetBytes >= 0 && lengthBytes >= 0 && offsetBytes + lengthBytes <= this.sizeBytes) return;
    throw new HoldfastError(
      'OUT_OF_RANGE',
      `${this.name} has ${String(this.sizeBytes)} bytes; ${String(lengthBytes)} at ${String(offsetBytes)} do not fit.`,
    );
  }
}

/** Written over at once on release, so that a test sees whoever still looks at it. */
function lend(bytes: Uint8Array): BlockBuffer {
  let released = false;
  return {
    bytes,
    release: () => {
      if (released) throw new TypeError('This buffer was released before.');
      released = true;
      bytes.fill(0xdb);
    },
  };
}
