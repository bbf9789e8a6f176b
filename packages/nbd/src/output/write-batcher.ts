import type { ByteStream } from '../stream.js';
import type { Slab, SlabPool } from './slabs.js';

/** Payloads up to this are copied next to their header: cheaper than another piece in the write. */
const COPIED_PAYLOAD_BYTES = 16 * 1024;

/** Bytes that someone wants back after they have left. */
export interface LentBytes {
  readonly bytes: Uint8Array;
  release(): void;
}

/** What leaves in one write, and what is given back once it has left. */
class WriteBatch {
  readonly chunks: Uint8Array[] = [];
  readonly lent: LentBytes[] = [];
  readonly slabs: Slab[] = [];
  chargedBytes = 0;
  lengthBytes = 0;
  readonly flushed: () => void;

  constructor(batcher: WriteBatcher) {
    this.flushed = () => {
      batcher.batchFlushed(this);
    };
  }
}

/** Gathers what a connection has to say in one turn and sends it as one write of few pieces. */
export class WriteBatcher {
  readonly #stream: ByteStream;
  readonly #slabs: SlabPool;
  readonly #onFlushed: (chargedBytes: number) => void;
  readonly #idle: WriteBatch[] = [];
  #batch: WriteBatch;
  #slab: Slab | undefined;
  #segmentStart = 0;
  #joined = false;
  #unsentBytes = 0;
  #closed = false;

  /** @param onFlushed - called after a batch has left, with the sum of what was charged for it. */
  constructor(stream: ByteStream, slabs: SlabPool, onFlushed: (chargedBytes: number) => void) {
    this.#stream = stream;
    this.#slabs = slabs;
    this.#onFlushed = onFlushed;
    this.#batch = new WriteBatch(this);
  }

  /** Handed to the stream and not yet flushed. */
  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  /** Gathered and not yet handed to the stream. */
  get gatheredBytes(): number {
    return (
      this.#batch.lengthBytes + (this.#slab === undefined ? 0 : this.#slab.position - this.#segmentStart)
    );
  }

  /** A slab with room for `lengthBytes`; the caller writes at its position and moves that. At most 8 KiB. */
  room(lengthBytes: number): Slab {
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

  /** Small pieces; copied. */
  bytes(piece: Uint8Array): void {
    const slab = this.room(piece.byteLength);
    slab.bytes.set(piece, slab.position);
    slab.position += piece.byteLength;
  }

  /** A payload, copied when that is cheaper; released when it is not needed any more. */
  payload(lent: LentBytes, chargedBytes: number): void {
    if (lent.bytes.byteLength <= COPIED_PAYLOAD_BYTES && this.#tryCopy(lent.bytes)) {
      this.#batch.chargedBytes += chargedBytes;
      lent.release();
    } else {
      this.reference(lent, chargedBytes);
    }
  }

  /** Like `payload`, and never released before the bytes have left. */
  reference(lent: LentBytes, chargedBytes: number): void {
    this.#batch.chargedBytes += chargedBytes;
    this.#batch.lent.push(lent);
    this.#append(lent.bytes);
  }

  /** A payload that its owner keeps unchanged until it is answered. */
  borrowed(bytes: Uint8Array): void {
    if (bytes.byteLength <= COPIED_PAYLOAD_BYTES && this.#tryCopy(bytes)) return;
    this.#append(bytes);
  }

  /** Sends what was gathered. False: wait for `drain` before producing more. */
  flush(): boolean {
    this.#seal();
    const batch = this.#batch;
    if (batch.chunks.length === 0) return true;
    this.#batch = this.#idle.pop() ?? new WriteBatch(this);
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
  batchFlushed(batch: WriteBatch): void {
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
    if (batch.lent.length > 0) {
      for (const lent of batch.lent) lent.release();
      batch.lent.length = 0;
    }
    if (this.#idle.length < 4) this.#idle.push(batch);
    this.#onFlushed(chargedBytes);
  }

  #append(bytes: Uint8Array): void {
    this.#seal();
    this.#batch.chunks.push(bytes);
    this.#batch.lengthBytes += bytes.byteLength;
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
