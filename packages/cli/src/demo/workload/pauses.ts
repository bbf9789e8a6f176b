/** A stretch in which requests were waiting and none was completed. Times are wall-clock milliseconds. */
export interface Pause {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Shorter stretches are not remembered one by one. */
const smallestMs = 5;

/**
 * Measures pauses as a host feels them: the time between two completions that follow each other while requests were
 * outstanding. Time in which nobody asked for anything is no pause.
 */
export class PauseMeter {
  private outstanding = 0;
  private since = 0;
  private readonly pauses: Pause[] = [];

  constructor(private readonly now: () => number) {}

  started(): void {
    if (this.outstanding === 0) this.since = this.now();
    this.outstanding += 1;
  }

  completed(): void {
    const at = this.now();
    if (at - this.since >= smallestMs) this.pauses.push({ fromMs: this.since, untilMs: at });
    this.since = at;
    this.outstanding -= 1;
  }

  /** How long the pause that runs now has lasted; 0 when nothing is outstanding. */
  get runningMs(): number {
    return this.outstanding === 0 ? 0 : this.now() - this.since;
  }

  /** The longest pause that touches the window, counted whole. Also one that has not ended yet. */
  longest(fromMs: number, untilMs: number): Pause {
    let longest: Pause = { fromMs, untilMs: fromMs };
    const running: readonly Pause[] =
      this.outstanding === 0 ? [] : [{ fromMs: this.since, untilMs: this.now() }];
    for (const pause of [...this.pauses, ...running]) {
      if (pause.untilMs < fromMs || pause.fromMs > untilMs) continue;
      if (pause.untilMs - pause.fromMs > longest.untilMs - longest.fromMs) longest = pause;
    }
    return longest;
  }
}

export function lengthOf(pause: Pause): number {
  return pause.untilMs - pause.fromMs;
}
