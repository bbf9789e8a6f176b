import { Buffer } from 'node:buffer';

/** Unit of what is remembered and compared. Every request of the workload is aligned to it. */
export const blockBytes = 4096;
const lineBytes = 64;
const sectorBytes = 512;
const stampMagic = 0x5354_4d50;

/** What a block says of itself. */
export interface Stamp {
  readonly seed: number;
  readonly block: number;
  readonly version: number;
}

/**
 * Fills `into` with the one content that this version of this block can have: a line of 64 bytes that names seed, block and
 * version, over and over, and in every sector its place. So a block that is torn between two versions, shifted, or of another
 * place differs from every content that was ever written.
 */
export function fillBlock(into: Uint8Array, stamp: Stamp): void {
  const buffer = asBuffer(into);
  const line = Buffer.allocUnsafe(lineBytes);
  line.writeUInt32LE(stampMagic, 0);
  line.writeUInt32LE(stamp.seed >>> 0, 4);
  line.writeUInt32LE(stamp.block, 8);
  line.writeUInt32LE(stamp.version, 12);
  // The rest of the line is noise that follows from the stamp, so that no two blocks share it.
  let noise =
    (stamp.seed ^ Math.imul(stamp.block + 1, 0x9e37_79b1) ^ Math.imul(stamp.version, 0x85eb_ca6b)) >>> 0;
  for (let at = 16; at < lineBytes; at += 4) {
    noise = (Math.imul(noise ^ (noise >>> 15), 0x2c1b_3c6d) + 0x6d2b_79f5) >>> 0;
    line.writeUInt32LE(noise, at);
  }
  buffer.fill(line);
  for (let at = 0; at < blockBytes; at += sectorBytes)
    buffer.writeUInt32LE(at / sectorBytes, at + lineBytes - 4);
}

/** What the first line of a block claims; undefined when it is none of ours. Version 0 is a block of zeros: never written. */
export function readStamp(block: Uint8Array): Stamp | undefined {
  const buffer = asBuffer(block);
  const magic = buffer.readUInt32LE(0);
  if (magic === 0) return { seed: 0, block: 0, version: 0 };
  if (magic !== stampMagic) return undefined;
  return { seed: buffer.readUInt32LE(4), block: buffer.readUInt32LE(8), version: buffer.readUInt32LE(12) };
}

/** Compares blocks with what their stamp says they must be. Holds one block of memory for that. */
export class BlockReader {
  private readonly expected = Buffer.alloc(blockBytes);
  private readonly zeros = Buffer.alloc(blockBytes);

  constructor(private readonly seed: number) {}

  /** The version that this block holds whole, or a sentence that says what is wrong with it. */
  versionOf(bytes: Uint8Array, block: number): number | string {
    const stamp = readStamp(bytes);
    if (stamp === undefined) return 'it holds bytes that nobody wrote';
    if (stamp.version === 0) {
      return this.zeros.equals(bytes) ? 0 : 'it begins with zeros and goes on with something else: torn';
    }
    if (stamp.seed !== this.seed >>> 0) return `it holds data of another run (seed ${stamp.seed})`;
    if (stamp.block !== block) return `it holds what was written to block ${stamp.block}`;
    fillBlock(this.expected, stamp);
    if (!this.expected.equals(bytes))
      return `it begins with version ${stamp.version} and goes on with something else: torn`;
    return stamp.version;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
