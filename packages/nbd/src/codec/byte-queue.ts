/** A queue of more pieces than this is put together, so that bytes arriving one by one cost no more than bytes. */
const MAX_PIECES = 32;
const MAX_COMPACTED_BYTES = 64 * 1024;

/**
 * Received chunks, in order, read without copying where what is wanted lies in one of them.
 * Small fixed-size pieces that straddle chunks are put together in a scratch buffer.
 */
export class ByteQueue {
  #head: Uint8Array | undefined;
  #position = 0;
  #length = 0;
  readonly #rest: Uint8Array[] = [];
  #restStart = 0;
  readonly #scratch = new Uint8Array(32);
  readonly #spent: ((chunk: Uint8Array) => void) | undefined;
  /** Somebody has a view of the first chunk. */
  #viewed = false;

  /** @param spent - hears of chunks that were read whole and that nobody has a view of. */
  constructor(spent?: (chunk: Uint8Array) => void) {
    this.#spent = spent;
  }

  /** Bytes not yet taken. */
  get length(): number {
    return this.#length;
  }

  /** The chunk that `takeView` would take from. */
  get head(): Uint8Array | undefined {
    return this.#head;
  }

  /** Bytes left in the first chunk. */
  get contiguous(): number {
    return this.#head === undefined ? 0 : this.#head.byteLength - this.#position;
  }

  push(chunk: Uint8Array): void {
    if (chunk.byteLength === 0) return;
    this.#length += chunk.byteLength;
    if (this.#head === undefined) {
      this.#head = chunk;
      this.#position = 0;
    } else {
      this.#rest.push(chunk);
      if (this.#rest.length - this.#restStart >= MAX_PIECES && this.#length <= MAX_COMPACTED_BYTES)
        this.#compact();
    }
  }

  /** The next bytes as one array, or undefined when they are not all here. At most 32 when they straddle chunks. */
  peek(lengthBytes: number): Uint8Array | undefined {
    if (this.#length < lengthBytes || this.#head === undefined) return undefined;
    if (this.contiguous >= lengthBytes)
      return this.#head.subarray(this.#position, this.#position + lengthBytes);
    this.#gather(this.#scratch, 0, lengthBytes);
    return this.#scratch;
  }

  /** Takes exactly `lengthBytes`, which must be in the first chunk. */
  takeView(lengthBytes: number): Uint8Array {
    if (this.#head === undefined || this.contiguous < lengthBytes) throw new RangeError('view across chunks');
    const view = this.#head.subarray(this.#position, this.#position + lengthBytes);
    this.#viewed = true;
    this.skip(lengthBytes);
    return view;
  }

  /** Takes exactly `lengthBytes`, as a view if it can be, else as a copy. They must be here. */
  take(lengthBytes: number): Uint8Array {
    if (lengthBytes === 0) return new Uint8Array(0);
    if (this.contiguous >= lengthBytes) return this.takeView(lengthBytes);
    const copy = new Uint8Array(lengthBytes);
    this.copyInto(copy, 0, lengthBytes);
    return copy;
  }

  /** Moves up to `lengthBytes` into `target`; returns how many there were. */
  copyInto(target: Uint8Array, targetPosition: number, lengthBytes: number): number {
    const count = Math.min(lengthBytes, this.#length);
    this.#gather(target, targetPosition, count);
    this.skip(count);
    return count;
  }

  /** Drops up to `lengthBytes`; returns how many there were. */
  skip(lengthBytes: number): number {
    const count = Math.min(lengthBytes, this.#length);
    this.#length -= count;
    let left = count;
    while (left > 0 && this.#head !== undefined) {
      const here = this.#head.byteLength - this.#position;
      if (left < here) {
        this.#position += left;
        return count;
      }
      left -= here;
      this.#advance();
    }
    return count;
  }

  /** Copies what is left, so that the memory of the chunks may be used again. */
  own(): void {
    if (this.#length > 0) this.#compact();
    else this.clear();
  }

  clear(): void {
    this.#viewed = false;
    this.#head = undefined;
    this.#position = 0;
    this.#length = 0;
    this.#rest.length = 0;
    this.#restStart = 0;
  }

  /** Reads the first chunk in place: the bytes at `position` are what comes next. */
  get position(): number {
    return this.#position;
  }

  #compact(): void {
    const whole = new Uint8Array(this.#length);
    this.#gather(whole, 0, whole.byteLength);
    this.clear();
    this.push(whole);
  }

  #advance(): void {
    if (!this.#viewed && this.#head !== undefined) this.#spent?.(this.#head);
    this.#viewed = false;
    this.#position = 0;
    this.#head = this.#rest[this.#restStart];
    if (this.#head === undefined) return;
    this.#restStart += 1;
    if (this.#restStart === this.#rest.length) {
      this.#rest.length = 0;
      this.#restStart = 0;
    } else if (this.#restStart > 64) {
      this.#rest.splice(0, this.#restStart);
      this.#restStart = 0;
    }
  }

  #gather(target: Uint8Array, targetPosition: number, lengthBytes: number): void {
    let left = lengthBytes;
    let to = targetPosition;
    let chunk = this.#head;
    let from = this.#position;
    let next = this.#restStart;
    while (left > 0 && chunk !== undefined) {
      const count = Math.min(left, chunk.byteLength - from);
      target.set(chunk.subarray(from, from + count), to);
      to += count;
      left -= count;
      chunk = this.#rest[next];
      next += 1;
      from = 0;
    }
  }
}
