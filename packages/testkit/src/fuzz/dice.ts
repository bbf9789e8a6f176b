import { Prng } from '@holdfast/core';

/** Numbers at which parsers go wrong: the ends of fields, of signs, of what fits a double, and their neighbours. */
const edges32: readonly number[] = [
  0, 1, 2, 3, 7, 15, 16, 27, 28, 63, 64, 255, 256, 511, 512, 513, 4_095, 4_096, 4_097, 32_768, 65_535, 65_536,
  65_537, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff,
];

/** What one seed decides, in the words of a generator. The same seed gives the same throws on every machine. */
export class Dice {
  readonly #prng: Prng;

  constructor(seed: number) {
    this.#prng = new Prng(seed);
  }

  /** A whole number from 0 (included) to `bound` (excluded). */
  below(bound: number): number {
    return this.#prng.below(bound);
  }

  /** True once in so many throws. */
  oneIn(times: number): boolean {
    return this.#prng.below(times) === 0;
  }

  pick<Thing>(things: readonly [Thing, ...Thing[]]): Thing {
    return things[this.#prng.below(things.length)] ?? things[0];
  }

  bytes(lengthBytes: number): Uint8Array {
    return this.#prng.bytes(new Uint8Array(lengthBytes));
  }

  /** A 32-bit number at or beside an edge. */
  edge32(): number {
    return edges32[this.#prng.below(edges32.length)] ?? 0;
  }
}
