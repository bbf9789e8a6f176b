import type { Address } from '@holdfast/core';
import type { NbdServerNotice } from '@holdfast/nbd';
import type { SayLine } from './lines.js';

/** Somebody was turned away at a door of this process before anything was asked. */
export interface Refusal {
  readonly at: Address;
  readonly remote: string;
  readonly reason: string;
}

export type Refused = (refusal: Refusal) => void;

/** Who knocks all day long must not fill a disk with lines: so many at once, and then one in each interval. */
const linesAtOnce = 20;
const intervalMs = 1_000;

/** One line per refusal, as long as they are few. Those that were left out are counted in the next line. */
export function refusalLines(
  source: string,
  say: SayLine,
  now: () => number = () => performance.now(),
): Refused {
  let left = linesAtOnce;
  let countedAt = now();
  let leftOut = 0;
  return (refusal) => {
    const earned = Math.floor((now() - countedAt) / intervalMs);
    left = Math.min(linesAtOnce, left + earned);
    countedAt += earned * intervalMs;
    if (left === 0) {
      leftOut += 1;
      return;
    }
    left -= 1;
    const { at, remote, reason } = refusal;
    const others = leftOut === 0 ? '' : ` (and ${leftOut} more since the last such line)`;
    const text = `turned away ${remote} at ${at}: ${reason}${others}`;
    say({ source, kind: 'refused', text, data: { refusal: { ...refusal, leftOut } } });
    leftOut = 0;
  };
}

/** What an NBD server tells of clients that it turned away. */
export function refusedByNbd(at: Address, refused: Refused): (notice: NbdServerNotice) => void {
  const unproven = new Set<number>();
  return (notice) => {
    switch (notice.kind) {
      case 'proof-refused':
        unproven.add(notice.connection);
        refused({ at, remote: notice.remote, reason: notice.because });
        return;
      case 'connection-refused':
        refused({ at, remote: notice.remote, reason: notice.because });
        return;
      case 'connection-closed': {
        const told = unproven.delete(notice.connection);
        if (told || notice.reason !== 'protocol-error') return;
        refused({ at, remote: notice.remote, reason: notice.because ?? 'it does not speak NBD' });
        return;
      }
      case 'connection-accepted':
      case 'session-opened':
        return;
    }
  };
}
