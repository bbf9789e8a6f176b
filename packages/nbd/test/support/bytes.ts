/** Bytes that differ from place to place, so that a mix-up of places is seen. */
export function pattern(lengthBytes: number, seed = 7): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  for (let index = 0; index < lengthBytes; index += 1)
    bytes[index] = (index * 31 + (index >>> 8) * 7 + seed) & 0xff;
  return bytes;
}

/** Quick for large arrays, where a deep comparison is not. */
export function same(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
