import { assert } from '@holdfast/core';

const bucketBytes = 1024 * 1024;

/** One range that is held or waited for. Handed back to `release`, once. */
export class RangeHold {
  /** Earlier holds that this one still waits for. */
  blockers = 0;
  /** Later holds that wait for this one. */
  blocked: RangeHold[] | undefined;
  granted: ((hold: RangeHold) => void) | undefined;
  /** Exclusive no more, and still closed to shared holds. */
  admitsWriters = false;

  constructor(
    readonly from: number,
    readonly to: number,
    readonly exclusive: boolean,
  ) {}

  /** Whether a later hold of this range has to wait for this one. */
  excludes(exclusive: boolean): boolean {
    return this.admitsWriters ? !exclusive : exclusive || this.exclusive;
  }
}

/**
 * Shared and exclusive ranges of one volume's bytes, in order of arrival: nobody overtakes an earlier overlapping hold, so
 * nobody starves. Costs are those of the holds in the same MiB.
 */
export class RangeLocks {
  private readonly buckets = new Map<number, RangeHold[]>();
  private held = 0;

  get size(): number {
    return this.held;
  }

  /** Calls `granted` when the range is free of earlier conflicting holds: in the same turn when it is so already. */
  acquire(
    offsetBytes: number,
    lengthBytes: number,
    exclusive: boolean,
    granted: (hold: RangeHold) => void,
  ): RangeHold {
    assert(lengthBytes > 0, 'a range holds at least one byte');
    const hold = new RangeHold(offsetBytes, offsetBytes + lengthBytes, exclusive);
    const first = Math.floor(hold.from / bucketBytes);
    const last = Math.floor((hold.to - 1) / bucketBytes);
    for (let index = first; index <= last; index += 1) {
      const bucket = this.buckets.get(index);
      if (bucket === undefined) {
        this.buckets.set(index, [hold]);
        continue;
      }
      for (const earlier of bucket) {
        if (earlier.from >= hold.to || hold.from >= earlier.to || !earlier.excludes(exclusive)) continue;
        // Two holds that share several buckets are counted in the first of them only.
        if (index !== Math.max(first, Math.floor(earlier.from / bucketBytes))) continue;
        hold.blockers += 1;
        (earlier.blocked ??= []).push(hold);
      }
      bucket.push(hold);
    }
    this.held += 1;
    if (hold.blockers === 0) granted(hold);
    else hold.granted = granted;
    return hold;
  }

  /** Opens a range that is held exclusively to later exclusive holds. Shared ones go on waiting for `release`. */
  admitWriters(hold: RangeHold): void {
    hold.admitsWriters = true;
    const waiting = hold.blocked ?? [];
    hold.blocked = waiting.filter((next) => !next.exclusive);
    unblock(waiting.filter((next) => next.exclusive));
  }

  /** Gives the range back, also before it was granted: then it is never granted. */
  release(hold: RangeHold): void {
    hold.granted = undefined;
    const last = Math.floor((hold.to - 1) / bucketBytes);
    for (let index = Math.floor(hold.from / bucketBytes); index <= last; index += 1) {
      const bucket = this.buckets.get(index);
      const at = bucket?.indexOf(hold) ?? -1;
      assert(bucket !== undefined && at >= 0, 'a range is released once');
      if (bucket.length === 1) this.buckets.delete(index);
      else bucket.splice(at, 1);
    }
    this.held -= 1;
    const waiting = hold.blocked;
    if (waiting === undefined) return;
    hold.blocked = undefined;
    unblock(waiting);
  }
}

function unblock(waiting: readonly RangeHold[]): void {
  for (const next of waiting) {
    next.blockers -= 1;
    if (next.blockers > 0 || next.granted === undefined) continue;
    const granted = next.granted;
    next.granted = undefined;
    granted(next);
  }
}
