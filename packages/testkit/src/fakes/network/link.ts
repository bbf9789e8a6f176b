import type { Clock, Prng } from '@holdfast/core';

export interface LinkSpeed {
  /** One way. */
  readonly latencyMs: number;
  /** Added to the latency of each piece, evenly spread from 0 up to this. */
  readonly jitterMs?: number;
  /** Default: without limit. */
  readonly bytesPerSecond?: number;
}

/** One direction between two hosts. */
export class Link {
  private speed: LinkSpeed;
  private readonly clock: Clock;
  private readonly random: Prng;
  private isCut = false;
  private busyUntil = 0;
  private readonly changed = new Set<() => void>();

  constructor(clock: Clock, random: Prng, speed: LinkSpeed) {
    this.clock = clock;
    this.random = random;
    this.speed = speed;
  }

  get cut(): boolean {
    return this.isCut;
  }

  setCut(cut: boolean): void {
    if (this.isCut === cut) return;
    this.isCut = cut;
    for (const listener of [...this.changed]) listener();
  }

  setSpeed(speed: LinkSpeed): void {
    this.speed = speed;
  }

  /** When something sent now arrives, on the network's clock. */
  arrivalOf(lengthBytes: number): number {
    const { latencyMs, jitterMs = 0, bytesPerSecond } = this.speed;
    const now = this.clock.now();
    if (bytesPerSecond !== undefined) {
      this.busyUntil = Math.max(now, this.busyUntil) + (lengthBytes * 1000) / bytesPerSecond;
    }
    const sentAt = bytesPerSecond === undefined ? now : this.busyUntil;
    return sentAt + latencyMs + (jitterMs > 0 ? this.random.unit() * jitterMs : 0);
  }

  /** Gives back a function that ends it. */
  onChange(listener: () => void): () => void {
    this.changed.add(listener);
    return () => this.changed.delete(listener);
  }

  /** Carries a small message that belongs to no stream, as a kernel does: while the link is cut it is repeated until it gets through. */
  carry(arrived: () => void): void {
    const send = (): void => {
      this.clock.setTimer(this.arrivalOf(64) - this.clock.now(), () => {
        if (!this.isCut) arrived();
        else wait();
      });
    };
    const wait = (): void => {
      const stop = this.onChange(() => {
        if (this.isCut) return;
        stop();
        send();
      });
    };
    if (this.isCut) wait();
    else send();
  }
}
