import { NbdError } from './errors.js';
import type { NbdBackend, NbdExport, NbdReadBuffer } from './server/types.js';

/** Options of `memoryExport`. */
export interface MemoryExportOptions {
  readonly name?: string;
  readonly sizeBytes: number;
  readonly description?: string;
  readonly readOnly?: boolean;
}

/** An export that lives in memory: for trials, tests and as an example of a backend. */
export function memoryExport(options: MemoryExportOptions): NbdExport & { readonly bytes: Uint8Array } {
  const bytes = new Uint8Array(options.sizeBytes);
  const backend = memoryBackend(bytes);
  return {
    name: options.name ?? '',
    sizeBytes: options.sizeBytes,
    ...(options.description === undefined ? {} : { description: options.description }),
    readOnly: options.readOnly === true,
    features: {
      flush: true,
      fua: true,
      trim: true,
      writeZeroes: true,
      fastZero: true,
      multiConn: true,
      cache: true,
      blockStatus: true,
    },
    bytes,
    open: () => backend,
  };
}

/** A backend on a byte array that the caller owns. */
export function memoryBackend(bytes: Uint8Array): NbdBackend {
  return {
    read: (offsetBytes, lengthBytes) =>
      new MemoryBuffer(bytes.subarray(offsetBytes, offsetBytes + lengthBytes)),
    write: (offsetBytes, data) => {
      bytes.set(data, offsetBytes);
    },
    flush: () => undefined,
    trim: (offsetBytes, lengthBytes) => {
      bytes.fill(0, offsetBytes, offsetBytes + lengthBytes);
    },
    writeZeroes: (offsetBytes, lengthBytes, { fastOnly }) => {
      if (fastOnly)
        throw new NbdError('ENOTSUP', 'zeroes in memory are written, which is not faster than writing them');
      bytes.fill(0, offsetBytes, offsetBytes + lengthBytes);
    },
    cache: () => undefined,
    blockStatus: (offsetBytes, lengthBytes, { onlyFirst }) =>
      zeroExtents(bytes, offsetBytes, lengthBytes, onlyFirst),
  };
}

class MemoryBuffer implements NbdReadBuffer {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  release(): void {
    return;
  }
}

const STATUS_BLOCK_BYTES = 64 * 1024;
const MAX_STATUS_BYTES = 256 * 1024 * 1024;

function zeroExtents(
  bytes: Uint8Array,
  offsetBytes: number,
  lengthBytes: number,
  onlyFirst: boolean,
): { lengthBytes: number; hole: boolean; zero: boolean }[] {
  const extents: { lengthBytes: number; hole: boolean; zero: boolean }[] = [];
  const end = offsetBytes + Math.min(lengthBytes, MAX_STATUS_BYTES);
  let position = offsetBytes;
  while (position < end) {
    const next = Math.min(end, position - (position % STATUS_BLOCK_BYTES) + STATUS_BLOCK_BYTES);
    const zero = isZero(bytes, position, next);
    const last = extents.at(-1);
    if (last?.zero === zero) last.lengthBytes += next - position;
    else if (onlyFirst && last !== undefined) break;
    else extents.push({ lengthBytes: next - position, hole: zero, zero });
    position = next;
  }
  return extents;
}

/** Looks at four bytes at a time where it can. */
function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  if ((bytes.byteOffset + start) % 4 !== 0 || (end - start) % 4 !== 0) {
    return bytes.subarray(start, end).every((byte) => byte === 0);
  }
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset + start, (end - start) / 4);
  for (const word of words) if (word !== 0) return false;
  return true;
}
