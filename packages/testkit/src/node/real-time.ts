import type { Clock } from '@holdfast/core';

/** Real time, for adapters that do real input and output. Its `run` rejects when the work has not ended in time. */
export function realTime(): Clock & { run<Result>(work: Promise<Result>, limitMs: number): Promise<Result> } {
  return {
    now: () => performance.now(),
    bootTime: () => performance.now(),
    wallTime: () => Date.now(),
    setTimer: (afterMs, callback) => {
      const handle = setTimeout(callback, Math.ceil(afterMs));
      return { cancel: () => clearTimeout(handle) };
    },
    run: (work, limitMs) =>
      new Promise((resolve, reject) => {
        const late = setTimeout(
          () => reject(new Error(`It has not ended after ${String(limitMs)} ms.`)),
          limitMs,
        );
        work.then(resolve, reject).finally(() => clearTimeout(late));
      }),
  };
}
