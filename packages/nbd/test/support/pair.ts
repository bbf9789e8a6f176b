import type { ByteStream, ByteStreamHandler } from '../../src/stream.js';

/** What a socket delivers at most at once. */
const SOCKET_PIECE_BYTES = 64 * 1024;

/** How a pair of streams behaves. */
export interface PairOptions {
  /** Cuts what is delivered into pieces of these lengths, over and over. */
  readonly pieces?: readonly number[];
  /** Bytes that may wait for a paused reader before `write` says to wait. */
  readonly capacityBytes?: number;
}

/** One end of a connection in memory. Deliveries happen in later microtasks, never inside a call. */
export class PairStream implements ByteStream {
  readonly remote: string;
  peer!: PairStream;
  paused = false;
  destroyed = false;
  receivedBytes = 0;
  readonly #pieces: readonly number[];
  readonly #capacityBytes: number;
  #nextPiece = 0;
  #handler: ByteStreamHandler | undefined;
  #incoming: { bytes: Uint8Array; flushed: (() => void) | undefined }[] = [];
  #waitingBytes = 0;
  #ended = false;
  #endTold = false;
  #closeTold = false;
  #scheduled = false;
  #landing: { readonly handler: ByteStreamHandler; readonly place: Uint8Array } | undefined;
  #wantsDrain = false;
  #error: Error | undefined;

  constructor(remote: string, options: PairOptions) {
    this.remote = remote;
    this.#pieces = options.pieces ?? [SOCKET_PIECE_BYTES];
    this.#capacityBytes = options.capacityBytes ?? 1024 * 1024;
  }

  /** Sent by the other side and not taken yet. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  attach(handler: ByteStreamHandler): void {
    this.#handler = handler;
    this.#schedule();
  }

  write(chunks: readonly Uint8Array[], flushed?: () => void): boolean {
    return this.peer.take(chunks, flushed, this.destroyed);
  }

  take(chunks: readonly Uint8Array[], flushed: (() => void) | undefined, lost: boolean): boolean {
    if (lost || this.destroyed) {
      if (flushed !== undefined) queueMicrotask(flushed);
      return true;
    }
    chunks.forEach((chunk, index) => {
      // As on a wire: the bytes are what they are when they are taken from the sender, which is when it is told.
      this.#incoming.push({ bytes: chunk, flushed: index === chunks.length - 1 ? flushed : undefined });
      this.#waitingBytes += chunk.byteLength;
    });
    this.#schedule();
    if (this.#waitingBytes <= this.#capacityBytes) return true;
    this.#wantsDrain = true;
    return false;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.#schedule();
  }

  end(): void {
    this.peer.ended();
  }

  ended(): void {
    this.#ended = true;
    this.#schedule();
  }

  destroy(): void {
    this.tear(undefined);
    this.peer.tear(new Error('reset by the other side'));
  }

  tear(error: Error | undefined): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#error = error;
    for (const { flushed } of this.#incoming.splice(0)) flushed?.();
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    while (!this.paused && !this.destroyed) {
      const next = this.#incoming.shift();
      if (next === undefined) break;
      this.#waitingBytes -= next.bytes.byteLength;
      this.receivedBytes += next.bytes.byteLength;
      this.#hand(next.bytes.slice());
      next.flushed?.();
      if (this.#wantsDrain && this.#waitingBytes === 0) {
        this.#wantsDrain = false;
        this.peer.drained();
      }
    }
    if (this.destroyed) {
      if (this.#closeTold) return;
      this.#closeTold = true;
      handler.close(this.#error);
    } else if (this.#ended && this.#incoming.length === 0 && !this.#endTold) {
      this.#endTold = true;
      handler.end();
      if (this.peer.#endTold) this.#bothEnded();
    }
  }

  #bothEnded(): void {
    this.tear(undefined);
    this.peer.tear(undefined);
  }

  drained(): void {
    queueMicrotask(() => {
      if (!this.destroyed) this.#handler?.drain();
    });
  }

  #hand(bytes: Uint8Array): void {
    let position = 0;
    while (position < bytes.byteLength && !this.destroyed) {
      const length = Math.max(1, this.#pieces[this.#nextPiece % this.#pieces.length] ?? 1);
      this.#nextPiece += 1;
      position +=
        this.#land(bytes.subarray(position, position + length)) ?? this.#give(bytes, position, length);
      // As a socket does: what is asked now is where bytes go that come at any later time.
      const handler = this.#handler;
      const place = handler?.landing?.();
      this.#landing = handler === undefined || place === undefined ? undefined : { handler, place };
    }
  }

  #land(bytes: Uint8Array): number | undefined {
    if (this.#landing === undefined) return undefined;
    const { handler, place } = this.#landing;
    const length = Math.min(bytes.byteLength, place.byteLength);
    place.set(bytes.subarray(0, length));
    landings.bytes += length;
    handler.landed?.(length);
    return length;
  }

  #give(bytes: Uint8Array, position: number, length: number): number {
    const piece = bytes.slice(position, position + length);
    const handler = this.#handler;
    handler?.data(piece);
    // Whoever says that it keeps nothing is held to it.
    if (handler?.copiesData === true) piece.fill(0xee);
    return length;
  }
}

/** How many bytes went straight to where they belong, over all streams of a test file. */
export const landings = { bytes: 0 };

/** Two ends of one connection. */
export function streamPair(options: PairOptions = {}): {
  readonly near: PairStream;
  readonly far: PairStream;
} {
  const near = new PairStream('far', options);
  const far = new PairStream('near', options);
  near.peer = far;
  far.peer = near;
  return { near, far };
}
