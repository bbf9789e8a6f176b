import { HoldfastError } from '@holdfast/core';

/** Everything that a leg remembers is written in pages of this size: one sector of every disk in use, or a few. */
export const pageBytes = 4096;

const table = makeTable();

function makeTable(): Uint32Array {
  const made = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte += 1) {
    let value = byte;
    for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
    made[byte] = value >>> 0;
  }
  return made;
}

/** CRC-32C (Castagnoli) of a range of bytes. */
export function crc32c(bytes: Uint8Array, from = 0, to = bytes.length): number {
  let crc = 0xffffffff;
  for (let at = from; at < to; at += 1) {
    crc = (crc >>> 8) ^ (table[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** Bytes of a page that its checksum and kind take. */
export const pageHeaderBytes = 8;

/** Finishes a page: its kind, and the checksum of all that follows. */
export function sealPage(page: Uint8Array, kind: number): void {
  const view = new DataView(page.buffer, page.byteOffset, page.length);
  view.setUint32(0, kind, true);
  view.setUint32(4, crc32c(page, pageHeaderBytes), true);
}

/** `empty`: all zeros, never written. `damaged`: torn, or another kind. */
export function inspectPage(page: Uint8Array, kind: number): 'good' | 'empty' | 'damaged' {
  const view = new DataView(page.buffer, page.byteOffset, page.length);
  if (view.getUint32(0, true) === kind && view.getUint32(4, true) === crc32c(page, pageHeaderBytes))
    return 'good';
  return page.every((byte) => byte === 0) ? 'empty' : 'damaged';
}

export function requireWholeNumber(value: number, what: string): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new HoldfastError(
      'OPTIONS_INVALID',
      `${what} is ${String(value)}; it has to be a whole number from 0 on.`,
    );
  }
}
