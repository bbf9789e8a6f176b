/* eslint-disable @typescript-eslint/no-non-null-assertion -- the hottest lines of the package: callers have checked that
   the bytes are there, and a default for the impossible would be a branch per byte */

/** Big-endian integers in byte arrays. Callers have checked that the bytes are there. */

export function readU16(bytes: Uint8Array, position: number): number {
  return (bytes[position]! << 8) | bytes[position + 1]!;
}

export function readU32(bytes: Uint8Array, position: number): number {
  return (
    ((bytes[position]! << 24) |
      (bytes[position + 1]! << 16) |
      (bytes[position + 2]! << 8) |
      bytes[position + 3]!) >>>
    0
  );
}

/** A 64-bit number; one above 2^53 - 1 reads as Infinity, which every range check refuses. */
export function readU64(bytes: Uint8Array, position: number): number {
  const high = readU32(bytes, position);
  if (high > 0x1f_ffff) return Infinity;
  return high * 0x1_0000_0000 + readU32(bytes, position + 4);
}

export function writeU16(bytes: Uint8Array, position: number, value: number): void {
  bytes[position] = value >>> 8;
  bytes[position + 1] = value;
}

export function writeU32(bytes: Uint8Array, position: number, value: number): void {
  bytes[position] = value >>> 24;
  bytes[position + 1] = value >>> 16;
  bytes[position + 2] = value >>> 8;
  bytes[position + 3] = value;
}

/** @param value - a safe integer. */
export function writeU64(bytes: Uint8Array, position: number, value: number): void {
  writeU32(bytes, position, Math.floor(value / 0x1_0000_0000));
  writeU32(bytes, position + 4, value >>> 0);
}

const encoder = new TextEncoder();

export function encodeText(text: string): Uint8Array {
  return encoder.encode(text);
}

/** UTF-8; undefined when the bytes are not valid text. */
export function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
