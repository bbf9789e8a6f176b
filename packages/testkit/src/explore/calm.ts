import { wordsOf } from './words.js';
import { FingerprintSet } from './fingerprints.js';
import { KeyBuffer } from './key.js';
import type { CalmSchedule, ExplorableSystem } from './system.js';

export interface CalmFailure {
  readonly rule: string;
  readonly story: readonly string[];
}

/**
 * Follows the calm schedule from a state until it is good. Every state on a way that ended well ends well itself, so each is walked
 * through once, however many ways lead over it.
 */
export class CalmCheck<State, Choice> {
  checked = 0;
  private readonly key = new KeyBuffer();
  private readonly endsWell: FingerprintSet;

  constructor(
    private readonly system: ExplorableSystem<State, Choice>,
    private readonly schedule: CalmSchedule<State, Choice>,
    private readonly every: number,
    seed: number,
  ) {
    this.endsWell = new FingerprintSet(seed + 1);
  }

  check(start: State, number: number): CalmFailure | undefined {
    if (number % this.every !== 0) return undefined;
    this.checked += 1;
    const { schedule, system } = this;
    const way: State[] = [];
    const story: string[] = [];
    let state = start;
    while (!schedule.isGood(state) && !this.isKnown(state)) {
      way.push(state);
      const choice = schedule.choose(state);
      if (choice === undefined) return { rule: `${schedule.name}: nothing is left to do`, story };
      if (way.length > schedule.stepsMax)
        return { rule: `${schedule.name}: not within ${String(schedule.stepsMax)} steps`, story };
      story.push(system.describe(choice));
      try {
        state = this.canonical(system.apply(state, choice));
        for (const invariant of system.invariants) {
          const broken = invariant.check(state);
          if (broken !== undefined) return { rule: `${invariant.name}: ${broken}`, story };
        }
      } catch (error) {
        return { rule: wordsOf(error), story };
      }
    }
    for (const passed of way) this.know(passed);
    return undefined;
  }

  private canonical(state: State): State {
    return this.system.representative?.(state) ?? state;
  }

  private isKnown(state: State): boolean {
    this.key.clear();
    this.system.codec.write(state, this.key);
    return this.endsWell.has(this.key.words, this.key.length);
  }

  private know(state: State): void {
    this.key.clear();
    this.system.codec.write(state, this.key);
    this.endsWell.add(this.key.words, this.key.length);
  }
}
