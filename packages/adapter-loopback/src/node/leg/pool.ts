const smallestBytes = 4096;
const orders = 9;

/** The biggest piece that the pool gives out. */
export const largestBlockBytes = smallestBytes << (orders - 1);

/**
 * Pieces of one block of memory, in powers of two from 4 KiB to 1 MiB, given and taken in constant time. Freed pieces stay
 * apart until a bigger one is wanted and missing; only then neighbours are joined. The last one freed is the next one used,
 * which keeps the caches warm and the resident memory at what is really in use.
 */
export class BlockPool {
  private readonly free: number[][] = Array.from({ length: orders }, () => []);
  private readonly orderOf: Uint8Array;

  /** Hands out offsets from `startBytes` on; what is left over after the last whole MiB is not used. */
  constructor(
    private readonly startBytes: number,
    lengthBytes: number,
  ) {
    const blocks = Math.floor(lengthBytes / largestBlockBytes);
    this.orderOf = new Uint8Array((blocks * largestBlockBytes) / smallestBytes);
    for (let block = blocks - 1; block >= 0; block -= 1) this.stack(orders - 1).push(block << (orders - 1));
  }

  /** The offset of a piece of at least this length, or -1: too long, or nothing left. */
  take(lengthBytes: number): number {
    if (lengthBytes > largestBlockBytes) return -1;
    const order = lengthBytes <= smallestBytes ? 0 : 32 - Math.clz32((lengthBytes - 1) >>> 12);
    let unit = this.split(order);
    if (unit < 0) {
      this.join();
      unit = this.split(order);
    }
    if (unit < 0) return -1;
    this.orderOf[unit] = order;
    return this.startBytes + unit * smallestBytes;
  }

  /** Gives a piece back, by the offset that `take` returned. */
  give(offsetBytes: number): void {
    const unit = (offsetBytes - this.startBytes) / smallestBytes;
    this.stack(this.orderOf[unit] ?? 0).push(unit);
  }

  private stack(order: number): number[] {
    const stack = this.free[order];
    if (stack === undefined) throw new RangeError(`order ${order}`);
    return stack;
  }

  private split(order: number): number {
    for (let from = order; from < orders; from += 1) {
      const unit = this.stack(from).pop();
      if (unit === undefined) continue;
      for (let half = from - 1; half >= order; half -= 1) this.stack(half).push(unit + (1 << half));
      return unit;
    }
    return -1;
  }

  private join(): void {
    for (let order = 0; order < orders - 1; order += 1) {
      const units = new Set(this.stack(order));
      const left: number[] = [];
      for (const unit of units) {
        const buddy = unit ^ (1 << order);
        if (!units.has(buddy)) left.push(unit);
        else if (unit < buddy) this.stack(order + 1).push(unit);
      }
      this.free[order] = left;
    }
  }
}
