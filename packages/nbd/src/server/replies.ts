import {
  CHUNK_DONE,
  CHUNK_HEADER_BYTES,
  ChunkType,
  Command,
  SIMPLE_REPLY_BYTES,
  StatusFlag,
} from '../codec/constants.js';
import { writeU16, writeU32, writeU64 } from '../codec/integers.js';
import { encodeChunkHeader, encodeSimpleReply } from '../codec/reply.js';
import type { WriteBatcher } from '../output/write-batcher.js';
import type { NbdExtent, NbdReadBuffer } from './types.js';
import type { Work } from './work.js';

/** The id under which `base:allocation` is known on a connection. */
export const ALLOCATION_CONTEXT_ID = 1;

/** Extents in one reply; a client asks again for the rest. */
const MAX_EXTENTS = 512;
const MAX_EXTENT_BYTES = 0xffff_ffff;

/** Writes replies in the form that was negotiated. */
export class ReplyWriter {
  readonly #outbox: WriteBatcher;
  readonly #structured: boolean;
  readonly #scratch = new Uint8Array(8);

  constructor(outbox: WriteBatcher, structured: boolean) {
    this.#outbox = outbox;
    this.#structured = structured;
  }

  get structured(): boolean {
    return this.#structured;
  }

  /** Success without data, or an error. */
  finish(work: Work): void {
    if (!this.#structured || (work.command !== Command.read && work.command !== Command.blockStatus)) {
      this.#simple(work, work.error);
      return;
    }
    if (work.error === 0) {
      this.#chunk(work, CHUNK_DONE, ChunkType.none, 0);
      return;
    }
    this.#chunk(work, CHUNK_DONE, ChunkType.error, 6);
    writeU32(this.#scratch, 0, work.error);
    writeU16(this.#scratch, 4, 0);
    this.#outbox.bytes(this.#scratch.subarray(0, 6));
  }

  /** A READ's data, all of it at once. */
  read(work: Work, buffer: NbdReadBuffer, chargedBytes: number): void {
    this.readHeader(work, work.offsetBytes, work.lengthBytes, true);
    this.#outbox.payload(buffer, chargedBytes);
  }

  /** What stands before `lengthBytes` of data. */
  readHeader(work: Work, offsetBytes: number, lengthBytes: number, last: boolean): void {
    if (!this.#structured) {
      this.#simple(work, 0);
      return;
    }
    this.#chunk(work, last ? CHUNK_DONE : 0, ChunkType.offsetData, lengthBytes + 8);
    writeU64(this.#scratch, 0, offsetBytes);
    this.#outbox.bytes(this.#scratch);
  }

  /** Returns false when the backend's extents make no sense. */
  blockStatus(work: Work, extents: readonly NbdExtent[], onlyFirst: boolean): boolean {
    const encoded = encodeExtents(extents, work.lengthBytes, onlyFirst ? 1 : MAX_EXTENTS);
    if (encoded === undefined) return false;
    this.#chunk(work, CHUNK_DONE, ChunkType.blockStatus, encoded.byteLength);
    this.#outbox.bytes(encoded);
    return true;
  }

  #simple(work: Work, error: number): void {
    const slab = this.#outbox.room(SIMPLE_REPLY_BYTES);
    slab.position = encodeSimpleReply(slab.bytes, slab.position, error, work.cookieHigh, work.cookieLow);
  }

  #chunk(work: Work, flags: number, type: number, lengthBytes: number): void {
    const slab = this.#outbox.room(CHUNK_HEADER_BYTES);
    const { cookieHigh, cookieLow } = work;
    slab.position = encodeChunkHeader(
      slab.bytes,
      slab.position,
      flags,
      type,
      cookieHigh,
      cookieLow,
      lengthBytes,
    );
  }
}

/** Merges neighbours of equal status and cuts at the end of what was asked. */
function encodeExtents(
  extents: readonly NbdExtent[],
  lengthBytes: number,
  most: number,
): Uint8Array | undefined {
  const bytes = new Uint8Array(4 + 8 * Math.min(most, extents.length));
  writeU32(bytes, 0, ALLOCATION_CONTEXT_ID);
  let count = 0;
  let left = lengthBytes;
  let runBytes = 0;
  let runFlags = -1;
  for (const extent of extents) {
    if (left === 0) break;
    if (!(extent.lengthBytes > 0)) return undefined;
    const flags = (extent.hole ? StatusFlag.hole : 0) | (extent.zero ? StatusFlag.zero : 0);
    const here = Math.min(extent.lengthBytes, left);
    if (flags === runFlags) {
      runBytes = Math.min(runBytes + here, MAX_EXTENT_BYTES);
    } else {
      if (runFlags >= 0) {
        if (count + 1 === most) break;
        count += 1;
      }
      runBytes = here;
      runFlags = flags;
    }
    left -= here;
    writeU32(bytes, 4 + 8 * count, runBytes);
    writeU32(bytes, 8 + 8 * count, runFlags);
  }
  return runFlags < 0 ? undefined : bytes.subarray(0, 12 + 8 * count);
}
