import { Prng } from '@holdfast/core';
import { realTime } from '../node/real-time.js';
import { NotApplicable, textOf } from './expect.js';
import type {
  CaseContext,
  CaseCounts,
  CaseReport,
  ConformanceCase,
  ConformanceFixture,
  ConformanceOptions,
  ConformanceReport,
  ConformanceSubject,
  ConformanceSuite,
  Disposing,
  SuiteReport,
} from './suite.js';

const DEFAULT_SEED = 1;
const DEFAULT_CASE_LIMIT_MS = 20_000;
const DEFAULT_OPERATIONS = 200;

/** Runs one case on a fixture of its own. Never rejects: whatever happens is the outcome. */
export async function runCase<Fixture extends ConformanceFixture>(
  subject: ConformanceSubject<NoInfer<Fixture>>,
  each: ConformanceCase<Fixture>,
  options: ConformanceOptions = {},
): Promise<CaseReport> {
  const {
    seed = DEFAULT_SEED,
    caseLimitMs = DEFAULT_CASE_LIMIT_MS,
    operations = DEFAULT_OPERATIONS,
  } = options;
  const { name } = each;
  try {
    const fixture = await subject.fixture();
    const time = fixture.time ?? realTime();
    const owned: Disposing[] = [fixtureEnd(fixture)];
    const context: CaseContext<Fixture> = {
      fixture,
      random: new Prng((seed ^ hashOf(name)) >>> 0),
      clock: time,
      operations,
      own: (opened) => {
        owned.push(opened);
        return opened;
      },
      sleep: (durationMs) => new Promise((over) => void time.setTimer(durationMs, over)),
    };
    let failure: { readonly error: unknown } | undefined;
    try {
      await time.run(each.run(context), caseLimitMs);
    } catch (error) {
      failure = { error };
    }
    // What was opened last may stand on what was opened before it.
    for (const opened of owned.reverse()) {
      await time.run(disposed(opened), caseLimitMs).catch((error: unknown) => (failure ??= { error }));
    }
    if (failure !== undefined) throw failure.error;
    return { name, outcome: 'passed' };
  } catch (error) {
    if (error instanceof NotApplicable) return { name, outcome: 'not-applicable', reason: error.message };
    return { name, outcome: 'failed', reason: textOf(error) };
  }
}

/** Runs every case of a suite, one after the other. Never rejects. */
export async function runSuite<Fixture extends ConformanceFixture>(
  suite: ConformanceSuite<Fixture>,
  subject: ConformanceSubject<NoInfer<Fixture>>,
  options: ConformanceOptions = {},
): Promise<SuiteReport> {
  const cases: CaseReport[] = [];
  for (const each of suite.cases) cases.push(await runCase(subject, each, options));
  return suiteReport(suite.port, subject.name, cases, options);
}

export function suiteReport(
  port: string,
  adapter: string,
  cases: readonly CaseReport[],
  { seed = DEFAULT_SEED, operations = DEFAULT_OPERATIONS }: ConformanceOptions = {},
): SuiteReport {
  const count = (outcome: CaseReport['outcome']): number =>
    cases.filter((each) => each.outcome === outcome).length;
  const counts: CaseCounts = {
    passed: count('passed'),
    failed: count('failed'),
    notApplicable: count('not-applicable'),
  };
  return { port, adapter, seed, operations, ...counts, cases };
}

/** All suites of an adapter as one document for report.json. */
export function conformanceReport(suites: readonly SuiteReport[]): ConformanceReport {
  const sum = (field: keyof CaseCounts): number => suites.reduce((total, suite) => total + suite[field], 0);
  return {
    version: 1,
    passed: sum('passed'),
    failed: sum('failed'),
    notApplicable: sum('notApplicable'),
    suites,
  };
}

function fixtureEnd(fixture: ConformanceFixture): Disposing {
  return { [Symbol.asyncDispose]: async () => fixture[Symbol.asyncDispose]?.() };
}

async function disposed(opened: Disposing): Promise<void> {
  await opened[Symbol.asyncDispose]();
}

/** FNV-1a: the same on every machine. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}
