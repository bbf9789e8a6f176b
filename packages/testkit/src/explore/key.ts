import type { KeyReader, KeyWriter } from './system.js';

/** One key at a time, in memory that is used again for the next. */
export class KeyBuffer implements KeyWriter, KeyReader {
  // Written out: what a newer compiler infers from the initializer is a type that older ones do not know.
  words: Int32Array = new Int32Array(64);
  length = 0;
  private position = 0;

  get left(): number {
    return this.length - this.position;
  }

  clear(): void {
    this.length = 0;
    this.position = 0;
  }

  word(value?: number): number {
    if (value === undefined) return this.next();
    if ((value | 0) !== value && value >>> 0 !== value)
      throw new TypeError(`A word of a key is a whole number of 32 bits, not ${String(value)}.`);
    if (this.length === this.words.length) this.grow();
    this.words[this.length] = value;
    this.length += 1;
    return value;
  }

  /** Takes over a key of `length` words that stands at `from` in `source`. */
  load(source: Int32Array, from: number, length: number): void {
    while (this.words.length < length) this.grow();
    for (let index = 0; index < length; index += 1) this.words[index] = source[from + index] ?? 0;
    this.length = length;
    this.position = 0;
  }

  private next(): number {
    if (this.position >= this.length) throw new TypeError('A state was read beyond the end of its key.');
    const value = this.words[this.position] ?? 0;
    this.position += 1;
    return value;
  }

  private grow(): void {
    const words = new Int32Array(this.words.length * 2);
    words.set(this.words);
    this.words = words;
  }
}
