import { CommandFlag } from '../codec/constants.js';
import { wireErrorNumber } from '../errors.js';
import type { WriteBatcher } from '../output/write-batcher.js';
import type { ReplyWriter } from './replies.js';
import type { NbdReadBuffer } from './types.js';
import type { SliceSink, Work } from './work.js';
import { sliceLength } from './write-intake.js';

/** What a large read needs from its connection. */
export interface LargeReadHost {
  readonly outbox: WriteBatcher;
  readonly replies: ReplyWriter;
  readSlice(work: Work, sink: SliceSink, offsetBytes: number, lengthBytes: number): void;
  /** Asks for the output alone. True: yours until `releaseOutput`. False: `outputGranted` will be called. */
  claimOutput(read: LargeRead): boolean;
  releaseOutput(read: LargeRead): void;
  /** The request has its whole reply, or an error, in the outbox. */
  largeReadDone(read: LargeRead): void;
  /** An error can no longer be told to the client. */
  cutOff(because: string): void;
  giveBack(chargedBytes: number): void;
}

/** One slice's buffer; when it has left, the next slice may be read into the same share of the budget. */
class SliceBuffer implements NbdReadBuffer {
  readonly bytes: Uint8Array;
  readonly #inner: NbdReadBuffer;
  readonly #read: LargeRead;

  constructor(inner: NbdReadBuffer, read: LargeRead) {
    this.bytes = inner.bytes;
    this.#inner = inner;
    this.#read = read;
  }

  release(): void {
    this.#inner.release();
    this.#read.sliceLeft();
  }
}

/**
 * A READ that is answered slice by slice, with one slice in memory at a time. Structured replies carry each slice in
 * a chunk of its own; a simple reply, or one with DF, is one piece on the wire and holds the output until it is done.
 */
export class LargeRead implements SliceSink {
  readonly work: Work;
  readonly #host: LargeReadHost;
  readonly #sliceBytes: number;
  readonly #contiguous: boolean;
  readonly #endBytes: number;
  #offsetBytes: number;
  #ready: NbdReadBuffer | undefined;
  #ownsOutput = false;
  #finished = false;

  /** @param sliceBytes - already charged to the account; given back at the end. */
  constructor(host: LargeReadHost, work: Work, sliceBytes: number) {
    this.#host = host;
    this.work = work;
    this.#sliceBytes = sliceBytes;
    this.#contiguous = !host.replies.structured || (work.flags & CommandFlag.df) !== 0;
    this.#offsetBytes = work.offsetBytes;
    this.#endBytes = work.offsetBytes + work.lengthBytes;
  }

  start(): void {
    const length = sliceLength(this.#offsetBytes, this.#endBytes - this.#offsetBytes, this.#sliceBytes);
    this.#host.readSlice(this.work, this, this.#offsetBytes, length);
  }

  sliceRead(buffer: NbdReadBuffer | undefined, error: unknown): void {
    if (buffer === undefined) {
      this.#fail(error);
      return;
    }
    this.#ready = buffer;
    if (this.#contiguous && !this.#ownsOutput) {
      if (!this.#host.claimOutput(this)) return;
      this.#ownsOutput = true;
    }
    this.#emit();
  }

  /** The output is this read's alone now. */
  outputGranted(): void {
    this.#ownsOutput = true;
    this.#emit();
  }

  sliceLeft(): void {
    if (!this.#finished) this.start();
  }

  /** The connection is gone. */
  abandon(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#ready?.release();
    this.#ready = undefined;
    this.#host.giveBack(this.#sliceBytes);
  }

  #emit(): void {
    const buffer = this.#ready;
    if (buffer === undefined) return;
    this.#ready = undefined;
    const { work } = this;
    const first = this.#offsetBytes === work.offsetBytes;
    const length = buffer.bytes.byteLength;
    const last = this.#offsetBytes + length === this.#endBytes;
    if (!this.#contiguous) this.#host.replies.readHeader(work, this.#offsetBytes, length, last);
    else if (first) this.#host.replies.readHeader(work, work.offsetBytes, work.lengthBytes, true);
    this.#offsetBytes += length;
    if (!last) {
      this.#host.outbox.reference(new SliceBuffer(buffer, this), 0);
      return;
    }
    this.#finished = true;
    this.#host.outbox.payload(buffer, this.#sliceBytes);
    this.#host.largeReadDone(this);
    if (this.#ownsOutput) this.#host.releaseOutput(this);
  }

  #fail(error: unknown): void {
    this.#finished = true;
    this.#host.giveBack(this.#sliceBytes);
    if (this.#contiguous && this.#offsetBytes > this.work.offsetBytes) {
      this.#host.cutOff('a read failed after the first part of its reply was sent');
      return;
    }
    this.work.error = wireErrorNumber(error);
    this.#host.largeReadDone(this);
  }
}
