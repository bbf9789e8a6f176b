import type { Socket } from 'node:net';
import type { ByteStream, ByteStreamHandler } from '../stream.js';
import type { ReceiveMemory } from './receive-memory.js';
import { ReleasedMemory } from './released-memory.js';

/** Bytes waiting in the socket beyond which `write` asks to wait. */
const HIGH_WATER_BYTES = 512 * 1024;

/** Smaller chunks cost the collector less than giving them back costs us. */
const SMALLEST_GIVEN_BACK_BYTES = 16 * 1024;

/** A Node.js socket, plain or TLS, as a byte stream. */
export class SocketStream implements ByteStream {
  readonly remote: string;
  readonly #socket: Socket;
  readonly #carrier: Socket;
  #fed: ArrayBufferLike | undefined;
  readonly #released = new ReleasedMemory();
  readonly #memory: ReceiveMemory | undefined;
  #handler: ByteStreamHandler | undefined;
  #early: Uint8Array[] = [];
  #earlyEnd = false;
  #closed: { error: Error | undefined } | undefined;
  #error: Error | undefined;
  #givenAway = false;
  #paused = false;

  /**
   * @param carrier - for TLS: the plain socket below, which is the one that can be reset.
   * @param memory - what the socket reads into, when it calls `received` and not its listeners.
   */
  constructor(socket: Socket, remote: string, carrier: Socket = socket, memory?: ReceiveMemory) {
    this.#socket = socket;
    this.#carrier = carrier;
    this.remote = remote;
    this.#memory = memory;
    socket.on('data', this.#onData);
    socket.on('drain', this.#onDrain);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  attach(handler: ByteStreamHandler): void {
    const first = this.#handler === undefined;
    this.#handler = handler;
    this.#memory?.attach(handler);
    if (!first) return;
    for (const chunk of this.#early.splice(0)) handler.data(chunk);
    if (this.#earlyEnd) handler.end();
    if (this.#closed !== undefined) handler.close(this.#closed.error);
  }

  write(chunks: readonly Uint8Array[], flushed?: () => void): boolean {
    const socket = this.#socket;
    const last = chunks.length - 1;
    if (last > 0) socket.cork();
    chunks.forEach((chunk, index) => {
      socket.write(chunk, index === last ? flushed : undefined);
    });
    if (last > 0) socket.uncork();
    return socket.writableLength < HIGH_WATER_BYTES || !socket.writableNeedDrain;
  }

  /** Bytes that were read into memory which is used again: handlers that keep chunks are given a copy. */
  feed(bytes: Uint8Array): void {
    this.#fed = bytes.buffer;
    this.#onData(this.#handler?.copiesData === true ? bytes : bytes.slice());
  }

  /**
   * So many bytes were read into the memory that this stream was made with.
   *
   * @returns whether to read on: a socket that was paused while it was about to be resumed reads all the same.
   */
  received(lengthBytes: number): boolean {
    const chunk = this.#memory?.received(lengthBytes);
    if (chunk !== undefined) this.#onData(chunk);
    return !this.#paused;
  }

  giveBack(chunk: Uint8Array): void {
    if (this.#memory !== undefined) {
      this.#memory.giveBack(chunk);
      return;
    }
    const { buffer } = chunk;
    // The socket reads into that again: it is not to be freed, whoever says so.
    if (buffer === this.#fed) return;
    // A buffer of which the chunk is only a part may hold something of somebody else.
    if (chunk.byteLength < SMALLEST_GIVEN_BACK_BYTES || chunk.byteLength !== buffer.byteLength) return;
    if (buffer instanceof ArrayBuffer) this.#released.release(buffer);
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    if (this.#socket.destroyed) return;
    // A reset tells the other side at once that nothing was finished. Unix sockets have none: they just close.
    if (this.#carrier.remoteAddress !== undefined && !this.#carrier.destroyed)
      this.#carrier.resetAndDestroy();
    this.#socket.destroy();
  }

  /** Gives the socket away: this object hears and says no more. */
  release(): Socket {
    this.#givenAway = true;
    this.#socket.off('data', this.#onData);
    this.#socket.off('drain', this.#onDrain);
    this.#socket.off('end', this.#onEnd);
    this.#socket.off('close', this.#onClose);
    return this.#socket;
  }

  readonly #onData = (chunk: Uint8Array): void => {
    if (this.#handler === undefined) this.#early.push(chunk);
    else this.#handler.data(chunk);
  };

  readonly #onDrain = (): void => {
    this.#handler?.drain();
  };

  readonly #onEnd = (): void => {
    if (this.#handler === undefined) this.#earlyEnd = true;
    else this.#handler.end();
  };

  readonly #onError = (error: Error): void => {
    this.#error = error;
  };

  readonly #onClose = (): void => {
    if (this.#givenAway) return;
    this.#closed = { error: this.#error };
    this.#handler?.close(this.#error);
  };
}
