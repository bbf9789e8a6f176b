import type { ByteStreamHandler } from '@holdfast/core';
import { type OnReadOpts, Socket } from 'node:net';

/** Read into when nobody has said where the bytes belong. As much as the system hands over at once of a Unix socket, and more. */
const PIECE_BYTES = 64 * 1024;
/** Up to this, bytes are copied into a small piece: nobody is to keep a large one for the sake of a few bytes. */
const SMALL_PIECE_BYTES = 8 * 1024;
/** Up to this, a copy of the right size is left to the collector. */
const LARGEST_LOOSE_BYTES = 1024;
const KEPT_PIECES = 8;
const KEPT_SMALL_PIECES = 32;

/**
 * The memory that a socket reads into: where the handler wants the bytes, or a piece that is used again once it was given back.
 * Left to itself, Node.js makes 64 KiB of new memory for every read, and the collector has to follow.
 */
export class ReceiveMemory {
  private piece: Uint8Array | undefined;
  private readonly free: Uint8Array[] = [];
  private readonly freeSmall: Uint8Array[] = [];
  private landingOf: ByteStreamHandler | undefined;
  private handler: ByteStreamHandler | undefined;

  /** For the socket, before each read. */
  readonly next = (): Uint8Array => {
    const landing = this.handler?.landing?.();
    if (landing !== undefined && landing.byteLength > 0) {
      this.landingOf = this.handler;
      return landing;
    }
    this.landingOf = undefined;
    return (this.piece ??= this.free.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES));
  };

  /** Who is asked from now on. */
  attach(handler: ByteStreamHandler): void {
    this.handler = handler;
  }

  /**
   * The socket has read so many bytes into the memory that `next` named.
   *
   * @returns them, when they are not where a handler wanted them; the caller may keep them or give them back.
   */
  received(lengthBytes: number): Uint8Array | undefined {
    const { landingOf, piece } = this;
    if (landingOf !== undefined) {
      landingOf.landed?.(lengthBytes);
      return undefined;
    }
    if (piece === undefined) return undefined;
    if (lengthBytes <= SMALL_PIECE_BYTES) {
      const copy = this.small(lengthBytes);
      copy.set(piece.subarray(0, lengthBytes));
      return copy;
    }
    this.piece = undefined;
    return piece.subarray(0, lengthBytes);
  }

  /** A chunk that nobody reads any more. Given back twice it counts once. */
  giveBack(chunk: Uint8Array): void {
    const { buffer } = chunk;
    const isLarge = buffer.byteLength === PIECE_BYTES;
    if (!isLarge && buffer.byteLength !== SMALL_PIECE_BYTES) return;
    const free = isLarge ? this.free : this.freeSmall;
    if (free.length >= (isLarge ? KEPT_PIECES : KEPT_SMALL_PIECES)) return;
    if (free.some((piece) => piece.buffer === buffer)) return;
    free.push(new Uint8Array(buffer));
  }

  private small(lengthBytes: number): Uint8Array {
    if (lengthBytes <= LARGEST_LOOSE_BYTES) return new Uint8Array(lengthBytes);
    const piece = this.freeSmall.pop() ?? Buffer.allocUnsafeSlow(SMALL_PIECE_BYTES);
    return piece.subarray(0, lengthBytes);
  }
}

/**
 * The same connection as a socket that reads into memory of our choice. Node.js offers that for sockets that connect, and for
 * accepted ones only through their handle; where a release no longer lets us at it, the socket goes on as it is, only slower.
 *
 * @param accepted not read from yet (`pauseOnConnect`). It is of no further use when another socket is returned.
 * @param onBytes hears how many bytes are in what `next` named last. False: read no more until the socket is resumed.
 */
export function readingInto(
  accepted: Socket,
  memory: ReceiveMemory,
  onBytes: (lengthBytes: number) => boolean,
): Socket {
  const shell = accepted as unknown as { _handle?: { useUserBuffer?: unknown } | null };
  const handle = shell._handle;
  if (typeof handle?.useUserBuffer !== 'function') return accepted;
  // Without its handle it leaves the server's list and closes nothing.
  shell._handle = null;
  accepted.destroy();
  const onread: OnReadOpts = {
    buffer: memory.next,
    callback: onBytes,
  };
  const options = { handle, allowHalfOpen: true, pauseOnCreate: true, onread };
  return new Socket(options);
}
