import type { NbdClock } from '../clock.js';

/** The process's monotonic clock and timers. Timers do not keep the process alive. */
export const systemClock: NbdClock = {
  now: () => performance.now(),
  setTimer: (afterMs, callback) => {
    const timer = setTimeout(callback, afterMs);
    timer.unref();
    return {
      cancel: () => {
        clearTimeout(timer);
      },
    };
  },
};
