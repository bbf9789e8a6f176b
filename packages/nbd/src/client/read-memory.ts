const SLAB_BYTES = 64 * 1024;
const SMALLEST_SHARED_BYTES = 4 * 1024;
const LARGEST_SHARED_BYTES = 16 * 1024;

/**
 * Memory for what reads return. Small reads share a slab, as that costs far less than memory of their own; the very
 * small do not, so that one of them never keeps more than sixteen times its size alive.
 */
export class ReadMemory {
  readonly #allocate: (lengthBytes: number) => Uint8Array;
  #slab: Uint8Array | undefined;
  #position = 0;

  constructor(allocate: (lengthBytes: number) => Uint8Array) {
    this.#allocate = allocate;
  }

  take(lengthBytes: number): Uint8Array {
    if (lengthBytes < SMALLEST_SHARED_BYTES || lengthBytes > LARGEST_SHARED_BYTES)
      return this.#allocate(lengthBytes);
    if (this.#slab === undefined || this.#position + lengthBytes > SLAB_BYTES) {
      this.#slab = this.#allocate(SLAB_BYTES);
      this.#position = 0;
    }
    const start = this.#position;
    this.#position += lengthBytes;
    return this.#slab.subarray(start, this.#position);
  }
}
