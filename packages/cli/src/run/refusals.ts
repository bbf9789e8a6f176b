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

/** Who knocks at a door all day long must not fill a disk with lines: so many at once, and then one in each interval. */
const linesAtOnce = 20;
const intervalMs = 1_000;

/** How many lines a door may still write. */
interface Allowance {
  left: number;
  countedAt: number;
  leftOut: number;
}

/** One line per refusal, as long as they are few at that door. Those that were left out are counted in its next line. */
export function refusalLines(
  source: string,
  say: SayLine,
  now: () => number = () => performance.now(),
): Refused {
  const doors = new Map<Address, Allowance>();
  return (refusal) => {
    const { at, remote, reason } = refusal;
    const door = doors.get(at) ?? { left: linesAtOnce, countedAt: now(), leftOut: 0 };
    doors.set(at, door);
    const earned = Math.floor((now() - door.countedAt) / intervalMs);
    door.left = Math.min(linesAtOnce, door.left + earned);
    door.countedAt += earned * intervalMs;
    if (door.left === 0) {
      door.leftOut += 1;
      return;
    }
    door.left -= 1;
    const { leftOut } = door;
    const others = leftOut === 0 ? '' : ` (and ${leftOut} more since the last such line)`;
    const text = `turned away ${remote} at ${at}: ${reason}${others}`;
    say({ source, kind: 'refused', text, data: { refusal: { ...refusal, leftOut } } });
    door.leftOut = 0;
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
