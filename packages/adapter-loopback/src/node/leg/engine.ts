import { MessageChannel, Worker } from 'node:worker_threads';
import {
  createSharedRings,
  line,
  operation,
  slotCount,
  smallRequestBytes,
  threadDied,
  words,
  wordsPerSlot,
  type SharedRings,
} from './layout.js';
import { SharedThreads } from './shared-threads.js';
import { workerSource } from './worker-source.js';

/** Gets 0, or when the request failed a negative errno, `shortRead` or `threadDied`. */
export type Completion = (result: number) => void;

interface Waiting {
  readonly kind: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly at: number;
  readonly completion: Completion;
  readonly unhurried: boolean;
}

/**
 * Positional I/O on one open file by threads of its own, over rings in shared memory. The event loop only writes a few words
 * per request; what one turn submits goes out under one wake-up, and what the threads finish meanwhile comes back under one.
 */
export class RingEngine {
  readonly rings: SharedRings;
  private readonly sharedThreads: SharedThreads;
  private readonly workers: Worker[] = [];
  private readonly exits: Promise<unknown>[] = [];
  private readonly heads: number[];
  private readonly completions: (Completion | undefined)[] = new Array<undefined>(slotCount).fill(undefined);
  private readonly freeSlots: number[] = Array.from({ length: slotCount }, (_, index) => index);
  private readonly waiting: Waiting[] = [];
  private smallTail = 0;
  private largeTail = 0;
  private inFlight = 0;
  private announced = 0;
  /** Somebody waits for one of those in flight. */
  private isAwaited = false;
  private drainSoon = false;
  private rescue: NodeJS.Timeout | undefined;
  private stopping = false;

  constructor(
    descriptor: number,
    workerCount: number,
    poolBytes: number,
    private readonly died: (error: Error) => void,
  ) {
    this.rings = createSharedRings(workerCount, poolBytes);
    this.sharedThreads = new SharedThreads(descriptor);
    this.heads = new Array<number>(workerCount).fill(0);
    for (let index = 0; index < workerCount; index += 1) this.startWorker(descriptor, index, workerCount);
  }

  /**
   * Moves `lengthBytes` between the pool at `at` and the file at `offsetBytes`. The completion runs in a later turn; an unhurried one in
   * `collect`, or when a thread has had nothing else to do for a millisecond.
   */
  submit(
    kind: number,
    offsetBytes: number,
    lengthBytes: number,
    at: number,
    completion: Completion,
    unhurried = false,
  ): void {
    if (kind !== operation.zero && !unhurried && this.goesBetterAlone(lengthBytes)) {
      this.sharedThreads.submit(
        kind,
        offsetBytes,
        this.rings.pool.subarray(at, at + lengthBytes),
        completion,
      );
      return;
    }
    const slot = this.freeSlots.pop();
    if (slot === undefined) {
      this.waiting.push({ kind, offsetBytes, lengthBytes, at, completion, unhurried });
      return;
    }
    const { control, slots, offsets, small, large } = this.rings;
    const base = slot * wordsPerSlot;
    slots[base] = kind;
    slots[base + 1] = lengthBytes;
    slots[base + 2] = at;
    offsets[slot] = offsetBytes;
    this.completions[slot] = completion;
    this.inFlight += 1;
    if (!unhurried) this.isAwaited = true;
    if (lengthBytes <= smallRequestBytes) {
      Atomics.store(small, this.smallTail & (slotCount - 1), slot);
      this.smallTail = (this.smallTail + 1) | 0;
      Atomics.store(control, words.smallTail, this.smallTail);
    } else {
      Atomics.store(large, this.largeTail & (slotCount - 1), slot);
      this.largeTail = (this.largeTail + 1) | 0;
      Atomics.store(control, words.largeTail, this.largeTail);
    }
    this.announced += 1;
    if (this.announced === 1) queueMicrotask(this.announce);
  }

  /** Writes from memory of the caller, when that is the better way; false: nothing was done. The completion runs in a later turn. */
  tryWriteFrom(data: Uint8Array, offsetBytes: number, completion: Completion): boolean {
    if (!this.goesBetterAlone(data.length)) return false;
    this.sharedThreads.submit(operation.write, offsetBytes, data, completion);
    return true;
  }

  private goesBetterAlone(lengthBytes: number): boolean {
    return this.sharedThreads.hasRoom && (lengthBytes > smallRequestBytes || this.inFlight === 0);
  }

  /** Lets the threads finish what is submitted and waits for their end. Submit nothing after this. */
  async stop(): Promise<void> {
    this.stopping = true;
    const { control } = this.rings;
    Atomics.store(control, words.stop, 1);
    this.wake(Number.POSITIVE_INFINITY);
    await Promise.all(this.exits);
  }

