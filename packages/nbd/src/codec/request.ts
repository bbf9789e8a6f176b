import { NbdError } from '../errors.js';
import type { ByteQueue } from './byte-queue.js';
import { REQUEST_BYTES, REQUEST_MAGIC } from './constants.js';
import { readU16, readU32, readU64, writeU16, writeU32, writeU64 } from './integers.js';

/** A request's header. The cookie is kept as two halves: it is opaque, and 64 bits do not fit a number. */
export interface NbdRequestHeader {
  readonly flags: number;
  readonly command: number;
  readonly cookieHigh: number;
  readonly cookieLow: number;
  /** Infinity when the number on the wire is above 2^53 - 1. */
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/**
 * Reads request headers from a queue of received bytes into its own fields, so that nothing is allocated for a request.
 * The payload of a WRITE stays in the queue for the caller.
 */
export class RequestDecoder implements NbdRequestHeader {
  flags = 0;
  command = 0;
  cookieHigh = 0;
  cookieLow = 0;
  offsetBytes = 0;
  lengthBytes = 0;

  /** False when the header is not complete yet. Throws `PROTOCOL` when this is no request. */
  next(queue: ByteQueue): boolean {
    if (queue.length < REQUEST_BYTES) return false;
    let bytes = queue.head;
    let position = queue.position;
    if (bytes === undefined || queue.contiguous < REQUEST_BYTES) {
      bytes = queue.peek(REQUEST_BYTES);
      position = 0;
      if (bytes === undefined) return false;
    }
    if (readU32(bytes, position) !== REQUEST_MAGIC) {
      throw new NbdError(
        'PROTOCOL',
        `expected a request, got magic 0x${readU32(bytes, position).toString(16)}`,
      );
    }
    this.flags = readU16(bytes, position + 4);
    this.command = readU16(bytes, position + 6);
    this.cookieHigh = readU32(bytes, position + 8);
    this.cookieLow = readU32(bytes, position + 12);
    this.offsetBytes = readU64(bytes, position + 16);
    this.lengthBytes = readU32(bytes, position + 24);
    queue.skip(REQUEST_BYTES);
    return true;
  }
}

/** Writes a request's header at `position` and returns the position behind it. */
export function encodeRequest(target: Uint8Array, position: number, header: NbdRequestHeader): number {
  writeU32(target, position, REQUEST_MAGIC);
  writeU16(target, position + 4, header.flags);
  writeU16(target, position + 6, header.command);
  writeU32(target, position + 8, header.cookieHigh);
  writeU32(target, position + 12, header.cookieLow);
  writeU64(target, position + 16, header.offsetBytes);
  writeU32(target, position + 24, header.lengthBytes);
  return position + REQUEST_BYTES;
}
