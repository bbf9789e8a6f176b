import { read, write } from 'node:fs';
import { operation, shortRead } from './layout.js';

/** Node's thread pool has four threads by default, and the flushes of all legs and stores of a process use them too. */
const mostUnderWay = 2;

/**
 * A few requests at a time through Node's own thread pool, from and to any memory. To wake a thread of ours and be woken by it takes
 * several times as long as the pool's way; the rings pay when many small requests share one wake-up.
 */
export class SharedThreads {
  private underWay = 0;

  constructor(private readonly descriptor: number) {}

  get hasRoom(): boolean {
    return this.underWay < mostUnderWay;
  }

  /**
   * Reads into or writes from `memory`, all of it. Only while there is room, and not for zeros. The completion gets 0 or a
   * negative errno, in a later turn; until then the memory is in use.
   */
  submit(kind: number, offsetBytes: number, memory: Uint8Array, completion: (result: number) => void): void {
    this.underWay += 1;
    const lengthBytes = memory.length;
    let moved = 0;
    const go = (): void => {
      const left = lengthBytes - moved;
      if (kind === operation.read) read(this.descriptor, memory, moved, left, offsetBytes + moved, ended);
      else write(this.descriptor, memory, moved, left, offsetBytes + moved, ended);
    };
    const ended = (error: NodeJS.ErrnoException | null, count: number): void => {
      moved += error === null ? count : 0;
      if (error === null && count > 0 && moved < lengthBytes) {
        go();
        return;
      }
      this.underWay -= 1;
      completion(error === null ? (moved < lengthBytes ? shortRead : 0) : (error.errno ?? shortRead));
    };
    go();
  }
}
