/**
 * A small seeded generator of pseudo-random numbers (xoshiro128**), for tests, jitter and simulations. Not for secrets.
 * One seed makes one sequence, on every machine.
 */
export class Prng {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  constructor(seed: number) {
    // splitmix32 spreads a small seed over the whole state; an all-zero state would stay zero for ever.
    let mix = seed >>> 0;
    const next = (): number => {
      mix = (mix + 0x9e3779b9) >>> 0;
      let z = mix;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return (z ^ (z >>> 15)) >>> 0;
    };
    this.a = next();
    this.b = next();
    this.c = next();
    this.d = next() | 1;
  }

  /** A whole number from 0 to 2^32 - 1. */
  uint32(): number {
    const scrambled = Math.imul(rotateLeft(Math.imul(this.b, 5), 7), 9) >>> 0;
    const shifted = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= shifted;
    this.d = rotateLeft(this.d, 11);
    return scrambled;
  }

  /** A number from 0 (included) to 1 (excluded). */
  unit(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** A whole number from 0 (included) to `bound` (excluded). */
  below(bound: number): number {
    return Math.floor(this.unit() * bound);
  }

  bytes(into: Uint8Array): Uint8Array {
    for (let index = 0; index < into.length; index += 1) into[index] = this.uint32() & 0xff;
    return into;
  }
}

function rotateLeft(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}
