import { type ByteStream, type ByteStreamHandler, type StreamIdentity } from '@holdfast/core';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { writeDirectly } from './direct-write.js';
import type { ReceiveMemory } from './receive-memory.js';
import { ReleasedMemory } from './released-memory.js';
import { mapSocketError } from './socket-errors.js';

export interface SocketStreamOptions {
  readonly remote: string;
  readonly identity?: StreamIdentity;
  readonly highWaterMarkBytes: number;
  /** What the socket reads into, when it calls `received` and not its listeners. */
  readonly memory?: ReceiveMemory | undefined;
}

/** Chunks that leave in one system call. */
interface Batch {
  readonly chunks: Uint8Array[];
  readonly flushed: (() => void)[];
  bytes: number;
}

/** Smaller chunks cost the collector less than giving them back costs us. */
const SMALLEST_GIVEN_BACK_BYTES = 16 * 1024;

/** A batch of this size leaves at once: the system has enough to do with it. */
const FULL_BATCH_BYTES = 64 * 1024;

/**
 * A ByteStream over a connected socket. What is written in one round of the event loop leaves in one system call, right after the
 * round's callbacks: a header and its body, or the replies to all reads that came back together, do not cost a call each.
 * No timer is involved, so a single message leaves as soon as it would have anyway.
 */
export class SocketStream implements ByteStream {
  readonly remote: string;
  readonly identity?: StreamIdentity;

  private readonly socket: Socket;
  private readonly highWaterMarkBytes: number;
  private readonly canReset: boolean;
  private readonly released = new ReleasedMemory();
  private readonly memory: ReceiveMemory | undefined;
  private handler: ByteStreamHandler | undefined;
  private readonly sent: Batch[] = [];
  private batch: Batch | undefined;
  private roundEnd: NodeJS.Immediate | undefined;
  /** Written and not yet taken by the system. */
  private pendingBytes = 0;
  private wantsDrain = false;
  private paused = false;
  private endWritten = false;
  private error: Error | undefined;
  private gone = false;
  private closeTold = false;

  /** The socket must be connected, made with `allowHalfOpen`, and not read from before; one with a memory stands still. */
  constructor(socket: Socket, options: SocketStreamOptions) {
    this.socket = socket;
    this.remote = options.remote;
    if (options.identity !== undefined) this.identity = options.identity;
    this.memory = options.memory;
    this.highWaterMarkBytes = options.highWaterMarkBytes;
    // Only plain TCP knows a reset. Under TLS, resetting the socket below crashes the process when writes are pending.
    this.canReset = !(socket instanceof TLSSocket) && socket.remotePort !== undefined;
    socket.pause();
    socket.on('data', (chunk: Uint8Array) => this.handler?.data(chunk));
    socket.on('end', () => this.handler?.end());
    socket.on('error', (error) => (this.error ??= mapSocketError(error, this.remote)));
    socket.on('close', () => this.closed());
  }

  attach(handler: ByteStreamHandler): void {
    const first = this.handler === undefined;
    this.handler = handler;
    this.memory?.attach(handler);
    if (!first) return;
    if (!this.paused) this.socket.resume();
    if (this.gone) process.nextTick(() => this.tellClose());
  }

  write(chunks: readonly Uint8Array[], flushed?: () => void): boolean {
    if (this.gone || this.endWritten) {
      if (flushed !== undefined) process.nextTick(flushed);
      return false;
    }
    if (this.batch === undefined) {
      this.batch = { chunks: [], flushed: [], bytes: 0 };
      this.roundEnd = setImmediate(this.flush);
    }
    const { batch } = this;
    for (const chunk of chunks) {
      batch.chunks.push(chunk);
      batch.bytes += chunk.length;
      this.pendingBytes += chunk.length;
    }
    if (flushed !== undefined) batch.flushed.push(flushed);
    if (batch.bytes >= FULL_BATCH_BYTES) this.flush();
    if (this.pendingBytes <= this.highWaterMarkBytes) return true;
    this.wantsDrain = true;
    return false;
  }

  readonly flush = (): void => {
    const { batch } = this;
    if (batch === undefined) return;
    this.batch = undefined;
    // A callback that waits keeps the loop from sleeping: it would look for events once more in vain.
    clearImmediate(this.roundEnd);
    const { chunks } = batch;
    const last = chunks.length - 1;
    const [only] = chunks;
    if (last === 0 && only !== undefined && this.sent.length === 0) {
      const takenBytes = writeDirectly(this.socket, only);
      if (takenBytes > 0) {
        this.sent.push(batch);
        this.goOn(batch, only.subarray(takenBytes));
        return;
      }
    }
    this.sent.push(batch);
    if (last < 0) {
      process.nextTick(() => this.taken(batch));
      return;
    }
    if (last > 0) this.socket.cork();
    chunks.forEach((chunk, index) => {
      if (index < last) this.socket.write(chunk);
      else this.socket.write(chunk, () => this.taken(batch));
    });
    if (last > 0) this.socket.uncork();
  };

  /** The system has taken the bytes before `rest`. */
  private goOn(batch: Batch, rest: Uint8Array): void {
    if (rest.length > 0) this.socket.write(rest, () => this.taken(batch));
    // Later in this turn: whoever writes does not expect to be called back meanwhile.
    else queueMicrotask(() => this.taken(batch));
  }

  allocate(lengthBytes: number): Uint8Array {
    return Buffer.allocUnsafeSlow(lengthBytes);
  }

  /**
   * So many bytes were read into the memory that this stream was made with.
   *
   * @returns whether to read on: a socket that was paused while it was about to be resumed reads all the same.
   */
  received(lengthBytes: number): boolean {
    const chunk = this.memory?.received(lengthBytes);
    if (chunk !== undefined) this.handler?.data(chunk);
    return !this.paused;
  }

  giveBack(chunk: Uint8Array): void {
    if (this.memory !== undefined) {
      this.memory.giveBack(chunk);
      return;
    }
    const { buffer } = chunk;
    // A buffer of which the chunk is only a part may hold something of somebody else.
    if (chunk.length < SMALLEST_GIVEN_BACK_BYTES || chunk.length !== buffer.byteLength) return;
    if (buffer instanceof ArrayBuffer) this.released.release(buffer);
  }

  pause(): void {
    this.paused = true;
    this.socket.pause();
  }

  resume(): void {
    this.paused = false;
    if (this.handler !== undefined) this.socket.resume();
  }

  end(): void {
    if (this.gone || this.endWritten) return;
    this.flush();
    this.endWritten = true;
    this.socket.end();
  }

  destroy(): void {
    if (this.gone) return;
    if (this.canReset) this.socket.resetAndDestroy();
    else this.socket.destroy();
  }

  /** The system has the bytes, or the socket has failed; both give the chunks back. */
  private taken(batch: Batch): void {
    const index = this.sent.indexOf(batch);
    if (index < 0) return;
    this.sent.splice(index, 1);
    this.pendingBytes -= batch.bytes;
    for (const flushed of batch.flushed) flushed();
    if (!this.wantsDrain || this.gone || this.pendingBytes > this.highWaterMarkBytes / 2) return;
    this.wantsDrain = false;
    this.handler?.drain();
  }

  private closed(): void {
    this.gone = true;
    this.flushAfterClose();
    this.tellClose();
  }

  private flushAfterClose(): void {
    if (this.batch !== undefined) this.sent.push(this.batch);
    this.batch = undefined;
    for (const batch of [...this.sent]) this.taken(batch);
  }

  private tellClose(): void {
    if (this.closeTold || this.handler === undefined) return;
    this.closeTold = true;
    this.handler.close(this.error);
  }
}
