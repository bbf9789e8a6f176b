import type { Clock, Timer } from '@holdfast/core';
import type { Leg } from '../metadata/leg.js';
import type { RangeHold } from '../order/range-lock.js';
import { type Frame, frame, frameTypes } from '../wire/index.js';
import type { PeerChannel } from './context.js';
import type { Operation } from './operation.js';

/** How long a reader at the other node waits at most for news that no later write carries. */
const longestSilenceMs = 5;
const numberBytes = 8;

/**
 * The sequencer's side of what `UnsettledRanges` waits for: says which of the writes it has ordered do not stand on its own leg yet.
 * The news travels ahead of the next write, or after a few milliseconds when there is none.
 */
export class SettledNews {
  private isDue = false;
  private timer: Timer | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly peer: () => PeerChannel | undefined,
    private readonly outstanding: ReadonlyMap<number, Operation>,
    private readonly last: () => number,
  ) {}

  /** A write has completed on both legs, or a new session begins, in which nothing has been said. */
  changed(): void {
    this.isDue = true;
    this.timer ??= this.clock.setTimer(longestSilenceMs, () => {
      this.timer = undefined;
      this.tell();
    });
  }

  tell(): void {
    const peer = this.peer();
    if (!this.isDue || peer === undefined) return;
    this.isDue = false;
    const payload = new Uint8Array(this.outstanding.size * numberBytes);
    const view = new DataView(payload.buffer);
    let at = 0;
    for (const sequence of this.outstanding.keys()) {
      view.setFloat64(at, sequence, true);
      at += numberBytes;
    }
    peer.send(frame(frameTypes.settled, { id: this.last(), payload }));
  }
}

/**
 * Ranges that this node has applied, and whose write may not stand on the sequencer's leg yet. They stay closed to readers: what
 * was read here must be there after the sequencer has died and come back alone.
 */
export class UnsettledRanges {
  private readonly holds = new Map<number, { readonly leg: Leg; readonly hold: RangeHold }>();

  /** Takes over the hold of a write that was applied; later writes pass it, readers do not. */
  keep(sequence: number, leg: Leg, hold: RangeHold): void {
    this.holds.set(sequence, { leg, hold });
    leg.locks.admitWriters(hold);
  }

  /** The sequencer says how far it is: all numbers up to `id` are on its leg, but for those listed. */
  heard(news: Frame): void {
    if (this.holds.size === 0) return;
    const { payload } = news;
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    const open = new Set<number>();
    for (let at = 0; at + numberBytes <= payload.length; at += numberBytes)
      open.add(view.getFloat64(at, true));
    for (const sequence of this.holds.keys()) {
      if (sequence <= news.id && !open.has(sequence)) this.settled(sequence);
    }
  }

  settled(sequence: number): void {
    const kept = this.holds.get(sequence);
    if (kept === undefined) return;
    this.holds.delete(sequence);
    kept.leg.locks.release(kept.hold);
  }

  /** The epoch has ended: what is on this leg counts, or will be copied over. */
  settleAll(): void {
    for (const sequence of [...this.holds.keys()]) this.settled(sequence);
  }
}
