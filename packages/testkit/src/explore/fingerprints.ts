/** Slots of the first table; it doubles whenever two thirds are taken. */
const FIRST_SLOTS = 1 << 16;

/**
 * A set of keys of which only 64 bits each are kept (8 bytes a key, 12 at the mean load). Two keys with the same 64 bits count as one:
 * `collisionProbability` says how likely it is that this has happened anywhere.
 */
export class FingerprintSet {
  size = 0;
  private slots = FIRST_SLOTS;
  private table = new Uint32Array(FIRST_SLOTS * 2);
  private readonly seed: number;
  private high = 0;
  private low = 0;

  /** `seed`: another one makes other fingerprints of the same keys. What is found under two seeds was hidden by no collision. */
  constructor(seed = 0) {
    this.seed = seed;
  }

  /** True when the key is new. */
  add(words: Int32Array, length: number): boolean {
    this.fingerprint(words, length);
    if (!this.insert(this.table, this.slots, this.high, this.low)) return false;
    this.size += 1;
    if (this.size * 3 > this.slots * 2) this.grow();
    return true;
  }

  has(words: Int32Array, length: number): boolean {
    this.fingerprint(words, length);
    const { table, slots, high, low } = this;
    for (let slot = low & (slots - 1); ; slot = (slot + 1) & (slots - 1)) {
      const one = table[slot * 2];
      const other = table[slot * 2 + 1];
      if (one === 0 && other === 0) return false;
      if (one === high && other === low) return true;
    }
  }

  get sizeBytes(): number {
    return this.table.byteLength;
  }

  private insert(table: Uint32Array, slots: number, high: number, low: number): boolean {
    for (let slot = low & (slots - 1); ; slot = (slot + 1) & (slots - 1)) {
      const one = table[slot * 2];
      const other = table[slot * 2 + 1];
      if (one === 0 && other === 0) {
        table[slot * 2] = high;
        table[slot * 2 + 1] = low;
        return true;
      }
      if (one === high && other === low) return false;
    }
  }

  private grow(): void {
    const slots = this.slots * 2;
    const table = new Uint32Array(slots * 2);
    for (let slot = 0; slot < this.slots; slot += 1) {
      const high = this.table[slot * 2] ?? 0;
      const low = this.table[slot * 2 + 1] ?? 0;
      if (high !== 0 || low !== 0) this.insert(table, slots, high, low);
    }
    this.table = table;
    this.slots = slots;
  }

  /** Two multiply-and-rotate hashes with different constants, each spread by a final mix. All zeros means an empty slot. */
  private fingerprint(words: Int32Array, length: number): void {
    let one = this.seed ^ 0x9747b28c;
    let two = Math.imul(this.seed, 0x5bd1e995) ^ 0x3c6ef372;
    for (let index = 0; index < length; index += 1) {
      const word = words[index] ?? 0;
      let mixed = Math.imul(word, 0xcc9e2d51);
      mixed = (mixed << 15) | (mixed >>> 17);
      one ^= Math.imul(mixed, 0x1b873593);
      one = (one << 13) | (one >>> 19);
      one = (Math.imul(one, 5) + 0xe6546b64) | 0;
      two = Math.imul(two ^ word, 0x01000193);
      two = (two << 11) | (two >>> 21);
      two = (Math.imul(two, 0x85ebca6b) ^ (word >>> 7)) + 0x27d4eb2f;
    }
    this.high = spread(one ^ length);
    this.low = spread(two ^ Math.imul(length, 0x9e3779b1));
    if (this.high === 0 && this.low === 0) this.low = 1;
  }
}

function spread(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** How likely it is that any two of `states` different states share their 64 bits: about states² / 2^65. */
export function collisionProbability(states: number): number {
  return Math.min(1, (states * states) / 2 ** 65);
}
