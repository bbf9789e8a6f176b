import type { OperationRanges } from './operation-ranges.js';

interface UnconfirmedWrite {
  readonly from: number;
  readonly end: number;
  readonly operation: number;
  /** Of its initiator: an operation below the floor was answered to its client and never comes again. */
  readonly done: OperationRanges;
}

/** What is looked through before confirmed ones are thrown out. */
const fewestLookedThrough = 64;

/** Writes that stand on a leg and whose initiator may send them once more, because nobody knows whether its client has the answer. */
export class UnconfirmedWrites {
  private writes: UnconfirmedWrite[] = [];
  private cleanAt = fewestLookedThrough;

  add(from: number, end: number, operation: number, done: OperationRanges): void {
    this.writes.push({ from, end, operation, done });
    if (this.writes.length < this.cleanAt) return;
    this.throwOutConfirmed();
    this.cleanAt = Math.max(fewestLookedThrough, 2 * this.writes.length);
  }

  overlaps(from: number, end: number): boolean {
    return this.writes.some((write) => write.from < end && from < write.end && isUnconfirmed(write));
  }

  /** Those that overlap the range are in `into` as well from now on. */
  copyOverlapping(from: number, end: number, into: UnconfirmedWrites): void {
    for (const write of this.writes)
      if (write.from < end && from < write.end && isUnconfirmed(write))
        into.add(write.from, write.end, write.operation, write.done);
  }

  get isEmpty(): boolean {
    return !this.writes.some(isUnconfirmed);
  }

  /** Everything that was added until now. */
  takeAll(): UnconfirmedWrites {
    const taken = new UnconfirmedWrites();
    taken.writes = this.writes;
    this.clear();
    return taken;
  }

  /** Takes back what `takeAll` gave out. */
  putBack(taken: UnconfirmedWrites): void {
    this.writes.push(...taken.writes);
  }

  clear(): void {
    this.writes = [];
    this.cleanAt = fewestLookedThrough;
  }

  private throwOutConfirmed(): void {
    this.writes = this.writes.filter(isUnconfirmed);
  }
}

function isUnconfirmed({ operation, done }: UnconfirmedWrite): boolean {
  return operation >= done.floor;
}
