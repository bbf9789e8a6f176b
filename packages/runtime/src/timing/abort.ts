import { type AbortSignalLike, HoldfastError } from '@holdfast/core';

export function abortedError(what: string, signal: AbortSignalLike): HoldfastError {
  return new HoldfastError('ABORTED', `${what} was aborted.`, { cause: signal.reason });
}

/** Calls back once, at once if it has happened. Gives back a function that ends it. */
export function onAbort(signal: AbortSignalLike | undefined, aborted: () => void): () => void {
  if (signal === undefined) return () => undefined;
  if (signal.aborted) {
    aborted();
    return () => undefined;
  }
  const listener = (): void => {
    signal.removeEventListener('abort', listener);
    aborted();
  };
  signal.addEventListener('abort', listener);
  return () => signal.removeEventListener('abort', listener);
}
