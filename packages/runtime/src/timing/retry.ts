import {
  type AbortSignalLike,
  type Clock,
  HoldfastError,
  OptionsError,
  type Random,
  type Telemetry,
  noTelemetry,
} from '@holdfast/core';
import { abortedError } from './abort.js';
import { Deadline, sleep, withDeadline } from './deadline.js';

/** How often and how patiently to try again. Data, so that it can be shown, compared and checked. */
export interface RetryPolicy {
  /** The first try counts. At least 1. */
  readonly maxAttempts: number;
  /** Before the second try. */
  readonly firstDelayMs: number;
  /** Each wait is so many times the one before. At least 1. */
  readonly factor: number;
  readonly maxDelayMs: number;
  /** Which part of a wait is left to chance, from 0 to 1: clients that failed together must not come back together. */
  readonly jitter: number;
}

export interface RetryOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly policy: RetryPolicy;
  /** Names the work in telemetry and errors. */
  readonly what: string;
  /** Aborts the try under way and the waiting. */
  readonly signal?: AbortSignalLike;
  /** For all tries and waits together. */
  readonly deadlineMs?: number;
  /** Whether another try may help. Default: the error says that it is retryable. */
  readonly retryable?: (error: unknown) => boolean;
  readonly telemetry?: Telemetry;
}

/** @throws OptionsError naming the relation that does not hold. */
export function checkRetryPolicy(policy: RetryPolicy): void {
  const { maxAttempts, firstDelayMs, factor, maxDelayMs, jitter } = policy;
  if (!(Number.isInteger(maxAttempts) && maxAttempts >= 1)) {
    throw new OptionsError('maxAttempts >= 1', { maxAttempts }, 'The first try counts, so 1 means no retry.');
  }
  if (!(factor >= 1)) throw new OptionsError('factor >= 1', { factor }, 'Waits that shrink make a storm.');
  if (!(firstDelayMs >= 0 && maxDelayMs >= firstDelayMs)) {
    throw new OptionsError(
      '0 <= firstDelayMs <= maxDelayMs',
      { firstDelayMs, maxDelayMs },
      'Raise maxDelayMs.',
    );
  }
  if (!(jitter >= 0 && jitter <= 1))
    throw new OptionsError('0 <= jitter <= 1', { jitter }, 'It is a part of the wait.');
}

/** The wait after try number `attempt` (from 1), before chance takes its part. */
export function retryDelayMs(policy: RetryPolicy, attempt: number): number {
  return Math.min(policy.maxDelayMs, policy.firstDelayMs * policy.factor ** (attempt - 1));
}

/**
 * Tries until it succeeds, fails for good, or runs out of tries or time. Telemetry: `retry-progress` for each failed try that is
 * followed by another, `retry-ended` when it took more than one.
 *
 * A try that is cut off by the deadline may still take effect: give every try the same identity where the other side knows one.
 *
 * @throws the last error of the work; ABORTED; DEADLINE_EXCEEDED when the time is up during a try; OptionsError.
 */
export async function retry<Result>(
  work: (attempt: number, signal: AbortSignalLike) => Promise<Result>,
  options: RetryOptions,
): Promise<Result> {
  const { clock, policy, what, signal, telemetry = noTelemetry } = options;
  checkRetryPolicy(policy);
  const deadline = Deadline.after(clock, options.deadlineMs);
  for (let attempt = 1; ; attempt += 1) {
    try {
      if (signal?.aborted === true) throw abortedError(what, signal);
      const result = await withDeadline(clock, async (inner) => work(attempt, inner), {
        ...deadline.options(signal),
        what,
      });
      if (attempt > 1) telemetry.emit({ kind: 'retry-ended', what, attempts: attempt, succeeded: true });
      return result;
    } catch (error) {
      const delayMs = withChance(options.random, policy.jitter, retryDelayMs(policy, attempt));
      const hopeless =
        attempt >= policy.maxAttempts || delayMs >= deadline.remainingMs || !mayHelp(options, error);
      if (hopeless || signal?.aborted === true) {
        if (attempt > 1)
          telemetry.emit({ kind: 'retry-ended', what, attempts: attempt, succeeded: false, error });
        throw error;
      }
      telemetry.emit({ kind: 'retry-progress', what, attempt, delayMs, error });
      await sleep(clock, delayMs, signal);
    }
  }
}

function mayHelp({ retryable }: RetryOptions, error: unknown): boolean {
  return retryable === undefined ? HoldfastError.is(error) && error.retryable : retryable(error);
}

/** Chance takes away, it never adds: the longest wait stays the one that the policy names. */
function withChance(random: Random, jitter: number, delayMs: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = random.bytes(new Uint8Array(4));
  const unit = (((a * 256 + b) * 256 + c) * 256 + d) / 2 ** 32;
  return delayMs * (1 - jitter * unit);
}
