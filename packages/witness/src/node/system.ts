import type { Clock, Random } from '@holdfast/core';
import { randomBytes, randomFillSync } from 'node:crypto';

/** What the witness needs of a clock: limits and deadlines, never a decision. */
export type LimitClock = Pick<Clock, 'now' | 'setTimer'>;

export function systemLimitClock(): LimitClock {
  return {
    now: () => performance.now(),
    setTimer: (afterMs, callback) => {
      const handle = setTimeout(callback, afterMs);
      return { cancel: () => clearTimeout(handle) };
    },
  };
}

export function systemRandom(): Random {
  return {
    bytes: (into) => {
      randomFillSync(into);
      return into;
    },
    id: () => randomBytes(16).toString('hex'),
  };
}
