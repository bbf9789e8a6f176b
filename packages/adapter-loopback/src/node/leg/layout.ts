/**
 * Where things lie in the memory that the event loop and the I/O threads share. All numbers are indices of 32-bit words;
 * words that different threads write stand 16 words (one cache line) apart.
 */
export const words = {
  smallHead: 0,
  smallTail: 16,
  largeHead: 32,
  largeTail: 48,
  sleepers: 64,
  wake: 80,
  armed: 96,
  stop: 112,
  /** 1 while the last request took so long that it must have waited for the disk. */
  slow: 120,
  /** One word per I/O thread from here on, `line` words apart: how many completions it has published. */
  doneTail: 128,
} as const;

export const line = 16;

/** Requests in flight at most, and the length of every ring. A power of two. */
export const slotCount = 256;

export const maxWorkers = 8;

/** Per slot: operation, length, offset into the pool, result (0, or a negative errno). */
export const wordsPerSlot = 4;

/** Requests above this wait in a lane of their own, so that a queue of big ones does not hold up the small ones. */
export const smallRequestBytes = 32 * 1024;

/** A request that takes longer has not come out of the page cache. */
export const slowRequestMs = 0.1;

/** How often a thread that ran out of work looks again before it sleeps: some microseconds, less than a sleep and a wake-up cost. */
export const idleRounds = 200;

/** So long after its last request an idle thread tells what it has done, asked or not. */
export const collectedWithinMs = 1;

/** The first part of the pool is never written: writing zeros takes its bytes from here. */
export const zeroRegionBytes = 128 * 1024;

export const operation = { read: 0, write: 1, zero: 2 } as const;

/** The file ended before the request did. Outside the range of errno. */
export const shortRead = -100_000;

/** Nobody knows whether the request was served. */
export const threadDied = -100_001;

/** Everything that the event loop and the I/O threads share. */
export interface SharedRings {
  readonly control: Int32Array;
  readonly slots: Int32Array;
  readonly offsets: Float64Array;
  readonly small: Int32Array;
  readonly large: Int32Array;
  readonly done: readonly Int32Array[];
  readonly pool: Uint8Array;
}

export function createSharedRings(workers: number, poolBytes: number): SharedRings {
  const int32 = (count: number): Int32Array => new Int32Array(new SharedArrayBuffer(count * 4));
  return {
    control: int32(words.doneTail + line * maxWorkers),
    slots: int32(slotCount * wordsPerSlot),
    offsets: new Float64Array(new SharedArrayBuffer(slotCount * 8)),
    small: int32(slotCount),
    large: int32(slotCount),
    done: Array.from({ length: workers }, () => int32(slotCount)),
    pool: new Uint8Array(new SharedArrayBuffer(zeroRegionBytes + poolBytes)),
  };
}
