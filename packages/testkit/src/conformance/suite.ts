import type { Clock, Prng } from '@holdfast/core';

/** What every fixture may say. One is made for each case, and disposed of after it. */
export interface ConformanceFixture {
  /** Time as the adapter sees it. Default: real time. Give a `VirtualClock` when the adapter runs on one. */
  readonly time?: ConformanceTime;
  /** Removes what the case has left behind: folders, processes, sockets. */
  [Symbol.asyncDispose]?(): Promise<void>;
}

/** A clock, and a way to wait for work that goes on beside it. `VirtualClock` is one, `realTime()` another. */
export interface ConformanceTime extends Clock {
  /** Gives back what `work` comes to. Rejects when it has not ended after `limitMs`. */
  run<Result>(work: Promise<Result>, limitMs: number): Promise<Result>;
}

/** What a case is given. */
export interface CaseContext<Fixture> {
  readonly fixture: Fixture;
  /** Comes from the seed and the name of the case, so that a case alone does what it does among all. */
  readonly random: Prng;
  readonly clock: Clock;
  /** How many random operations a case with a reference makes. */
  readonly operations: number;
  /** Disposes of it after the case, also when the case fails. Gives it back. */
  own<Opened extends Disposing>(opened: Opened): Opened;
  readonly sleep: (durationMs: number) => Promise<void>;
}

export interface Disposing {
  [Symbol.asyncDispose](): Promise<void>;
}

export interface ConformanceCase<Fixture> {
  /** A sentence about the adapter. It does not change within a major version: people write it into lists. */
  readonly name: string;
  /** Throws `ConformanceFailure` when the adapter breaks its promise, and `NotApplicable` when it did not make it. */
  run(context: CaseContext<Fixture>): Promise<void>;
}

/** What one port promises, as data: any test runner can run it. */
export interface ConformanceSuite<Fixture extends ConformanceFixture> {
  /** The file name of the port in `@holdfast/core`: 'block-device'. */
  readonly port: string;
  readonly cases: readonly ConformanceCase<Fixture>[];
}

/** An adapter under test. */
export interface ConformanceSubject<Fixture extends ConformanceFixture> {
  /** For people and for the report. */
  readonly name: string;
  /** A fresh fixture: nothing that an earlier case did may show in it. */
  readonly fixture: () => Fixture | Promise<Fixture>;
}

export interface ConformanceOptions {
  /** Default 1. One seed makes one sequence of operations. */
  readonly seed?: number;
  /** How long one case may take before it counts as hung, in milliseconds of the fixture's time. Default 20,000. */
  readonly caseLimitMs?: number;
  /** Random operations of each case that compares with a reference. Default 200. */
  readonly operations?: number;
}

export type CaseOutcome = 'passed' | 'failed' | 'not-applicable';

export interface CaseReport {
  readonly name: string;
  readonly outcome: CaseOutcome;
  /** Why it failed, or what the adapter or its fixture does not offer. */
  readonly reason?: string;
}

export interface CaseCounts {
  readonly passed: number;
  readonly failed: number;
  readonly notApplicable: number;
}

export interface SuiteReport extends CaseCounts {
  readonly port: string;
  readonly adapter: string;
  readonly seed: number;
  readonly operations: number;
  readonly cases: readonly CaseReport[];
}

/** Plain JSON: write it to report.json and publish it with the adapter. */
export interface ConformanceReport extends CaseCounts {
  readonly version: 1;
  readonly suites: readonly SuiteReport[];
}
