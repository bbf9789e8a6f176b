import type { ByteQueue } from '../codec/byte-queue.js';
import type { BudgetAccount } from './budget.js';
import { type BufferPool, pooledBytes } from '../output/slabs.js';
import { ChunkPin, type Work } from './work.js';

/** What became of the bytes that were there. */
export type IntakeProgress = 'needs-bytes' | 'needs-budget' | 'done';

/** Takes the slices of a WRITE as soon as each is complete. */
export interface SliceTaker {
  writeSlice(
    work: Work,
    offsetBytes: number,
    data: Uint8Array,
    pin: ChunkPin | undefined,
    pooled: Uint8Array | undefined,
    chargedBytes: number,
  ): void;
}

/** Sizes of the slices: `full` when the budget has room, `guaranteed` always sooner or later. */
export interface SliceSizes {
  readonly fullBytes: number;
  readonly guaranteedBytes: number;
}

/** Reading less than this straight to where it belongs is not worth the words. */
const SMALLEST_LANDING_BYTES = 4 * 1024;

/** Cuts `lengthBytes` from `offsetBytes` so that the next slice begins on a multiple of the slice size. */
export function sliceLength(offsetBytes: number, lengthBytes: number, sliceBytes: number): number {
  if (lengthBytes <= sliceBytes) return lengthBytes;
  const aligned = sliceBytes - (offsetBytes % sliceBytes);
  return Math.min(aligned, lengthBytes);
}

/**
 * Receives the payload of one WRITE at a time. A slice that lies in one received chunk is handed on where it is;
 * others are put together in pooled memory, which is paid for before the first byte of it is read.
 */
export class WriteIntake {
  readonly #account: BudgetAccount;
  readonly #pool: BufferPool;
  readonly #taker: SliceTaker;
  readonly #sizes: SliceSizes;
  #work: Work | undefined;
  #offsetBytes = 0;
  #remainingBytes = 0;
  #skipBytes = 0;
  #buffer: Uint8Array | undefined;
  #sliceBytes = 0;
  #receivedBytes = 0;
  /** The stream may read into the buffer, now or at any later moment until the slice is full. */
  #lent = false;
  #pin: ChunkPin | undefined;

  constructor(account: BudgetAccount, pool: BufferPool, taker: SliceTaker, sizes: SliceSizes) {
    this.#account = account;
    this.#pool = pool;
    this.#taker = taker;
    this.#sizes = sizes;
  }

  /** The WRITE whose payload is being received. */
  get work(): Work | undefined {
    return this.#work;
  }

  begin(work: Work): void {
    this.#work = work;
    this.#offsetBytes = work.offsetBytes;
    this.#remainingBytes = work.lengthBytes;
  }

