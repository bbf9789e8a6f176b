import type { Leg } from '../metadata/leg.js';

interface Drain {
  readonly flush: boolean;
  readonly ended: (drained: boolean) => void;
  flushing: boolean;
}

/** Moments in which nothing of a host may be under way: the epoch changes, or the node stops. */
export class Drains {
  /** Host I/O is held until the next gate. */
  isHolding = false;
  private open: Drain[] = [];

  constructor(
    private readonly legs: readonly Leg[],
    private readonly isQuiet: () => boolean,
    private readonly flushFailed: (detail: string) => void,
  ) {}

  begin(flush: boolean, ended: (drained: boolean) => void): void {
    this.isHolding = true;
    this.open.push({ flush, ended, flushing: false });
    this.look();
  }

  /** Something has moved on. */
  look(): void {
    if (this.open.length === 0 || !this.isQuiet()) return;
    for (const drain of [...this.open]) {
      if (!drain.flush) this.end(drain);
      else if (!drain.flushing) this.flushFor(drain);
    }
  }

  /** A new gate says what holds from now on. */
  endAll(): void {
    this.isHolding = false;
    for (const { ended } of this.open.splice(0)) ended(false);
  }

  private end(drain: Drain): void {
    if (!this.open.includes(drain)) return;
    this.open = this.open.filter((other) => other !== drain);
    drain.ended(true);
  }

  private flushFor(drain: Drain): void {
    drain.flushing = true;
    Promise.all(this.legs.map((leg) => leg.flush())).then(
      () => {
        this.end(drain);
      },
      (error: unknown) => {
        this.flushFailed(error instanceof Error ? error.message : String(error));
      },
    );
  }
}
