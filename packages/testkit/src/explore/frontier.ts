import type { KeyBuffer } from './key.js';

/** Words of one block. A key longer than that gets a block of its own. */
const BLOCK_WORDS = 1 << 16;

/** States that wait to be looked at, as keys in large blocks: first in, first out. A block is let go once it is read. */
export class Frontier {
  size = 0;
  private blocks: Int32Array[] = [];
  private first = 0;
  private readAt = 0;
  private writeAt = BLOCK_WORDS;

  push(key: KeyBuffer): void {
    const { length } = key;
    let block = this.blocks.at(-1);
    // A length of -1 says that the rest of the block is not used.
    if (block === undefined || this.writeAt + length + 1 > block.length) {
      if (block !== undefined && this.writeAt < block.length) block[this.writeAt] = -1;
      block = new Int32Array(Math.max(BLOCK_WORDS, length + 1));
      this.blocks.push(block);
      this.writeAt = 0;
    }
    block[this.writeAt] = length;
    block.set(key.words.subarray(0, length), this.writeAt + 1);
    this.writeAt += length + 1;
    this.size += 1;
  }

  shift(into: KeyBuffer): boolean {
    if (this.size === 0) return false;
    let block = this.blocks[this.first];
    if (block === undefined || this.readAt >= block.length || block[this.readAt] === -1) {
      this.blocks[this.first] = new Int32Array(0);
      this.first += 1;
      this.readAt = 0;
      if (this.first > 64) {
        this.blocks = this.blocks.slice(this.first);
        this.first = 0;
      }
      block = this.blocks[this.first];
    }
    if (block === undefined) return false;
    const length = block[this.readAt] ?? 0;
    into.load(block, this.readAt + 1, length);
    this.readAt += length + 1;
    this.size -= 1;
    return true;
  }
}
