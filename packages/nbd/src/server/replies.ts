import { CHUNK_DONE, ChunkType, Command, StatusFlag } from '../codec/constants.js';
import { writeU16, writeU32, writeU64 } from '../codec/integers.js';
import type { Outbox } from './outbox.js';
import type { NbdExtent, NbdReadBuffer } from './types.js';
import type { Work } from './work.js';

/** The id under which `base:allocation` is known on a connection. */
export const ALLOCATION_CONTEXT_ID = 1;

/** Extents in one reply; a client asks again for the rest. */
const MAX_EXTENTS = 512;
const MAX_EXTENT_BYTES = 0xffff_ffff;

/** Writes replies in the form that was negotiated. */
export class ReplyWriter {
  readonly #outbox: Outbox;
  readonly #structured: boolean;
  readonly #scratch = new Uint8Array(8);

  constructor(outbox: Outbox, structured: boolean) {
    this.#outbox = outbox;
    this.#structured = structured;
  }

  get structured(): boolean {
    return this.#structured;
  }

  /** Success without data, or an error. */
  finish(work: Work): void {
    const outbox = this.#outbox;
    if (!this.#structured || (work.command !== Command.read && work.command !== Command.blockStatus)) {
      outbox.simple(work.error, work.cookieHigh, work.cookieLow);
      return;
    }
    if (work.error === 0) {
      outbox.chunk(CHUNK_DONE, ChunkType.none, work.cookieHigh, work.cookieLow, 0);
      return;
    }
    outbox.chunk(CHUNK_DONE, ChunkType.error, work.cookieHigh, work.cookieLow, 6);
    writeU32(this.#scratch, 0, work.error);
    writeU16(this.#scratch, 4, 0);
    outbox.bytes(this.#scratch.subarray(0, 6));
  }

  /** A READ's data, all of it at once. */
  read(work: Work, buffer: NbdReadBuffer, chargedBytes: number): void {
    this.readHeader(work, work.offsetBytes, work.lengthBytes, true);
    this.#outbox.payload(buffer, chargedBytes);
  }

  /** What stands before `lengthBytes` of data. */
  readHeader(work: Work, offsetBytes: number, lengthBytes: number, last: boolean): void {
    const outbox = this.#outbox;
    if (!this.#structured) {
      outbox.simple(0, work.cookieHigh, work.cookieLow);
      return;
    }
    const flags = last ? CHUNK_DONE : 0;
    outbox.chunk(flags, ChunkType.offsetData, work.cookieHigh, work.cookieLow, lengthBytes + 8);
    writeU64(this.#scratch, 0, offsetBytes);
    outbox.bytes(this.#scratch);
  }

  /** Returns false when the backend's extents make no sense. */
  blockStatus(work: Work, extents: readonly NbdExtent[], onlyFirst: boolean): boolean {
    const encoded = encodeExtents(extents, work.lengthBytes, onlyFirst ? 1 : MAX_EXTENTS);
    if (encoded === undefined) return false;
    this.#outbox.chunk(CHUNK_DONE, ChunkType.blockStatus, work.cookieHigh, work.cookieLow, encoded.byteLength);
    this.#outbox.bytes(encoded);
    return true;
  }
}

/** Merges neighbours of equal status and cuts at the end of what was asked. */
function encodeExtents(extents: readonly NbdExtent[], lengthBytes: number, most: number): Uint8Array | undefined {
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
