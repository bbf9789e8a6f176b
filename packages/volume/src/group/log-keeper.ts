import { type Clock, HoldfastError, type Timer } from '@holdfast/core';
import type { Leg } from '../metadata/leg.js';

/**
 * Empties activity logs: flushes the own leg, then lets go of extents in which nothing is under way. Runs when a log is full,
 * and when a leg has been quiet for a while, so that a crash after a quiet time costs next to no resync.
 *
 * While this node serves alone the dirty map is made durable first: it, not the log, then says what the other leg misses.
 */
export class LogKeeper {
  private readonly busy = new Set<Leg>();
  private readonly lastMark = new Map<Leg, number>();
  private timer: Timer | undefined;
  private watch: Timer | undefined;
  private closed = false;

  constructor(
    private readonly legs: readonly Leg[],
    private readonly clock: Clock,
    private readonly idleMs: number,
    private readonly legTimeoutMs: number,
    private readonly legFailed: (error: unknown) => void,
    /** Extents are about to be forgotten. False: not now. */
    private readonly mayForget: () => Promise<boolean>,
  ) {
    this.arm();
    this.watchLegs();
  }

  /** A leg that answers nothing is a sick leg, not a lost peer: its node goes, and says why. */
  private watchLegs(): void {
    this.watch = this.clock.setTimer(this.legTimeoutMs / 4, () => {
      if (this.closed) return;
      const silent = this.legs.find((leg) => leg.silentMs > this.legTimeoutMs);
      if (silent === undefined) {
        this.watchLegs();
        return;
      }
      const forMs = String(Math.round(silent.silentMs));
      this.legFailed(new HoldfastError('IO_FAILED', `${silent.name} has not answered for ${forMs} ms.`));
    });
  }

  private arm(): void {
    this.timer = this.clock.setTimer(this.idleMs, () => {
      if (this.closed) return;
      for (const leg of this.legs) {
        const mark = leg.log.mark();
        if (this.lastMark.get(leg) === mark && leg.log.size > 0) this.makeRoom(leg);
        this.lastMark.set(leg, mark);
      }
      this.arm();
    });
  }

  makeRoom(leg: Leg): void {
    if (this.busy.has(leg) || this.closed) return;
    this.busy.add(leg);
    const mark = leg.log.mark();
    void (async () => {
      try {
        await leg.map.save();
        await leg.flush();
        if (!(await this.mayForget())) return;
        if (leg.log.settle(mark) > 0) await leg.log.save();
      } catch (error) {
        this.legFailed(error);
      } finally {
        this.busy.delete(leg);
      }
    })();
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
    this.watch?.cancel();
  }
}
