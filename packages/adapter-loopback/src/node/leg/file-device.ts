import { type BlockBuffer, type BlockDevice, HoldfastError, type WriteOptions } from '@holdfast/core';
import { codeOf, errnoName, ioError } from '../errors.js';
import { type Completion, RingEngine } from './engine.js';
import { GroupCommit } from '../../group-commit.js';
import {
  maxWorkers,
  operation,
  shortRead,
  smallRequestBytes,
  threadDied,
  zeroRegionBytes,
} from './layout.js';
import { type CreateMode, type OpenedFile, openExclusively } from './open-file.js';
import { BlockPool, largestBlockBytes } from './pool.js';

export interface FileDeviceOptions {
  /**
   * Whether the file may be made: sparse, with `sizeBytes`. Default `never`. `exclusive` fails with REFUSED when it is there,
   * `if-missing` takes what is there.
   */
  readonly create?: CreateMode;
  /** The size it must have, or gets. Without it, an existing file counts as it is. */
  readonly sizeBytes?: number;
  /** I/O threads, 1 to 8. Default 2: one slow request leaves the other thread free. */
  readonly workers?: number;
  /**
   * Shared memory for reads and writes in flight, in bytes. Default 32 MiB. It becomes resident as far as it is used. When it
   * is used up, or for requests above 1 MiB, I/O goes through memory of its own and Node's thread pool.
   */
  readonly poolBytes?: number;
}

/** A leg in a regular file or on a block device. */
export interface FileDevice extends BlockDevice {
  /**
   * Memory of the device's own pool: fill it, give `bytes` (or a part of it) to `write`, which then copies nothing, and release
   * it after the write has settled. Undefined when the pool has no such piece; then any memory will do.
   */
  allocate(lengthBytes: number): BlockBuffer | undefined;
}

/**
 * Opens a regular file or a block device as a leg. Buffered I/O by threads of its own; the event loop makes no system call
 * for it. An open device keeps its process alive until it is disposed.
 *
 * Errors: NOT_FOUND, SIZE_MISMATCH, REFUSED (it is there already), ALREADY_OPEN (by this or another process of this machine),
 * CONFIG_INVALID (not a file), NO_SPACE, IO_FAILED, NOT_SUPPORTED (no Linux).
 */
export async function openFileDevice(path: string, options: FileDeviceOptions = {}): Promise<FileDevice> {
  const workers = options.workers ?? 2;
  const poolBytes = options.poolBytes ?? 32 * 1024 * 1024;
  if (!(Number.isInteger(workers) && workers >= 1 && workers <= maxWorkers)) {
    throw new TypeError(`workers must be a whole number from 1 to ${maxWorkers}, not ${workers}`);
  }
  if (!(Number.isInteger(poolBytes) && poolBytes >= 0 && poolBytes <= 1024 ** 3)) {
    throw new TypeError(`poolBytes must be a whole number from 0 to ${1024 ** 3}, not ${poolBytes}`);
  }
  const file = await openExclusively(path, options.create ?? 'never', options.sizeBytes, 0);
  return new RingFileDevice(file, workers, poolBytes);
}

class RingFileDevice implements FileDevice {
  readonly name: string;
  readonly sizeBytes: number;
  private readonly engine: RingEngine;
  /** The engine's pool, as a Buffer. */
  private readonly poolBytes: Buffer;
  private readonly blocks: BlockPool;
  private readonly commits: GroupCommit;
  private readonly pending = new Set<Promise<unknown>>();
  private outstanding = 0;
  private idle: (() => void) | undefined;
  private dead: Error | undefined;
  private closing: Promise<void> | undefined;

  constructor(
    private readonly file: OpenedFile,
    workers: number,
    poolBytes: number,
  ) {
    this.name = file.name;
    this.sizeBytes = file.sizeBytes;
    this.engine = new RingEngine(file.handle.fd, workers, poolBytes, (error) => this.abandon(error));
    this.poolBytes = Buffer.from(this.engine.rings.pool.buffer);
    this.blocks = new BlockPool(zeroRegionBytes, poolBytes);
    this.commits = new GroupCommit(() => this.sync());
  }

  read(offsetBytes: number, lengthBytes: number): Promise<BlockBuffer> {
    const refused = this.refusal('read', offsetBytes, lengthBytes);
    if (refused !== undefined) return Promise.reject(refused);
    const at = this.blocks.take(lengthBytes);
    if (at < 0) return this.readAside(offsetBytes, lengthBytes);
    this.outstanding += 1;
    return new Promise((resolve, reject) => {
      this.engine.submit(operation.read, offsetBytes, lengthBytes, at, (result) => {
        if (result === 0) {
          resolve(new PooledBuffer(this.blocks, at, this.engine.rings.pool.subarray(at, at + lengthBytes)));
        } else {
          this.blocks.give(at);
          reject(this.failure(result, 'reading', offsetBytes, lengthBytes));
        }
        this.ended();
      });
    });
  }

