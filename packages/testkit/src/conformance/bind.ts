import { ConformanceFailure } from './expect.js';
import { runCase, suiteReport } from './run.js';
import type {
  CaseReport,
  ConformanceFixture,
  ConformanceOptions,
  ConformanceSubject,
  ConformanceSuite,
  SuiteReport,
} from './suite.js';

/** The part of a test runner that is used. vitest, jest, mocha and node:test have it. */
export interface TestRunner {
  describe(name: string, body: () => void): void;
  it(name: string, body: (test: TestHandle) => Promise<void>): void;
  /** Given: called with the report when all cases have run. */
  afterAll?(body: () => void): void;
}

/** What vitest and mocha hand to a test. A case that does not apply is skipped there with its reason, and passes elsewhere. */
export interface TestHandle {
  skip?(reason?: string): unknown;
}

export interface BoundOptions extends ConformanceOptions {
  /** Gets the report of the suite. Needs `afterAll` of the runner. */
  readonly report?: (report: SuiteReport) => void;
}

/** Makes one test of each case of the suite. */
export function conformanceTests<Fixture extends ConformanceFixture>(
  runner: TestRunner,
  suite: ConformanceSuite<Fixture>,
  subject: ConformanceSubject<NoInfer<Fixture>>,
  options: BoundOptions = {},
): void {
  runner.describe(`${suite.port}: ${subject.name}`, () => {
    const reports: CaseReport[] = [];
    for (const each of suite.cases) {
      runner.it(each.name, async (test) => {
        const report = await runCase(subject, each, options);
        reports.push(report);
        if (report.outcome === 'failed')
          throw new ConformanceFailure(`${String(report.reason)} (seed ${String(options.seed ?? 1)})`);
        if (report.outcome === 'not-applicable') test.skip?.(report.reason);
      });
    }
    runner.afterAll?.(() => options.report?.(suiteReport(suite.port, subject.name, reports, options)));
  });
}
