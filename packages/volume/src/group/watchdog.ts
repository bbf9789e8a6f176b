import type { Clock, Timer } from '@holdfast/core';

/** Boot time and monotonic time may drift apart by the resolution of the sources, not by more. */
const apartMs = 50;

/**
 * Notices that this process, or its machine, stood still: a timer that comes late, or a machine that slept. A node that stood
 * still longer than `boundMs` must not trust a lease that it has not renewed since.
 */
export class Watchdog {
  private skewMs: number;
  private timer: Timer | undefined;
  private closed = false;

  constructor(
    private readonly clock: Clock,
    private readonly boundMs: number,
    private readonly stalled: (stalledMs: number) => void,
  ) {
    this.skewMs = clock.bootTime() - clock.now();
    this.arm();
  }

  /** Checked at every use of a lease: false when the machine has slept since the last look. */
  get clockIsSound(): boolean {
    return Math.abs(this.clock.bootTime() - this.clock.now() - this.skewMs) <= apartMs;
  }

  private arm(): void {
    const intervalMs = this.boundMs / 2;
    const dueAt = this.clock.now() + intervalMs;
    this.timer = this.clock.setTimer(intervalMs, () => {
      if (this.closed) return;
      const lateMs = this.clock.now() - dueAt;
      const sleptMs = this.clock.bootTime() - this.clock.now() - this.skewMs;
      if (lateMs > this.boundMs || Math.abs(sleptMs) > apartMs) {
        this.skewMs += sleptMs;
        this.stalled(Math.max(lateMs, sleptMs));
      }
      this.arm();
    });
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
  }
}