  /** Takes what the queue has. After `done` there is no current WRITE, and `work.complete` is set. */
  advance(queue: ByteQueue): IntakeProgress {
    const work = this.#work;
    if (work === undefined) return 'done';
    for (;;) {
      // Once the request has failed, the rest of its payload only has to be passed over.
      if (work.error !== 0 && this.#buffer === undefined) {
        this.#skipBytes += this.#remainingBytes;
        this.#remainingBytes = 0;
      }
      if (this.#skipBytes > 0) {
        this.#skipBytes -= queue.skip(this.#skipBytes);
        if (this.#skipBytes > 0) return 'needs-bytes';
      }
      if (this.#remainingBytes === 0) {
        work.complete = true;
        this.#work = undefined;
        return 'done';
      }
      if (queue.length === 0) return 'needs-bytes';
      if (this.#buffer === undefined) {
        if (this.#takeInPlace(queue, work)) continue;
        if (!this.#reserve()) return 'needs-budget';
      }
      if (!this.#fill(queue, work)) return 'needs-bytes';
    }
  }

  /** Where the next bytes of the payload belong. They are paid for. */
  landing(): Uint8Array | undefined {
    const work = this.#work;
    if (work === undefined || this.#skipBytes > 0) return undefined;
    if (this.#buffer === undefined) {
      if (work.error !== 0 || this.#remainingBytes < SMALLEST_LANDING_BYTES || !this.#reserve())
        return undefined;
    }
    if (this.#buffer === undefined || this.#sliceBytes - this.#receivedBytes < SMALLEST_LANDING_BYTES)
      return undefined;
    this.#lent = true;
    return this.#buffer.subarray(this.#receivedBytes, this.#sliceBytes);
  }

  /** So many bytes lie where `landing` said. They may come after nobody wants them any more. */
  landed(lengthBytes: number): void {
    const work = this.#work;
    if (work === undefined || !this.#lent) return;
    this.#receivedBytes += lengthBytes;
    this.#handIfFull(work);
  }

  /** The connection is gone: gives back what a half-received slice holds. */
  abandon(): Work | undefined {
    const work = this.#work;
    if (this.#buffer !== undefined) {
      this.#account.give(pooledBytes(this.#sliceBytes));
      if (!this.#lent) this.#pool.put(this.#buffer);
      this.#buffer = undefined;
      this.#lent = false;
    }
    this.#work = undefined;
    this.#remainingBytes = 0;
    this.#skipBytes = 0;
    this.#pin = undefined;
    return work;
  }

  #takeInPlace(queue: ByteQueue, work: Work): boolean {
    const size = sliceLength(this.#offsetBytes, this.#remainingBytes, this.#sizes.fullBytes);
    const chunk = queue.head;
    if (chunk === undefined || queue.contiguous < size) return false;
    let pin = this.#pin;
    if (pin === undefined || pin.chunk !== chunk || pin.users === 0) {
      if (!this.#account.tryTake(chunk.buffer.byteLength)) return false;
      if (pin?.chunk !== chunk) pin = new ChunkPin(chunk);
      this.#pin = pin;
    }
    pin.users += 1;
    this.#hand(work, queue.takeView(size), pin, undefined, 0);
    return true;
  }

  #reserve(): boolean {
    let size = sliceLength(this.#offsetBytes, this.#remainingBytes, this.#sizes.fullBytes);
    if (!this.#account.tryTake(pooledBytes(size))) {
      size = sliceLength(this.#offsetBytes, this.#remainingBytes, this.#sizes.guaranteedBytes);
      if (!this.#account.tryTake(pooledBytes(size))) return false;
    }
    this.#buffer = this.#pool.take(size);
    this.#sliceBytes = size;
    this.#receivedBytes = 0;
    return true;
  }

  #fill(queue: ByteQueue, work: Work): boolean {
    const buffer = this.#buffer;
    if (buffer === undefined) return false;
    this.#receivedBytes += queue.copyInto(
      buffer,
      this.#receivedBytes,
      this.#sliceBytes - this.#receivedBytes,
    );
    return this.#handIfFull(work);
  }

  #handIfFull(work: Work): boolean {
    const buffer = this.#buffer;
    if (buffer === undefined || this.#receivedBytes < this.#sliceBytes) return false;
    this.#buffer = undefined;
    this.#lent = false;
    const data = buffer.byteLength === this.#sliceBytes ? buffer : buffer.subarray(0, this.#sliceBytes);
    this.#hand(work, data, undefined, buffer, pooledBytes(this.#sliceBytes));
    return true;
  }

  #hand(
    work: Work,
    data: Uint8Array,
    pin: ChunkPin | undefined,
    pooled: Uint8Array | undefined,
    chargedBytes: number,
  ): void {
    const offsetBytes = this.#offsetBytes;
    this.#offsetBytes += data.byteLength;
    this.#remainingBytes -= data.byteLength;
    if (this.#remainingBytes === 0) work.complete = true;
    this.#taker.writeSlice(work, offsetBytes, data, pin, pooled, chargedBytes);
  }
}
