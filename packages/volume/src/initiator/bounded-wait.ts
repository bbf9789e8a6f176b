import {
  type AbortSignalLike,
  type BlockBuffer,
  type CallOptions,
  type Clock,
  HoldfastError,
  type Timer,
} from '@holdfast/core';
import type { SettleRequest } from './pending-request.js';

/** True when the caller may go on before the request is settled, and with it do what it likes with its buffer. */
export function isBounded(options: CallOptions | undefined): options is CallOptions {
  return options !== undefined && (options.signal !== undefined || options.deadlineMs !== undefined);
}

/**
 * Ends the wait of a call on its signal or deadline, and nothing else: what was asked stays under way. Gives back a settle
 * function of which only the first call counts.
 */
export function boundBy(
  clock: Clock,
  options: CallOptions,
  what: string,
  settle: SettleRequest,
): SettleRequest {
  const { signal, deadlineMs } = options;
  let open = true;
  let timer: Timer | undefined;
  const end: SettleRequest = (error, buffer: BlockBuffer | undefined): void => {
    if (!open) {
      buffer?.release();
      return;
    }
    open = false;
    timer?.cancel();
    signal?.removeEventListener('abort', aborted);
    settle(error, buffer);
  };
  function aborted(): void {
    end(abortedError(signal, what), undefined);
  }
  if (deadlineMs !== undefined) {
    timer = clock.setTimer(deadlineMs, () => {
      end(
        new HoldfastError(
          'DEADLINE_EXCEEDED',
          `The ${what} took more than ${deadlineMs} ms; it is still under way.`,
        ),
        undefined,
      );
    });
  }
  signal?.addEventListener('abort', aborted);
  return end;
}

export function abortedError(signal: AbortSignalLike | undefined, what: string): HoldfastError {
  return new HoldfastError('ABORTED', `The wait for a ${what} was given up.`, { cause: signal?.reason });
}
