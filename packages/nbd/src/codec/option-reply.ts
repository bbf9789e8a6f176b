import { NbdError } from '../errors.js';
import type { ByteQueue } from './byte-queue.js';
import {
  GREETING_MAGIC_HIGH,
  GREETING_MAGIC_LOW,
  InfoType,
  MAX_STRING_BYTES,
  OPTION_MAGIC_HIGH,
  OPTION_MAGIC_LOW,
  OPTION_REPLY_HEADER_BYTES,
  OPTION_REPLY_MAGIC_HIGH,
  OPTION_REPLY_MAGIC_LOW,
} from './constants.js';
import { encodeText, readU16, readU32, readU64, writeU16, writeU32, writeU64 } from './integers.js';

/** A server's answer to an option. */
export interface NbdOptionReply {
  readonly option: number;
  readonly code: number;
  readonly data: Uint8Array;
}

export function encodeOptionReply(
  option: number,
  code: number,
  data: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const bytes = new Uint8Array(OPTION_REPLY_HEADER_BYTES + data.byteLength);
  writeU32(bytes, 0, OPTION_REPLY_MAGIC_HIGH);
  writeU32(bytes, 4, OPTION_REPLY_MAGIC_LOW);
  writeU32(bytes, 8, option);
  writeU32(bytes, 12, code);
  writeU32(bytes, 16, data.byteLength);
  bytes.set(data, OPTION_REPLY_HEADER_BYTES);
  return bytes;
}

/** The answer to EXPORT_NAME, which has no header. */
export function encodeExportNameReply(
  sizeBytes: number,
  transmissionFlags: number,
  withZeroes: boolean,
): Uint8Array {
  const bytes = new Uint8Array(withZeroes ? 134 : 10);
  writeU64(bytes, 0, sizeBytes);
  writeU16(bytes, 8, transmissionFlags);
  return bytes;
}

export function encodeInfoExport(sizeBytes: number, transmissionFlags: number): Uint8Array {
  const bytes = new Uint8Array(12);
  writeU16(bytes, 0, InfoType.export);
  writeU64(bytes, 2, sizeBytes);
  writeU16(bytes, 10, transmissionFlags);
  return bytes;
}

export function encodeInfoText(type: number, text: string): Uint8Array {
  const encoded = encodeText(text);
  const bytes = new Uint8Array(2 + encoded.byteLength);
  writeU16(bytes, 0, type);
  bytes.set(encoded, 2);
  return bytes;
}

export function encodeInfoBlockSize(minimum: number, preferred: number, maximum: number): Uint8Array {
  const bytes = new Uint8Array(14);
  writeU16(bytes, 0, InfoType.blockSize);
  writeU32(bytes, 2, minimum);
  writeU32(bytes, 6, preferred);
  writeU32(bytes, 10, maximum);
  return bytes;
}

export function encodeListEntry(name: string, description: string): Uint8Array {
  const encodedName = encodeText(name);
  const encodedDescription = encodeText(description);
  const bytes = new Uint8Array(4 + encodedName.byteLength + encodedDescription.byteLength);
  writeU32(bytes, 0, encodedName.byteLength);
  bytes.set(encodedName, 4);
  bytes.set(encodedDescription, 4 + encodedName.byteLength);
  return bytes;
}

export function encodeMetaContext(id: number, name: string): Uint8Array {
  const encoded = encodeText(name);
  const bytes = new Uint8Array(4 + encoded.byteLength);
  writeU32(bytes, 0, id);
  bytes.set(encoded, 4);
  return bytes;
}

/** A reply longer than any honest one: name and description of 4096 bytes each, with room. */
const MAX_REPLY_BYTES = 4 * MAX_STRING_BYTES;

/** Reads what a server sends while a client negotiates. */
export class OptionReplyDecoder {
  #header: { option: number; code: number; lengthBytes: number } | undefined;

  /** The handshake flags; undefined when not complete. Throws `PROTOCOL` when this is no fixed newstyle server. */
  greeting(queue: ByteQueue): number | undefined {
    const bytes = queue.peek(18);
    if (bytes === undefined) return undefined;
    if (readU32(bytes, 0) !== GREETING_MAGIC_HIGH || readU32(bytes, 4) !== GREETING_MAGIC_LOW) {
      throw new NbdError('PROTOCOL', 'the other side is not an NBD server');
    }
    if (readU32(bytes, 8) !== OPTION_MAGIC_HIGH || readU32(bytes, 12) !== OPTION_MAGIC_LOW) {
      throw new NbdError('UNSUPPORTED', 'the server speaks the old handshake, which cannot name an export');
    }
    const flags = readU16(bytes, 16);
    queue.skip(18);
    return flags;
  }

  next(queue: ByteQueue): NbdOptionReply | undefined {
    if (this.#header === undefined) {
      const bytes = queue.peek(OPTION_REPLY_HEADER_BYTES);
      if (bytes === undefined) return undefined;
      if (readU32(bytes, 0) !== OPTION_REPLY_MAGIC_HIGH || readU32(bytes, 4) !== OPTION_REPLY_MAGIC_LOW) {
        throw new NbdError('PROTOCOL', 'expected an option reply, got something else');
      }
      const lengthBytes = readU32(bytes, 16);
      if (lengthBytes > MAX_REPLY_BYTES) {
        throw new NbdError(
          'PROTOCOL',
          `option reply of ${lengthBytes} bytes, at most ${MAX_REPLY_BYTES} expected`,
        );
      }
      this.#header = { option: readU32(bytes, 8), code: readU32(bytes, 12), lengthBytes };
      queue.skip(OPTION_REPLY_HEADER_BYTES);
    }
    if (queue.length < this.#header.lengthBytes) return undefined;
    const { option, code, lengthBytes } = this.#header;
    this.#header = undefined;
    return { option, code, data: queue.take(lengthBytes) };
  }

  /** The answer to EXPORT_NAME. */
  exportName(
    queue: ByteQueue,
    withZeroes: boolean,
  ): { sizeBytes: number; transmissionFlags: number } | undefined {
    if (queue.length < (withZeroes ? 134 : 10)) return undefined;
    const bytes = queue.peek(10);
    if (bytes === undefined) return undefined;
    const reply = { sizeBytes: readU64(bytes, 0), transmissionFlags: readU16(bytes, 8) };
    queue.skip(withZeroes ? 134 : 10);
    return reply;
  }
}
