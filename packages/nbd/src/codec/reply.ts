import { NbdError } from '../errors.js';
import type { ByteQueue } from './byte-queue.js';
import {
  CHUNK_HEADER_BYTES,
  SIMPLE_REPLY_BYTES,
  SIMPLE_REPLY_MAGIC,
  STRUCTURED_REPLY_MAGIC,
} from './constants.js';
import { readU16, readU32, writeU16, writeU32 } from './integers.js';

/** Reads the headers of simple replies and of structured chunks; what follows a header stays in the queue. */
export class ReplyDecoder {
  structured = false;
  cookieHigh = 0;
  cookieLow = 0;
  /** Simple replies only: 0 for success, else the error number. */
  error = 0;
  /** Structured chunks only. */
  flags = 0;
  type = 0;
  lengthBytes = 0;

  /** False when the header is not complete yet. Throws `PROTOCOL` when this is no reply. */
  next(queue: ByteQueue): boolean {
    if (queue.length < SIMPLE_REPLY_BYTES) return false;
    let bytes = queue.head;
    let position = queue.position;
    if (bytes === undefined || queue.contiguous < CHUNK_HEADER_BYTES) {
      bytes = queue.peek(Math.min(queue.length, CHUNK_HEADER_BYTES));
      position = 0;
      if (bytes === undefined) return false;
    }
    const magic = readU32(bytes, position);
    if (magic === SIMPLE_REPLY_MAGIC) {
      this.structured = false;
      this.error = readU32(bytes, position + 4);
      this.lengthBytes = 0;
      this.#cookie(bytes, position + 8);
      queue.skip(SIMPLE_REPLY_BYTES);
      return true;
    }
    if (magic !== STRUCTURED_REPLY_MAGIC) {
      throw new NbdError('PROTOCOL', `expected a reply, got magic 0x${magic.toString(16)}`);
    }
    if (queue.length < CHUNK_HEADER_BYTES) return false;
    this.structured = true;
    this.error = 0;
    this.flags = readU16(bytes, position + 4);
    this.type = readU16(bytes, position + 6);
    this.#cookie(bytes, position + 8);
    this.lengthBytes = readU32(bytes, position + 16);
    queue.skip(CHUNK_HEADER_BYTES);
    return true;
  }

  #cookie(bytes: Uint8Array, position: number): void {
    this.cookieHigh = readU32(bytes, position);
    this.cookieLow = readU32(bytes, position + 4);
  }
}

/** Writes a simple reply's header and returns the position behind it. */
export function encodeSimpleReply(
  target: Uint8Array,
  position: number,
  error: number,
  cookieHigh: number,
  cookieLow: number,
): number {
  writeU32(target, position, SIMPLE_REPLY_MAGIC);
  writeU32(target, position + 4, error);
  writeU32(target, position + 8, cookieHigh);
  writeU32(target, position + 12, cookieLow);
  return position + SIMPLE_REPLY_BYTES;
}

/** Writes a structured chunk's header and returns the position behind it. */
export function encodeChunkHeader(
  target: Uint8Array,
  position: number,
  flags: number,
  type: number,
  cookieHigh: number,
  cookieLow: number,
  lengthBytes: number,
): number {
  writeU32(target, position, STRUCTURED_REPLY_MAGIC);
  writeU16(target, position + 4, flags);
  writeU16(target, position + 6, type);
  writeU32(target, position + 8, cookieHigh);
  writeU32(target, position + 12, cookieLow);
  writeU32(target, position + 16, lengthBytes);
  return position + CHUNK_HEADER_BYTES;
}
