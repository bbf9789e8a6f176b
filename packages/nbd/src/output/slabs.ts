/** Pays for large slabs. */
export interface SlabBudget {
  tryTake(lengthBytes: number): boolean;
  give(lengthBytes: number): void;
}

/** Reply headers and small payloads are written into slabs, so that a turn's replies leave as few pieces. */
export class Slab {
  readonly bytes: Uint8Array;
  readonly large: boolean;
  position = 0;
  /** Batches that still have bytes in here. */
  users = 0;

  constructor(bytes: Uint8Array, large: boolean) {
    this.bytes = bytes;
    this.large = large;
  }
}

const SMALL_BYTES = 8 * 1024;
const LARGE_BYTES = 256 * 1024;
const KEPT_SMALL = 64;
const KEPT_LARGE = 8;

/** Slabs of all connections of a server or of one client. Large ones are paid for. */
export class SlabPool {
  readonly #budget: SlabBudget;
  readonly #allocate: (lengthBytes: number) => Uint8Array;
  readonly #small: Slab[] = [];
  readonly #large: Slab[] = [];

  constructor(budget: SlabBudget, allocate: (lengthBytes: number) => Uint8Array) {
    this.#budget = budget;
    this.#allocate = allocate;
  }

  takeSmall(): Slab {
    return this.#small.pop() ?? new Slab(this.#allocate(SMALL_BYTES), false);
  }

  /** Undefined when the budget has no room. */
  tryTakeLarge(): Slab | undefined {
    if (!this.#budget.tryTake(LARGE_BYTES)) return undefined;
    return this.#large.pop() ?? new Slab(this.#allocate(LARGE_BYTES), true);
  }

  put(slab: Slab): void {
    slab.position = 0;
    if (slab.large) {
      if (this.#large.length < KEPT_LARGE) this.#large.push(slab);
      this.#budget.give(LARGE_BYTES);
    } else if (this.#small.length < KEPT_SMALL) {
      this.#small.push(slab);
    }
  }
}

const KEPT_BUFFERS_PER_SIZE = 16;
const SMALLEST_BUFFER_BITS = 12;
const LARGEST_BUFFER_BITS = 20;

/** Buffers in which the payload of large writes is put together; kept by size for the next write. */
export class BufferPool {
  readonly #allocate: (lengthBytes: number) => Uint8Array;
  readonly #free: Uint8Array[][] = [];

  constructor(allocate: (lengthBytes: number) => Uint8Array) {
    this.#allocate = allocate;
    for (let bits = SMALLEST_BUFFER_BITS; bits <= LARGEST_BUFFER_BITS; bits += 1) this.#free.push([]);
  }

  /** At least `lengthBytes` long. */
  take(lengthBytes: number): Uint8Array {
    const sizeClass = sizeClassOf(lengthBytes);
    const list = this.#free[sizeClass];
    if (list === undefined) return this.#allocate(lengthBytes);
    return list.pop() ?? this.#allocate(2 ** (sizeClass + SMALLEST_BUFFER_BITS));
  }

  put(buffer: Uint8Array): void {
    const list = this.#free[sizeClassOf(buffer.byteLength)];
    if (list === undefined || list.length >= KEPT_BUFFERS_PER_SIZE) return;
    if (2 ** (sizeClassOf(buffer.byteLength) + SMALLEST_BUFFER_BITS) === buffer.byteLength) list.push(buffer);
  }
}

/** What `take` really hands out, which is what has to be paid for. */
export function pooledBytes(lengthBytes: number): number {
  const sizeClass = sizeClassOf(lengthBytes);
  return sizeClass > LARGEST_BUFFER_BITS - SMALLEST_BUFFER_BITS
    ? lengthBytes
    : 2 ** (sizeClass + SMALLEST_BUFFER_BITS);
}

function sizeClassOf(lengthBytes: number): number {
  return Math.max(0, 32 - Math.clz32(lengthBytes - 1) - SMALLEST_BUFFER_BITS);
}