  write(offsetBytes: number, data: Uint8Array, options?: WriteOptions): Promise<void> {
    const refused = this.refusal('write', offsetBytes, data.length);
    if (refused !== undefined) return Promise.reject(refused);
    const isForced = options?.forceUnitAccess === true;
    const unhurried = options?.unhurried === true && !isForced && data.length <= smallRequestBytes;
    const written = this.writeVolatile(offsetBytes, data, unhurried);
    if (!isForced) return written;
    return this.track(() => written.then(() => this.commits.flush()), 'writing');
  }

  /** `mayTrim` is heard and not used: Node has no call that punches holes, so the zeros are written. */
  writeZeroes(
    offsetBytes: number,
    lengthBytes: number,
    options?: WriteOptions & { readonly mayTrim?: boolean },
  ): Promise<void> {
    const refused = this.refusal('zero', offsetBytes, lengthBytes);
    if (refused !== undefined) return Promise.reject(refused);
    return this.track(async () => {
      const end = offsetBytes + lengthBytes;
      // Piece by piece, so that a huge range does not keep a thread from everybody else.
      for (let from = offsetBytes; from < end; from += largestBlockBytes) {
        await this.transfer(operation.zero, from, Math.min(largestBlockBytes, end - from), 0);
      }
      if (options?.forceUnitAccess === true) await this.commits.flush();
    }, 'writing zeros');
  }

  flush(): Promise<void> {
    return this.refusal('flush', 0, 0) === undefined
      ? this.commits.flush()
      : Promise.reject(this.closedError());
  }

  collect(): void {
    this.engine.collect();
  }

  allocate(lengthBytes: number): BlockBuffer | undefined {
    const at = this.blocks.take(lengthBytes);
    if (at < 0) return undefined;
    return new PooledBuffer(this.blocks, at, this.engine.rings.pool.subarray(at, at + lengthBytes));
  }

  /** Waits for what is in flight, then lets go of the file. It does not flush: what was volatile stays volatile. */
  [Symbol.asyncDispose](): Promise<void> {
    this.closing ??= this.close();
    return this.closing;
  }

  private async close(): Promise<void> {
    // Again and again, because the end of one may begin another: a write with forced unit access goes on with a flush.
    while (this.outstanding > 0 || this.pending.size > 0) {
      if (this.outstanding > 0) await new Promise<void>((idle) => (this.idle = idle));
      await Promise.allSettled(this.pending);
    }
    await this.engine.stop();
    await this.file.handle.close();
    await this.file.lock[Symbol.asyncDispose]();
  }

  private writeVolatile(offsetBytes: number, data: Uint8Array, unhurried: boolean): Promise<void> {
    const pool = this.engine.rings.pool;
    if (data.buffer === pool.buffer) {
      return this.transfer(operation.write, offsetBytes, data.length, data.byteOffset, undefined, unhurried);
    }
    const direct = unhurried ? undefined : this.writeFrom(offsetBytes, data);
    if (direct !== undefined) return direct;
    const at = this.blocks.take(data.length);
    if (at < 0) return this.writeAside(offsetBytes, data);
    this.copyIn(data, at);
    return this.transfer(operation.write, offsetBytes, data.length, at, at, unhurried);
  }

  /** Without a copy, where the engine takes the caller's memory. */
  private writeFrom(offsetBytes: number, data: Uint8Array): Promise<void> | undefined {
    let settle: Completion | undefined;
    const taken = this.engine.tryWriteFrom(data, offsetBytes, (result) => settle?.(result));
    if (!taken) return undefined;
    this.outstanding += 1;
    return new Promise((resolve, reject) => {
      settle = this.writeEnded(offsetBytes, data.length, resolve, reject);
    });
  }

  private writeEnded(
    offsetBytes: number,
    lengthBytes: number,
    resolve: () => void,
    reject: (error: Error) => void,
  ): Completion {
    return (result) => {
      this.commits.wrote();
      if (result === 0) resolve();
      else reject(this.failure(result, 'writing', offsetBytes, lengthBytes));
      this.ended();
    };
  }

  /**
   * `set` copies into shared memory word by word; `fill` with a pattern of the same length is a plain memory copy, three times
   * as fast from a few KiB on.
   */
  private copyIn(data: Uint8Array, at: number): void {
    if (data.length < 8192) this.engine.rings.pool.set(data, at);
    else this.poolBytes.fill(data, at, at + data.length);
  }

