import type { BlockDevice } from '@holdfast/core';
import { blockBytes, mapBitsPerPage, type MetadataLayout } from './layout.js';
import { inspectPage, pageBytes, pageHeaderBytes, sealPage } from './page.js';

const kind = 0x4d44_4648; // "HFDM"
const bitsPerWord = 32;

/**
 * One bit for each block of 4 KiB that the other leg may not have. In memory it is exact; on the device it is what `save` last
 * wrote, and the activity log covers the difference. A damaged page counts as all dirty: a bit too many costs a copy.
 */
export class DirtyMap {
  private readonly words: Uint32Array;
  private readonly changedPages = new Set<number>();
  private dirtyBlocks = 0;

  private constructor(
    private readonly device: BlockDevice | undefined,
    private readonly layout: MetadataLayout | undefined,
    readonly blocks: number,
  ) {
    this.words = new Uint32Array(Math.ceil(blocks / bitsPerWord));
  }

  /** A map in memory alone. */
  static inMemory(volumeSizeBytes: number): DirtyMap {
    return new DirtyMap(undefined, undefined, Math.ceil(volumeSizeBytes / blockBytes));
  }

  static async open(device: BlockDevice, layout: MetadataLayout, volumeSizeBytes: number): Promise<DirtyMap> {
    const map = new DirtyMap(device, layout, Math.ceil(volumeSizeBytes / blockBytes));
    const pagesAtOnce = 256;
    for (let index = 0; index < layout.mapPages; index += pagesAtOnce) {
      const count = Math.min(pagesAtOnce, layout.mapPages - index);
      const read = await device.read(layout.mapFromBytes + index * pageBytes, count * pageBytes);
      for (let at = 0; at < count; at += 1)
        map.takeIn(index + at, read.bytes.subarray(at * pageBytes, (at + 1) * pageBytes));
      read.release();
    }
    return map;
  }

  get dirtyBytes(): number {
    return this.dirtyBlocks * blockBytes;
  }

  get isClean(): boolean {
    return this.dirtyBlocks === 0;
  }

  isDirty(block: number): boolean {
    return ((this.words[block >>> 5] ?? 0) >>> (block & 31)) % 2 === 1;
  }

  /** Marks every block that the range touches. */
  mark(offsetBytes: number, lengthBytes: number): void {
    const last = Math.floor((offsetBytes + lengthBytes - 1) / blockBytes);
    for (let block = Math.floor(offsetBytes / blockBytes); block <= last; block += 1) {
      if (this.isDirty(block)) continue;
      const word = block >>> 5;
      this.words[word] = (this.words[word] ?? 0) | (1 << (block & 31));
      this.dirtyBlocks += 1;
      this.changedPages.add(Math.floor(block / mapBitsPerPage));
    }
  }

  markAll(): void {
    this.mark(0, this.blocks * blockBytes);
  }

  /** Unmarks the blocks that lie wholly inside the range. */
  clear(offsetBytes: number, lengthBytes: number, volumeSizeBytes: number): void {
    const end = offsetBytes + lengthBytes;
    // The last block of a volume of odd size is covered when the range reaches the volume's end.
    const afterLast = end < volumeSizeBytes ? Math.floor(end / blockBytes) : Math.ceil(end / blockBytes);
    for (let block = Math.ceil(offsetBytes / blockBytes); block < afterLast; block += 1) {
      if (!this.isDirty(block)) continue;
      const word = block >>> 5;
      this.words[word] = (this.words[word] ?? 0) & ~(1 << (block & 31));
      this.dirtyBlocks -= 1;
      this.changedPages.add(Math.floor(block / mapBitsPerPage));
    }
  }

  /** The first dirty block from `fromBlock` on; undefined when there is none. */
  nextDirty(fromBlock: number): number | undefined {
    let word = fromBlock >>> 5;
    let bits = (this.words[word] ?? 0) & (-1 << (fromBlock & 31));
    while (bits === 0) {
      word += 1;
      if (word >= this.words.length) return undefined;
      bits = this.words[word] ?? 0;
    }
    return word * bitsPerWord + (31 - Math.clz32(bits & -bits));
  }

  /** Runs of dirty blocks inside the range, as bytes, cut at the range's ends. */
  runs(offsetBytes: number, lengthBytes: number): { offsetBytes: number; lengthBytes: number }[] {
    const found: { offsetBytes: number; lengthBytes: number }[] = [];
    const end = offsetBytes + lengthBytes;
    let block = this.nextDirty(Math.floor(offsetBytes / blockBytes));
    while (block !== undefined && block * blockBytes < end) {
      let after = block + 1;
      while (after * blockBytes < end && this.isDirty(after)) after += 1;
      const from = Math.max(block * blockBytes, offsetBytes);
      found.push({ offsetBytes: from, lengthBytes: Math.min(after * blockBytes, end) - from });
      block = this.nextDirty(after);
    }
    return found;
  }

  /** Makes the map durable as it is now, or newer. One after the other, so that no older page ends up over a newer one. */
  save(): Promise<void> {
    const saved = this.lastSave.then(() => this.saveChanged());
    this.lastSave = saved.catch(() => undefined);
    return saved;
  }

  private lastSave: Promise<unknown> = Promise.resolve();

  private async saveChanged(): Promise<void> {
    if (this.device === undefined || this.layout === undefined || this.changedPages.size === 0) return;
    const { device, layout } = this;
    const pages = [...this.changedPages];
    this.changedPages.clear();
    try {
      await Promise.all(
        pages.map((index) => device.write(layout.mapFromBytes + index * pageBytes, this.encode(index))),
      );
      await device.flush();
    } catch (error) {
      for (const index of pages) this.changedPages.add(index);
      throw error;
    }
  }

  private encode(index: number): Uint8Array {
    const page = new Uint8Array(pageBytes);
    const view = new DataView(page.buffer);
    const wordsPerPage = mapBitsPerPage / bitsPerWord;
    for (let at = 0; at < wordsPerPage; at += 1) {
      view.setUint32(pageHeaderBytes + at * 4, this.words[index * wordsPerPage + at] ?? 0, true);
    }
    sealPage(page, kind);
    return page;
  }

  private takeIn(index: number, page: Uint8Array): void {
    const state = inspectPage(page, kind);
    if (state === 'empty') return;
    const first = index * mapBitsPerPage;
    if (state === 'damaged') {
      this.mark(first * blockBytes, Math.min(mapBitsPerPage, this.blocks - first) * blockBytes);
      return;
    }
    const view = new DataView(page.buffer, page.byteOffset);
    const wordsPerPage = mapBitsPerPage / bitsPerWord;
    for (let at = 0; at < wordsPerPage && index * wordsPerPage + at < this.words.length; at += 1) {
      const word = view.getUint32(pageHeaderBytes + at * 4, true);
      this.words[index * wordsPerPage + at] = word;
      for (let bits = word; bits !== 0; bits &= bits - 1) this.dirtyBlocks += 1;
    }
  }
}
