import {
  type AbortSignalLike,
  type CallOptions,
  type Clock,
  HoldfastError,
  type Millis,
} from '@holdfast/core';
import { abortedError, onAbort } from './abort.js';

/** Work that is told when nobody waits for it any more. */
export type Work<Result> = (signal: AbortSignalLike) => Promise<Result>;

export interface DeadlineOptions extends CallOptions {
  /** Names the work in errors, as the subject of a sentence. Default: 'The call'. */
  readonly what?: string;
}

/**
 * Waits for `work`, but not for ever. An abort or the deadline ends the waiting at once and aborts the signal that the work was given;
 * whether that stops the work is the work's matter, and a late result or failure of it is dropped. So the caller must take it that
 * the work may still take effect.
 *
 * @throws DEADLINE_EXCEEDED (retryable), ABORTED, or what the work throws.
 */
export function withDeadline<Result>(
  clock: Clock,
  work: Work<Result> | Promise<Result>,
  options: DeadlineOptions = {},
): Promise<Result> {
  const { signal, deadlineMs, what = 'The call' } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      // Nothing is begun for a caller that has gone already; a promise that was given is left to itself.
      if (typeof work !== 'function') work.catch(() => undefined);
      reject(abortedError(what, signal));
      return;
    }
    const inner = new AbortController();
    let waiting = true;
    const end = (): boolean => {
      if (!waiting) return false;
      waiting = false;
      timer?.cancel();
      stopListening();
      return true;
    };
    const giveUp = (error: HoldfastError): void => {
      if (!end()) return;
      inner.abort(error);
      reject(error);
    };
    const timer =
      deadlineMs === undefined
        ? undefined
        : clock.setTimer(deadlineMs, () => giveUp(lateError(what, deadlineMs)));
    const stopListening = onAbort(signal, () => {
      if (signal !== undefined) giveUp(abortedError(what, signal));
    });
    const running = typeof work === 'function' ? begin(work, inner.signal) : work;
    running.then(
      (result) => {
        if (end()) resolve(result);
      },
      (error: unknown) => {
        if (end()) reject(asError(error));
      },
    );
  });
}

/** A point in time that several calls share: each gets what is left. */
export class Deadline {
  private readonly clock: Clock;
  private readonly at: Millis;

  private constructor(clock: Clock, at: Millis) {
    this.clock = clock;
    this.at = at;
  }

  /** Undefined `afterMs`: never. */
  static after(clock: Clock, afterMs: number | undefined): Deadline {
    return new Deadline(clock, afterMs === undefined ? Number.POSITIVE_INFINITY : clock.now() + afterMs);
  }

  /** Never negative. */
  get remainingMs(): number {
    return Math.max(0, this.at - this.clock.now());
  }

  get passed(): boolean {
    return this.clock.now() >= this.at;
  }

  /** For the next call: what is left, or `atMostMs` if that is shorter, and the signal. */
  options(signal?: AbortSignalLike, atMostMs = Number.POSITIVE_INFINITY): CallOptions {
    const deadlineMs = Math.min(this.remainingMs, atMostMs);
    return {
      ...(Number.isFinite(deadlineMs) ? { deadlineMs } : {}),
      ...(signal === undefined ? {} : { signal }),
    };
  }
}

/** Waits. @throws ABORTED. */
export function sleep(clock: Clock, durationMs: number, signal?: AbortSignalLike): Promise<void> {
  return new Promise((resolve, reject) => {
    let stopListening = (): void => undefined;
    const timer = clock.setTimer(durationMs, () => {
      stopListening();
      resolve();
    });
    stopListening = onAbort(signal, () => {
      timer.cancel();
      if (signal !== undefined) reject(abortedError('Waiting', signal));
    });
  });
}

function lateError(what: string, deadlineMs: number): HoldfastError {
  return new HoldfastError('DEADLINE_EXCEEDED', `${what} did not end within ${String(deadlineMs)} ms.`, {
    retryable: true,
  });
}

/** A throw before the first await is a failure like any other. */
async function begin<Result>(work: Work<Result>, signal: AbortSignalLike): Promise<Result> {
  return work(signal);
}

function asError(error: unknown): Error {
  return error instanceof Error
    ? error
    : new HoldfastError('IO_FAILED', `Failed with ${String(error)}.`, { cause: error });
}
