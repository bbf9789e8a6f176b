import type { Millis } from '@holdfast/core';

export interface HeapTimer {
  /** On the view's own monotonic clock. */
  readonly localDueAt: Millis;
  /** Of two timers with one time, the older fires first. */
  readonly number: number;
  callback: (() => void) | undefined;
}

/** A binary heap of timers, earliest first. Cancelled ones stay until they come to the top. */
export class TimerHeap {
  private readonly timers: HeapTimer[] = [];

  push(timer: HeapTimer): void {
    const { timers } = this;
    let index = timers.length;
    timers.push(timer);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = timers[parent];
      if (above === undefined || !before(timer, above)) break;
      timers[index] = above;
      index = parent;
    }
    timers[index] = timer;
  }

  peek(): HeapTimer | undefined {
    let top = this.timers[0];
    while (top !== undefined && top.callback === undefined) {
      this.removeTop();
      top = this.timers[0];
    }
    return top;
  }

  pop(): HeapTimer | undefined {
    const top = this.peek();
    if (top !== undefined) this.removeTop();
    return top;
  }

  private removeTop(): void {
    const { timers } = this;
    const moved = timers.pop();
    if (moved === undefined || timers.length === 0) return;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const right = left + 1;
      let child = left;
      let below = timers[left];
      const other = timers[right];
      if (below === undefined) break;
      if (other !== undefined && before(other, below)) {
        child = right;
        below = other;
      }
      if (!before(below, moved)) break;
      timers[index] = below;
      index = child;
    }
    timers[index] = moved;
  }
}

function before(a: HeapTimer, b: HeapTimer): boolean {
  return a.localDueAt < b.localDueAt || (a.localDueAt === b.localDueAt && a.number < b.number);
}
