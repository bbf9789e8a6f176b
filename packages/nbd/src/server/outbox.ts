import { CHUNK_HEADER_BYTES, SIMPLE_REPLY_BYTES } from '../codec/constants.js';
import { encodeChunkHeader, encodeSimpleReply } from '../codec/reply.js';
import type { ByteStream } from '../stream.js';
import type { BudgetAccount } from './budget.js';
import type { Slab, SlabPool } from './slabs.js';
import type { NbdReadBuffer } from './types.js';

/** Payloads up to this are copied next to their header: cheaper than another piece in the write. */
const COPIED_PAYLOAD_BYTES = 16 * 1024;

/** What leaves in one write, and what may be given back once it has left. */
class ReplyBatch {
  readonly chunks: Uint8Array[] = [];
  readonly buffers: NbdReadBuffer[] = [];
  readonly slabs: Slab[] = [];
  chargedBytes = 0;
  lengthBytes = 0;
  readonly flushed: () => void;

  constructor(outbox: Outbox) {
    this.flushed = () => {
      outbox.batchFlushed(this);
    };
  }
}

/** Gathers the replies of one turn of one connection and sends them as one write. */
export class Outbox {
  readonly #stream: ByteStream;
  readonly #slabs: SlabPool;
  readonly #account: BudgetAccount;
  readonly #onFlushed: () => void;
  readonly #idle: ReplyBatch[] = [];
  #batch: ReplyBatch;
  #slab: Slab | undefined;
  #segmentStart = 0;
  #joined = false;
  #unsentBytes = 0;
  #closed = false;

  /** @param onFlushed - called after a batch has left and its charges were given back. */
  constructor(stream: ByteStream, slabs: SlabPool, account: BudgetAccount, onFlushed: () => void) {
    this.#stream = stream;
    this.#slabs = slabs;
    this.#account = account;
    this.#onFlushed = onFlushed;
    this.#batch = new ReplyBatch(this);
  }

  /** Handed to the stream and not yet flushed. */
  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  simple(error: number, cookieHigh: number, cookieLow: number): void {
    const slab = this.#room(SIMPLE_REPLY_BYTES);
    slab.position = encodeSimpleReply(slab.bytes, slab.position, error, cookieHigh, cookieLow);
  }

  chunk(flags: number, type: number, cookieHigh: number, cookieLow: number, lengthBytes: number): void {
    const slab = this.#room(CHUNK_HEADER_BYTES);
    slab.position = encodeChunkHeader(slab.bytes, slab.position, flags, type, cookieHigh, cookieLow, lengthBytes);
  }

  /** Small pieces behind a chunk header; copied. At most a few hundred bytes at once. */
  bytes(piece: Uint8Array): void {
    const slab = this.#room(piece.byteLength);
    slab.bytes.set(piece, slab.position);
    slab.position += piece.byteLength;
  }

  /** The payload of a read. `chargedBytes` are given back to the account when it has left. */
  payload(buffer: NbdReadBuffer, chargedBytes: number): void {
    if (buffer.bytes.byteLength <= COPIED_PAYLOAD_BYTES && this.#tryCopy(buffer.bytes)) {
      this.#batch.chargedBytes += chargedBytes;
      buffer.release();
    } else {
      this.reference(buffer, chargedBytes);
    }
  }

  /** Like `payload`, and the buffer is never released before the bytes have left. */
  reference(buffer: NbdReadBuffer, chargedBytes: number): void {
    this.#batch.chargedBytes += chargedBytes;
    this.#seal();
    this.#batch.chunks.push(buffer.bytes);
    this.#batch.lengthBytes += buffer.bytes.byteLength;
    this.#batch.buffers.push(buffer);
  }

  /** Gathered and not yet handed to the stream. */
  get gatheredBytes(): number {
    return this.#batch.lengthBytes + (this.#slab === undefined ? 0 : this.#slab.position - this.#segmentStart);
  }

  /** Sends what was gathered. False: wait for `drain` before producing more. */
  flush(): boolean {
    this.#seal();
    const batch = this.#batch;
    if (batch.chunks.length === 0) return true;
    this.#batch = this.#idle.pop() ?? new ReplyBatch(this);
    this.#joined = false;
    this.#unsentBytes += batch.lengthBytes;
    if (this.#closed) {
      batch.flushed();
      return true;
    }
    return this.#stream.write(batch.chunks, batch.flushed);
  }

  /** The stream is gone: what is gathered now or later is given back unsent. */
  close(): void {
    this.#closed = true;
    this.flush();
  }

  /** Called by a batch when the stream has taken its bytes. */
  batchFlushed(batch: ReplyBatch): void {
    this.#unsentBytes -= batch.lengthBytes;
    for (const slab of batch.slabs) {
      slab.users -= 1;
      if (slab.users > 0) continue;
      if (slab === this.#slab) this.#slab = undefined;
      this.#slabs.put(slab);
    }
    const { chargedBytes } = batch;
    batch.chunks.length = 0;
    batch.slabs.length = 0;
    batch.chargedBytes = 0;
    batch.lengthBytes = 0;
    if (chargedBytes > 0) this.#account.give(chargedBytes);
    if (batch.buffers.length > 0) {
      for (const buffer of batch.buffers) buffer.release();
      batch.buffers.length = 0;
    }
    if (this.#idle.length < 4) this.#idle.push(batch);
    this.#onFlushed();
  }

  #tryCopy(bytes: Uint8Array): boolean {
    let slab = this.#slab;
    if (slab === undefined || slab.bytes.byteLength - slab.position < bytes.byteLength) {
      const large = this.#slabs.tryTakeLarge();
      if (large === undefined) return false;
      slab = large;
      this.#use(slab);
    } else if (!this.#joined) {
      this.#join(slab);
    }
    slab.bytes.set(bytes, slab.position);
    slab.position += bytes.byteLength;
    return true;
  }

  #room(lengthBytes: number): Slab {
    let slab = this.#slab;
    if (slab === undefined) {
      slab = this.#slabs.takeSmall();
      this.#use(slab);
    } else if (slab.bytes.byteLength - slab.position < lengthBytes) {
      slab = this.#slabs.tryTakeLarge() ?? this.#slabs.takeSmall();
      this.#use(slab);
    } else if (!this.#joined) {
      this.#join(slab);
    }
    return slab;
  }

  /** Goes on in another slab. */
  #use(slab: Slab): void {
    this.#seal();
    this.#slab = slab;
    this.#join(slab);
  }

  /** The batch uses the slab from its present end on. */
  #join(slab: Slab): void {
    this.#joined = true;
    slab.users += 1;
    this.#batch.slabs.push(slab);
    this.#segmentStart = slab.position;
  }

  #seal(): void {
    const slab = this.#slab;
    if (slab === undefined || slab.position === this.#segmentStart) return;
    const piece = slab.bytes.subarray(this.#segmentStart, slab.position);
    this.#segmentStart = slab.position;
    this.#batch.chunks.push(piece);
    this.#batch.lengthBytes += piece.byteLength;
  }
}
