import type { ByteStream, ByteStreamHandler, StreamIdentity } from '@holdfast/core';

export interface FedStreamOptions {
  readonly remote?: string;
  readonly identity?: StreamIdentity;
  /** Bytes that may lie unread at the other end before `write` says to wait. Default: without limit. */
  readonly capacityBytes?: number;
}

/**
 * A stream whose other end is the test: it feeds bytes, takes what was written, and nothing in between costs time. Everything it
 * hands over is a copy, so that nobody reads what the other side still holds.
 */
export class FedStream implements ByteStream {
  readonly remote: string;
  readonly identity?: StreamIdentity;
  isPaused = false;
  isDestroyed = false;
  hasEnded = false;
  /** All that was written, ever. */
  writtenBytes = 0;
  /** The largest number of bytes that lay unread at a time. */
  unreadPeakBytes = 0;
  /** The sum of what `allocate` was asked for, and its largest single wish. */
  allocatedBytes = 0;
  allocatedPeakBytes = 0;
  readonly #capacityBytes: number;
  #handler: ByteStreamHandler | undefined;
  #early: Uint8Array[] = [];
  #unread: Uint8Array[] = [];
  #unreadBytes = 0;
  #waitsForDrain = false;
  #closeTold = false;
  #waiting: Uint8Array[] = [];

  constructor(options: FedStreamOptions = {}) {
    this.remote = options.remote ?? 'the test';
    if (options.identity !== undefined) this.identity = options.identity;
    this.#capacityBytes = options.capacityBytes ?? Infinity;
  }

  attach(handler: ByteStreamHandler): void {
    this.#handler = handler;
    for (const chunk of this.#early.splice(0)) handler.data(chunk);
  }

  write(chunks: readonly Uint8Array[], flushed?: () => void): boolean {
    if (this.isDestroyed || this.hasEnded) {
      if (flushed !== undefined) queueMicrotask(flushed);
      return true;
    }
    for (const chunk of chunks) {
      this.#unread.push(chunk.slice());
      this.#unreadBytes += chunk.length;
      this.writtenBytes += chunk.length;
    }
    this.unreadPeakBytes = Math.max(this.unreadPeakBytes, this.#unreadBytes);
    if (flushed !== undefined) queueMicrotask(flushed);
    if (this.#unreadBytes <= this.#capacityBytes) return true;
    this.#waitsForDrain = true;
    return false;
  }

  allocate(lengthBytes: number): Uint8Array {
    this.allocatedBytes += lengthBytes;
    this.allocatedPeakBytes = Math.max(this.allocatedPeakBytes, lengthBytes);
    return new Uint8Array(lengthBytes);
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    while (!this.#isStopped()) {
      const chunk = this.#waiting.shift();
      if (chunk === undefined) return;
      this.#hand(chunk);
    }
  }

  end(): void {
    this.hasEnded = true;
  }

  destroy(): void {
    this.#close(undefined);
  }

  // ------------------------------------------------------------------------------------------------- the other end

  /** Bytes arrive. They wait while the stream is paused. */
  feed(chunk: Uint8Array): void {
    if (this.isDestroyed || chunk.length === 0) return;
    if (this.isPaused) this.#waiting.push(chunk.slice());
    else this.#hand(chunk.slice());
  }

  /** The other side says that it sends no more. */
  feedEnd(): void {
    if (!this.isDestroyed) this.#handler?.end();
  }

  /** The connection is lost. */
  lose(error = new Error('reset by the test')): void {
    this.#close(error);
  }

  /** Takes everything that was written and not taken yet, and makes room. */
  take(): Uint8Array {
    const whole = new Uint8Array(this.#unreadBytes);
    let at = 0;
    for (const chunk of this.#unread.splice(0)) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    this.#unreadBytes = 0;
    if (this.#waitsForDrain && !this.isDestroyed) {
      this.#waitsForDrain = false;
      this.#handler?.drain();
    }
    return whole;
  }

  #isStopped(): boolean {
    return this.isPaused || this.isDestroyed;
  }

  /** As a socket does: bytes go straight to where they belong, when that is known before they come. */
  #hand(chunk: Uint8Array): void {
    if (this.#handler === undefined) {
      this.#early.push(chunk);
      return;
    }
    let rest = chunk;
    for (;;) {
      if (this.isDestroyed) return;
      const place = this.#handler.landing?.();
      if (place === undefined || rest.length === 0) break;
      const lands = rest.subarray(0, place.length);
      place.set(lands);
      this.#handler.landed?.(lands.length);
      rest = rest.slice(lands.length);
    }
    if (rest.length > 0) this.#handler.data(rest);
  }

  #close(error: Error | undefined): void {
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    this.#waiting = [];
    queueMicrotask(() => {
      if (this.#closeTold) return;
      this.#closeTold = true;
      this.#handler?.close(error);
    });
  }
}
