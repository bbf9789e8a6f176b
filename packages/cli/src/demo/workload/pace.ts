/** Lets at most `perSecond` requests begin each second, evenly. Time that was lost in a pause is not made up for. */
export class Pace {
  private next = 0;

  constructor(
    private readonly perSecond: number,
    private readonly now: () => number,
    private readonly wait: (forMs: number) => Promise<void>,
  ) {}

  async turn(): Promise<void> {
    if (this.perSecond <= 0) return;
    const at = this.now();
    const slot = Math.max(at, this.next);
    this.next = slot + 1000 / this.perSecond;
    if (slot > at) await this.wait(slot - at);
  }
}
