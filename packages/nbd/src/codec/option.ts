import { NbdError } from '../errors.js';
import type { ByteQueue } from './byte-queue.js';
import {
  GREETING_MAGIC_HIGH,
  GREETING_MAGIC_LOW,
  MAX_STRING_BYTES,
  OPTION_HEADER_BYTES,
  OPTION_MAGIC_HIGH,
  OPTION_MAGIC_LOW,
} from './constants.js';
import { decodeText, encodeText, readU16, readU32, writeU16, writeU32 } from './integers.js';

/** An option a client sent, with its data. */
export interface NbdOption {
  readonly code: number;
  readonly data: Uint8Array;
}

/** The first bytes a server sends. */
export function encodeGreeting(handshakeFlags: number): Uint8Array {
  const bytes = new Uint8Array(18);
  writeU32(bytes, 0, GREETING_MAGIC_HIGH);
  writeU32(bytes, 4, GREETING_MAGIC_LOW);
  writeU32(bytes, 8, OPTION_MAGIC_HIGH);
  writeU32(bytes, 12, OPTION_MAGIC_LOW);
  writeU16(bytes, 16, handshakeFlags);
  return bytes;
}

/** The first bytes a client sends. */
export function encodeClientFlags(flags: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeU32(bytes, 0, flags);
  return bytes;
}

export function encodeOption(code: number, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const bytes = new Uint8Array(OPTION_HEADER_BYTES + data.byteLength);
  writeU32(bytes, 0, OPTION_MAGIC_HIGH);
  writeU32(bytes, 4, OPTION_MAGIC_LOW);
  writeU32(bytes, 8, code);
  writeU32(bytes, 12, data.byteLength);
  bytes.set(data, OPTION_HEADER_BYTES);
  return bytes;
}

/** Reads what a client sends while it negotiates: its flags, then options. */
export class OptionDecoder {
  readonly #maxOptionBytes: number;
  #code = 0;
  #wanted: number | undefined;

  /** @param maxOptionBytes - longer options are refused before a byte of them is kept. */
  constructor(maxOptionBytes: number) {
    this.#maxOptionBytes = maxOptionBytes;
  }

  flags(queue: ByteQueue): number | undefined {
    const bytes = queue.peek(4);
    if (bytes === undefined) return undefined;
    const flags = readU32(bytes, 0);
    queue.skip(4);
    return flags;
  }

  /** Undefined when the option is not complete yet. Throws `PROTOCOL` or, for one that is too long, `LIMIT`. */
  next(queue: ByteQueue): NbdOption | undefined {
    if (this.#wanted === undefined) {
      const header = queue.peek(OPTION_HEADER_BYTES);
      if (header === undefined) return undefined;
      if (readU32(header, 0) !== OPTION_MAGIC_HIGH || readU32(header, 4) !== OPTION_MAGIC_LOW) {
        throw new NbdError('PROTOCOL', 'expected an option, got something else');
      }
      this.#code = readU32(header, 8);
      const lengthBytes = readU32(header, 12);
      if (lengthBytes > this.#maxOptionBytes) {
        throw new NbdError(
          'LIMIT',
          `option ${this.#code} of ${lengthBytes} bytes, at most ${this.#maxOptionBytes} allowed`,
        );
      }
      this.#wanted = lengthBytes;
      queue.skip(OPTION_HEADER_BYTES);
    }
    if (queue.length < this.#wanted) return undefined;
    const data = queue.take(this.#wanted);
    this.#wanted = undefined;
    return { code: this.#code, data };
  }
}

/** What INFO and GO ask for. */
export interface NbdGoRequest {
  readonly name: string;
  readonly infoTypes: readonly number[];
}

/** Undefined when the data does not add up. */
export function decodeGoRequest(data: Uint8Array): NbdGoRequest | undefined {
  if (data.byteLength < 6) return undefined;
  const nameBytes = readU32(data, 0);
  if (nameBytes > MAX_STRING_BYTES || data.byteLength < 6 + nameBytes) return undefined;
  const name = decodeText(data.subarray(4, 4 + nameBytes));
  const count = readU16(data, 4 + nameBytes);
  if (name === undefined || data.byteLength !== 6 + nameBytes + 2 * count) return undefined;
  const infoTypes: number[] = [];
  for (let index = 0; index < count; index += 1) infoTypes.push(readU16(data, 6 + nameBytes + 2 * index));
  return { name, infoTypes };
}

export function encodeGoRequest(request: NbdGoRequest): Uint8Array {
  const name = encodeText(request.name);
  const bytes = new Uint8Array(6 + name.byteLength + 2 * request.infoTypes.length);
  writeU32(bytes, 0, name.byteLength);
  bytes.set(name, 4);
  writeU16(bytes, 4 + name.byteLength, request.infoTypes.length);
  request.infoTypes.forEach((type, index) => {
    writeU16(bytes, 6 + name.byteLength + 2 * index, type);
  });
  return bytes;
}

/** What LIST_META_CONTEXT and SET_META_CONTEXT ask for. */
export interface NbdMetaContextRequest {
  readonly name: string;
  readonly queries: readonly string[];
}

/** Undefined when the data does not add up. */
export function decodeMetaContextRequest(data: Uint8Array): NbdMetaContextRequest | undefined {
  if (data.byteLength < 8) return undefined;
  const nameBytes = readU32(data, 0);
  if (nameBytes > MAX_STRING_BYTES || data.byteLength < 8 + nameBytes) return undefined;
  const name = decodeText(data.subarray(4, 4 + nameBytes));
  if (name === undefined) return undefined;
  const count = readU32(data, 4 + nameBytes);
  let position = 8 + nameBytes;
  const queries: string[] = [];
  for (let index = 0; index < count; index += 1) {
    if (position + 4 > data.byteLength) return undefined;
    const queryBytes = readU32(data, position);
    position += 4;
    if (queryBytes > MAX_STRING_BYTES || position + queryBytes > data.byteLength) return undefined;
    const query = decodeText(data.subarray(position, position + queryBytes));
    if (query === undefined) return undefined;
    queries.push(query);
    position += queryBytes;
  }
  return position === data.byteLength ? { name, queries } : undefined;
}

export function encodeMetaContextRequest(request: NbdMetaContextRequest): Uint8Array {
  const name = encodeText(request.name);
  const queries = request.queries.map(encodeText);
  const total = queries.reduce((sum, query) => sum + 4 + query.byteLength, 8 + name.byteLength);
  const bytes = new Uint8Array(total);
  writeU32(bytes, 0, name.byteLength);
  bytes.set(name, 4);
  writeU32(bytes, 4 + name.byteLength, queries.length);
  let position = 8 + name.byteLength;
  for (const query of queries) {
    writeU32(bytes, position, query.byteLength);
    bytes.set(query, position + 4);
    position += 4 + query.byteLength;
  }
  return bytes;
}