  private startWorker(descriptor: number, index: number, workers: number): void {
    // A channel of its own: messages of a Worker object take a longer way.
    const { port1, port2 } = new MessageChannel();
    port1.on('message', this.drain);
    const worker = new Worker(workerSource, {
      eval: true,
      name: `leg ${index}`,
      workerData: { descriptor, index, workers, rings: this.rings, port: port2 },
      transferList: [port2],
      // The thread runs nothing but the text above: flags and loaders of the program must not reach it.
      execArgv: [],
      env: {},
      resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 16, stackSizeMb: 1 },
    });
    this.workers.push(worker);
    worker.once('error', (error: Error) => this.fail(error));
    this.exits.push(
      new Promise((exited) => {
        worker.once('exit', (code) => {
          if (!this.stopping) this.fail(new Error(`an I/O thread ended by itself with code ${code}`));
          port1.close();
          exited(code);
        });
      }),
    );
  }

  private fail(error: Error): void {
    if (this.stopping) return;
    this.stopping = true;
    // The other threads may still be in a system call on this file: they are ended before anybody closes it.
    for (const worker of this.workers) void worker.terminate();
    this.died(error);
    const orphans = [...this.completions, ...this.waiting.map((request) => request.completion)];
    this.completions.fill(undefined);
    this.waiting.length = 0;
    for (const completion of orphans) completion?.(threadDied);
  }

  private readonly announce = (): void => {
    const count = this.announced;
    this.announced = 0;
    const sleepers = Atomics.load(this.rings.control, words.sleepers);
    if (sleepers > 0) this.wakeSome(sleepers, count);
    if (this.isAwaited) this.arm();
  };

  /** Runs the completions of what has ended. What has not is awaited from now on. */
  collect(): void {
    if (this.inFlight === 0) return;
    this.isAwaited = true;
    this.drain();
  }

  /**
   * One thread serves the page cache faster than two that take turns. More are woken when requests wait for a disk, or when
   * those that are awake have not caught up since the last time.
   */
  private wakeSome(sleepers: number, count: number): void {
    if (Atomics.load(this.rings.control, words.slow) === 1) {
      this.wake(count);
      return;
    }
    const allAsleep = sleepers === this.heads.length;
    if (allAsleep || this.backlog() > count) this.wake(1);
    // Whoever is awake may just have met a slow request, and nobody knows yet. A single request needs no second look.
    if (!allAsleep || count > 1) this.rescue ??= setTimeout(this.lookAgain, 1);
  }

  private readonly lookAgain = (): void => {
    this.rescue = undefined;
    if (this.backlog() === 0) return;
    Atomics.store(this.rings.control, words.slow, 1);
    this.wake(Number.POSITIVE_INFINITY);
  };

  private wake(count: number): void {
    Atomics.add(this.rings.control, words.wake, 1);
    Atomics.notify(this.rings.control, words.wake, count);
  }

  /** Requests that no thread has taken yet. */
  private backlog(): number {
    const { control } = this.rings;
    const small = (this.smallTail - Atomics.load(control, words.smallHead)) | 0;
    return small + ((this.largeTail - Atomics.load(control, words.largeHead)) | 0);
  }

  /** Asks for a message at the next completion, or comes back soon when there is one already. */
  private arm(): void {
    if (this.drainSoon) return;
    const { control } = this.rings;
    if (Atomics.load(control, words.armed) === 1) return;
    Atomics.store(control, words.armed, 1);
    if (!this.hasCompletions()) return;
    if (Atomics.compareExchange(control, words.armed, 1, 0) !== 1) return;
    // Never in this turn: completions that submit again would keep the loop in one turn for ever.
    this.drainSoon = true;
    setImmediate(this.drain);
  }

  private hasCompletions(): boolean {
    return this.heads.some(
      (head, index) => Atomics.load(this.rings.control, words.doneTail + line * index) !== head,
    );
  }

  private readonly drain = (): void => {
    this.drainSoon = false;
    const { control, done } = this.rings;
    for (let index = 0; index < done.length; index += 1) {
      const ring = done[index];
      if (ring === undefined) continue;
      const tail = Atomics.load(control, words.doneTail + line * index);
      let head = this.heads[index] ?? 0;
      for (; head !== tail; head = (head + 1) | 0) this.complete(ring[head & (slotCount - 1)] ?? 0);
      this.heads[index] = head;
    }
    if (this.inFlight === 0) this.isAwaited = false;
    else if (this.isAwaited) this.arm();
  };

  private complete(slot: number): void {
    const completion = this.completions[slot];
    if (completion === undefined) return;
    this.completions[slot] = undefined;
    const result = this.rings.slots[slot * wordsPerSlot + 3] ?? 0;
    this.freeSlots.push(slot);
    this.inFlight -= 1;
    const next = this.waiting.shift();
    if (next !== undefined) {
      const { kind, offsetBytes, lengthBytes, at } = next;
      this.submit(kind, offsetBytes, lengthBytes, at, next.completion, next.unhurried);
    }
    completion(result);
  }
}
