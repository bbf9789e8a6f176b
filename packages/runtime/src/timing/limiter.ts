import { type AbortSignalLike, HoldfastError } from '@holdfast/core';
import { abortedError, onAbort } from './abort.js';

export interface LimiterOptions {
  /** What may be under way together, in whatever the weights count: calls, bytes. */
  readonly maxRunning: number;
  /** Calls that may wait. More are refused: a queue without end is an outage with a delay. Default 10,000. */
  readonly maxWaiting?: number;
  /** Names it in errors, as the subject of a sentence. Default: 'The limiter'. */
  readonly what?: string;
}

interface Waiting {
  readonly weight: number;
  readonly go: () => void;
}

/** Lets so much go on at a time; the rest waits in order of arrival. A heavy one at the head is not overtaken. */
export class Limiter {
  private readonly options: Required<LimiterOptions>;
  private readonly queue = new Set<Waiting>();
  private used = 0;

  constructor(options: LimiterOptions) {
    this.options = { maxWaiting: 10_000, what: 'The limiter', ...options };
  }

  get running(): number {
    return this.used;
  }

  get waiting(): number {
    return this.queue.size;
  }

  /**
   * Runs `work` when there is room. An abort takes it out of the queue; work that has begun goes on.
   *
   * @param weight how much of `maxRunning` it takes. Default 1.
   * @throws REFUSED (retryable) when too many wait, or when it is heavier than the limit; ABORTED; what the work throws.
   */
  async run<Result>(
    work: () => Promise<Result>,
    options: { readonly weight?: number; readonly signal?: AbortSignalLike } = {},
  ): Promise<Result> {
    const { weight = 1, signal } = options;
    if (weight > this.options.maxRunning) {
      throw new HoldfastError(
        'REFUSED',
        `${this.options.what} lets ${String(this.options.maxRunning)} go on at a time; one call wants ${String(weight)}. Cut it into parts.`,
      );
    }
    await this.enter(weight, signal);
    try {
      return await work();
    } finally {
      this.used -= weight;
      this.admit();
    }
  }

  private async enter(weight: number, signal: AbortSignalLike | undefined): Promise<void> {
    if (signal?.aborted === true) throw abortedError(this.options.what, signal);
    if (this.queue.size === 0 && this.used + weight <= this.options.maxRunning) {
      this.used += weight;
      return;
    }
    if (this.queue.size >= this.options.maxWaiting) {
      throw new HoldfastError(
        'REFUSED',
        `${this.options.what} has ${String(this.queue.size)} calls waiting. Try again later.`,
        {
          retryable: true,
        },
      );
    }
    await new Promise<void>((resolve, reject) => {
      const waiting: Waiting = {
        weight,
        go: () => {
          stopListening();
          resolve();
        },
      };
      this.queue.add(waiting);
      const stopListening = onAbort(signal, () => {
        this.queue.delete(waiting);
        if (signal !== undefined) reject(abortedError(this.options.what, signal));
        this.admit();
      });
    });
  }

  private admit(): void {
    for (const waiting of this.queue) {
      if (this.used + waiting.weight > this.options.maxRunning) return;
      this.queue.delete(waiting);
      this.used += waiting.weight;
      waiting.go();
    }
  }
}
