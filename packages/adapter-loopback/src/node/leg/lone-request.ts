import { read, write } from 'node:fs';
import { operation, shortRead } from './layout.js';

/**
 * One request at a time through Node's own thread pool. Waking a thread of ours and being woken by it takes several times as long
 * as the pool's way for a request that comes alone; for many at once it is the other way round.
 */
export class LoneRequest {
  private underWay = false;
  private readonly memory: Uint8Array;

  /** @param memory - the pool that requests lie in, from its first byte. */
  constructor(
    private readonly descriptor: number,
    memory: Uint8Array,
  ) {
    this.memory = memory;
  }

  get isFree(): boolean {
    return !this.underWay;
  }

  /** Only while `isFree`, and not for zeros. The completion gets 0 or a negative errno, in a later turn. */
  submit(
    kind: number,
    offsetBytes: number,
    lengthBytes: number,
    at: number,
    completion: (result: number) => void,
  ): void {
    this.underWay = true;
    let moved = 0;
    const go = (): void => {
      const [from, left, to] = [at + moved, lengthBytes - moved, offsetBytes + moved];
      if (kind === operation.read) read(this.descriptor, this.memory, from, left, to, ended);
      else write(this.descriptor, this.memory, from, left, to, ended);
    };
    const ended = (error: NodeJS.ErrnoException | null, count: number): void => {
      moved += error === null ? count : 0;
      if (error === null && count > 0 && moved < lengthBytes) {
        go();
        return;
      }
      this.underWay = false;
      completion(error === null ? (moved < lengthBytes ? shortRead : 0) : (error.errno ?? shortRead));
    };
    go();
  }
}