  private transfer(
    kind: number,
    offsetBytes: number,
    lengthBytes: number,
    at: number,
    freed?: number,
    unhurried = false,
  ): Promise<void> {
    this.outstanding += 1;
    return new Promise((resolve, reject) => {
      const ended = this.writeEnded(offsetBytes, lengthBytes, resolve, reject);
      const completion = (result: number): void => {
        if (freed !== undefined) this.blocks.give(freed);
        ended(result);
      };
      this.engine.submit(kind, offsetBytes, lengthBytes, at, completion, unhurried);
    });
  }

  private ended(): void {
    this.outstanding -= 1;
    if (this.outstanding === 0) this.idle?.();
  }

  private readAside(offsetBytes: number, lengthBytes: number): Promise<BlockBuffer> {
    return this.track(async () => {
      const bytes = new Uint8Array(lengthBytes);
      for (let done = 0; done < lengthBytes;) {
        const { bytesRead } = await this.file.handle.read(
          bytes,
          done,
          lengthBytes - done,
          offsetBytes + done,
        );
        if (bytesRead === 0) throw this.failure(shortRead, 'reading', offsetBytes, lengthBytes);
        done += bytesRead;
      }
      return { bytes, release: () => undefined };
    }, `reading ${lengthBytes} bytes at ${offsetBytes}`);
  }

  private writeAside(offsetBytes: number, data: Uint8Array): Promise<void> {
    return this.track(async () => {
      const { handle } = this.file;
      try {
        for (let done = 0; done < data.length;) {
          done += (await handle.write(data, done, data.length - done, offsetBytes + done)).bytesWritten;
        }
      } finally {
        this.commits.wrote();
      }
    }, `writing ${data.length} bytes at ${offsetBytes}`);
  }

  private sync(): Promise<void> {
    // On Node's own thread pool: a slow flush must not take an I/O thread from reads and writes.
    return this.track(() => this.file.handle.datasync(), 'flushing');
  }

  /** Keeps the file open until the work has ended, and gives its errors their names. */
  private async track<Result>(work: () => Promise<Result>, doing: string): Promise<Result> {
    const running = work();
    this.pending.add(running);
    try {
      return await running;
    } catch (error) {
      throw HoldfastError.is(error) ? error : ioError(codeOf(error), doing, this.name, error);
    } finally {
      this.pending.delete(running);
    }
  }

  private refusal(what: string, offsetBytes: number, lengthBytes: number): Error | undefined {
    if (this.closing !== undefined || this.dead !== undefined) return this.closedError();
    const isInside =
      Number.isSafeInteger(offsetBytes) &&
      Number.isSafeInteger(lengthBytes) &&
      offsetBytes >= 0 &&
      lengthBytes >= 0 &&
      offsetBytes + lengthBytes <= this.sizeBytes;
    if (isInside) return undefined;
    return new HoldfastError(
      'OUT_OF_RANGE',
      `${what} of ${lengthBytes} bytes at ${offsetBytes} leaves ${this.name}, which has ${this.sizeBytes} bytes. Nothing was done.`,
    );
  }

  private closedError(): HoldfastError {
    const why = this.dead === undefined ? 'is closed' : `closed itself: ${this.dead.message}`;
    return new HoldfastError('CLOSED', `${this.name} ${why}. Open it again.`, { cause: this.dead });
  }

  private failure(result: number, doing: string, offsetBytes: number, lengthBytes: number): HoldfastError {
    const range = `${doing} ${lengthBytes} bytes at ${offsetBytes}`;
    if (result === shortRead) {
      return new HoldfastError(
        'IO_FAILED',
        `${this.name} ended while ${range}: somebody has cut it below ${this.sizeBytes} bytes. This copy is not whole any more; resync it.`,
      );
    }
    if (result === threadDied) {
      return new HoldfastError(
        'IO_FAILED',
        `An I/O thread of ${this.name} died while ${range}; whether it was done is unknown. Open the device again.`,
        { cause: this.dead },
      );
    }
    return ioError(errnoName(result), range, this.name);
  }

  private abandon(error: Error): void {
    this.dead = error;
  }
}

class PooledBuffer implements BlockBuffer {
  private held = true;

  constructor(
    private readonly pool: BlockPool,
    private readonly at: number,
    readonly bytes: Uint8Array,
  ) {}

  release(): void {
    // A second call must not hand the same memory to two owners.
    if (!this.held) return;
    this.held = false;
    this.pool.give(this.at);
  }
}
