import type { ConformanceFixture, ConformanceSuite } from '../../src/index.js';

/** An adapter with one mistake in it, and the case that has to find it. */
export interface Mutant<Fixture extends ConformanceFixture> {
  /** What it does wrong. */
  readonly mistake: string;
  readonly caughtBy: string;
  readonly fixture: () => Fixture | Promise<Fixture>;
}

export interface Mutants<Fixture extends ConformanceFixture> {
  readonly suite: ConformanceSuite<Fixture>;
  /** Built as the mutants are, without a mistake: every case passes, or a mutant could be caught for how it is built. */
  readonly sound: () => Fixture | Promise<Fixture>;
  readonly mutants: readonly Mutant<Fixture>[];
}

/** The object with some of its methods replaced; the others are called on the object itself. */
export function changed<Subject extends object>(subject: Subject, change: Partial<Subject>): Subject {
  return new Proxy(subject, {
    get: (target, key) => {
      const value: unknown = Reflect.get(key in change ? change : target, key);
      return typeof value === 'function' && !(key in change)
        ? (value as (...all: unknown[]) => unknown).bind(target)
        : value;
    },
  });
}
