import { HoldfastError } from '@holdfast/core';

export interface ByteRange {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

const rangeBytes = 16;
/** Ranges of one frame, well below the largest payload. */
export const rangesPerFrame = 65_536;

/** Offset and length of each range, as two 64-bit numbers, little endian. */
export function encodeRanges(ranges: readonly ByteRange[]): Uint8Array {
  const bytes = new Uint8Array(ranges.length * rangeBytes);
  const view = new DataView(bytes.buffer);
  ranges.forEach(({ offsetBytes, lengthBytes }, index) => {
    view.setBigUint64(index * rangeBytes, BigInt(offsetBytes), true);
    view.setBigUint64(index * rangeBytes + 8, BigInt(lengthBytes), true);
  });
  return bytes;
}

/** @throws HoldfastError PROTOCOL for a range that does not lie in the volume. */
export function decodeRanges(bytes: Uint8Array, volumeSizeBytes: number): ByteRange[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const ranges: ByteRange[] = [];
  for (let at = 0; at + rangeBytes <= bytes.length; at += rangeBytes) {
    const offsetBytes = Number(view.getBigUint64(at, true));
    const lengthBytes = Number(view.getBigUint64(at + 8, true));
    if (lengthBytes === 0 || offsetBytes + lengthBytes > volumeSizeBytes) {
      throw new HoldfastError(
        'PROTOCOL',
        `A resync range of ${String(lengthBytes)} bytes at ${String(offsetBytes)} does not lie in the volume.`,
      );
    }
    ranges.push({ offsetBytes, lengthBytes });
  }
  return ranges;
}
