/**
 * A set of operation numbers that has everything below a floor, kept as ascending ranges. Operations finish nearly in order, so
 * that the common case touches the last range only.
 */
export class OperationRanges {
  /** First and last of each range, flat; no two ranges touch, and none reaches below the floor. */
  private readonly bounds: number[] = [];
  private below = 0;

  get floor(): number {
    return this.below;
  }

  /** Nothing at or above the floor. */
  get isEmpty(): boolean {
    return this.bounds.length === 0;
  }

  has(operation: number): boolean {
    if (operation < this.below) return true;
    const at = this.rangeFrom(operation);
    return at >= 0 && operation <= (this.bounds[at + 1] ?? -1);
  }

  add(operation: number): void {
    if (this.has(operation)) return;
    const { bounds } = this;
    const before = this.rangeFrom(operation);
    const joinsBefore = before >= 0 && bounds[before + 1] === operation - 1;
    const after = before < 0 ? 0 : before + 2;
    const joinsAfter = bounds[after] === operation + 1;
    if (joinsBefore && joinsAfter) bounds.splice(before + 1, 2);
    else if (joinsBefore) bounds[before + 1] = operation;
    else if (joinsAfter) bounds[after] = operation;
    else if (after === bounds.length) bounds.push(operation, operation);
    else bounds.splice(after, 0, operation, operation);
  }

  /** Everything below is in the set from now on. Never goes back. */
  raiseFloor(below: number): void {
    if (below <= this.below) return;
    this.below = below;
    const { bounds } = this;
    let gone = 0;
    while (gone < bounds.length && (bounds[gone + 1] ?? 0) < below) gone += 2;
    if (gone > 0) bounds.splice(0, gone);
    if (bounds.length > 0 && (bounds[0] ?? 0) < below) bounds[0] = below;
  }

  toFlat(): number[] {
    return [...this.bounds];
  }

  /** Takes over ranges from `toFlat`. False, and unchanged, when they are none. */
  fromFlat(flat: readonly unknown[]): boolean {
    const bounds: number[] = [];
    let last = -2;
    for (let at = 0; at < flat.length; at += 2) {
      const from = flat[at];
      const to = flat[at + 1];
      if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to)) return false;
      if (
        typeof from !== 'number' ||
        typeof to !== 'number' ||
        from > to ||
        from < this.below ||
        from <= last + 1
      )
        return false;
      bounds.push(from, to);
      last = to;
    }
    this.bounds.splice(0, this.bounds.length, ...bounds);
    return true;
  }

  /** Index of the last range that begins at or below `operation`, or -2. */
  private rangeFrom(operation: number): number {
    const { bounds } = this;
    let low = 0;
    let high = bounds.length / 2 - 1;
    if (high >= 0 && (bounds[high * 2] ?? 0) <= operation) return high * 2;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      if ((bounds[middle * 2] ?? 0) <= operation) low = middle + 1;
      else high = middle - 1;
    }
    return high * 2;
  }
}
