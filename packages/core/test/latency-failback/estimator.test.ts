import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addIo,
  breakEvenMissShare,
  estimateFailback,
  latencyFailback,
  mergeIo,
  noIo,
  type FailbackEstimate,
  type IoSample,
  type LatencyFailbackFact,
  type LatencyFailbackState,
  type SiteProbe,
} from '../../src/index.js';
import { afterSwap } from './model.js';

const numRuns = Number(process.env['HOLDFAST_RUNS'] ?? 200);

const samples = fc.record<IoSample>({
  operation: fc.constantFrom('read', 'write'),
  latencyUs: fc.integer({ min: 1, max: 100_000 }),
  outOfSync: fc.boolean(),
  partial: fc.boolean(),
});
const times = fc.integer({ min: 1, max: 50_000 });
const probes = fc.record<SiteProbe>({
  primaryReadUs: times,
  primaryWriteUs: times,
  secondaryReadUs: times,
  secondaryWriteUs: times,
  roundTripUs: times,
});

/** The same from the raw list, one pass per number, with nothing kept between windows. */
function dumbEstimate(list: readonly IoSample[], probe: SiteProbe, outOfSyncBytes: number): number[] {
  const reads = list.filter(({ operation }) => operation === 'read');
  const writes = list.filter(({ operation }) => operation === 'write');
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, one) => sum + one, 0) / values.length;
  const recorded = mean(list.map(({ latencyUs }) => latencyUs));
  const missed = reads.filter(({ outOfSync }) => outOfSync).length;
  const byBlocks = outOfSyncBytes / 1_000;
  const some = reads.length === 0 ? byBlocks : (missed + 1) / (reads.length + 2);
  const miss = outOfSyncBytes === 0 ? 0 : some;
  const partial = writes.length === 0 ? 0 : writes.filter((one) => one.partial).length / writes.length;
  const fetch = probe.roundTripUs + probe.secondaryReadUs;
  const write = Math.max(probe.primaryWriteUs, probe.roundTripUs + probe.secondaryWriteUs);
  const expected = mean(
    list.map(({ operation }) =>
      operation === 'read'
        ? (1 - miss) * probe.primaryReadUs + miss * (probe.primaryReadUs + fetch)
        : write + partial * miss * fetch,
    ),
  );
  return [recorded, expected, miss];
}

const shown = ({ recordedUs, expectedUs, missShare }: FailbackEstimate): number[] => [
  recordedUs,
  expectedUs,
  missShare,
];

function expectClose(actual: readonly number[], wanted: readonly number[]): void {
  actual.forEach((value, index) => {
    const one = wanted[index]!;
    expect(Math.abs(value - one)).toBeLessThanOrEqual(1e-8 * Math.max(1, one));
  });
}

describe('expected and recorded latency', () => {
  test('are what the raw samples say, in whatever portions they arrive', () => {
    fc.assert(
      fc.property(
        fc.array(samples, { minLength: 1, maxLength: 60 }),
        probes,
        fc.constantFrom(0, 400),
        fc.array(fc.nat(60), { maxLength: 5 }),
        (list, probe, outOfSyncBytes, cuts) => {
          const edges = [0, ...[...cuts].sort((one, other) => one - other), list.length];
          const portions = edges.slice(1).map((end, index) => list.slice(edges[index], end));
          const sums = portions.map((portion) => portion.reduce(addIo, noIo)).reduceRight(mergeIo, noIo);
          const input = { sums, probe, outOfSyncBytes, totalBytes: 1_000, loadFactor: 1, newestShare: 1 };
          expectClose(shown(estimateFailback(input)), dumbEstimate(list, probe, outOfSyncBytes));
        },
      ),
      { numRuns },
    );
  });

  test('of the worked example break even at 58 % of missed accesses, and at 46 % when a tenth is demanded', () => {
    const sums = {
      reads: 700,
      readsTotalUs: 1_239_000,
      readsOutOfSync: 0,
      writes: 300,
      writesTotalUs: 531_000,
      writesPartial: 60,
    };
    const probe = {
      primaryReadUs: 600,
      primaryWriteUs: 500,
      secondaryReadUs: 900,
      secondaryWriteUs: 700,
      roundTripUs: 1_000,
    };
    const estimate = estimateFailback({
      sums,
      probe,
      outOfSyncBytes: 1,
      totalBytes: 10,
      loadFactor: 1,
      newestShare: 1,
    });
    expect(estimate.recordedUs).toBe(1_770);
    expect(breakEvenMissShare(estimate, { kind: 'relative', share: 0 })).toBeCloseTo(0.58, 2);
    expect(breakEvenMissShare(estimate, { kind: 'relative', share: -0.1 })).toBeCloseTo(0.46, 2);
    expect(breakEvenMissShare(estimate, { kind: 'absolute', us: -177 })).toBeCloseTo(0.46, 2);
  });

  test('say the more for the secondary the more is missed, and never depend on the baseline of old', () => {
    fc.assert(
      fc.property(probes, fc.nat(100), fc.nat(100), (probe, some, more) => {
        const expectedAt = (readsOutOfSync: number): number =>
          estimateFailback({
            sums: {
              reads: 200,
              readsTotalUs: 1,
              readsOutOfSync,
              writes: 50,
              writesTotalUs: 1,
              writesPartial: 10,
            },
            probe,
            outOfSyncBytes: 1,
            totalBytes: 10,
            loadFactor: 1,
            newestShare: 1,
          }).expectedUs;
        expect(expectedAt(some + more)).toBeGreaterThanOrEqual(expectedAt(some));
      }),
      { numRuns },
    );
  });
});

const probe: SiteProbe = {
  primaryReadUs: 100,
  primaryWriteUs: 100,
  secondaryReadUs: 100,
  secondaryWriteUs: 100,
  roundTripUs: 100,
};
const windowMs = 100;
const tuning = {
  windowMs,
  minimumSamples: 3,
  decisionWindows: 4,
  decisionShare: 0.7,
  linkStableMs: 0,
  probeFreshMs: 1e6,
  dwellMs: 1e6,
} as const;

/** The secondary is active and the resync runs from time 0 on; a redirect is held back by its dwell, so that votes go on. */
function resyncing(
  average: 'mean' | 'ewma',
): (fact: LatencyFailbackFact, at: number) => LatencyFailbackState {
  const record = afterSwap({} as never).disk;
  const smoothing =
    average === 'mean' ? { kind: 'mean' as const } : { kind: 'ewma' as const, newestShare: 0.5 };
  let state = latencyFailback.init(
    { groupId: 'g', nodeId: 'c', incarnation: 1, record, tuning: { ...tuning, average: smoothing } },
    0,
  );
  let sequence = 0;
  const tell = (fact: LatencyFailbackFact, at: number): LatencyFailbackState => {
    const step = latencyFailback.step(state, { ...fact, at, sequence: (sequence += 1) });
    state = step.state;
    const probed = step.effects.find(({ kind }) => kind === 'probe');
    return probed === undefined ? state : tell({ kind: 'probe-answered', effect: probed.id, probe }, at);
  };
  tell({ kind: 'health-changed', site: 'primary', ok: true, detail: '' }, 0);
  tell({ kind: 'health-changed', site: 'secondary', ok: true, detail: '' }, 0);
  tell({ kind: 'link-changed', up: true }, 0);
  tell(
    { kind: 'epoch-known', epoch: 1, activeSite: 'secondary', completeCopy: 'secondary', from: 'witness' },
    0,
  );
  const effect = state.recovery!.effect;
  tell({ kind: 'recovery-started', effect, generation: 1, outOfSyncBytes: 400, totalBytes: 1_000 }, 0);
  return tell;
}

describe('windows and votes', () => {
  test.each(['mean', 'ewma'] as const)('are those of the raw list of samples, by %s', (average) => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 60 }), fc.array(samples, { maxLength: 5 })), {
          maxLength: 40,
        }),
        (bursts) => {
          const tell = resyncing(average);
          const heard: { readonly at: number; readonly sample: IoSample }[] = [];
          let at = 0;
          for (const [pauseMs, burst] of bursts) {
            at += pauseMs;
            tell({ kind: 'io-sampled', site: 'secondary', sums: burst.reduce(addIo, noIo) }, at);
            heard.push(...burst.map((sample) => ({ at, sample })));
          }
          const { votes } = tell({ kind: 'tick' }, at);
          const wanted: string[] = [];
          let smoothed: number | undefined;
          for (let end = windowMs; end <= at; end += windowMs) {
            const list = heard
              .filter((one) => one.at >= end - windowMs && one.at < end)
              .map(({ sample }) => sample);
            if (list.length < tuning.minimumSamples) {
              wanted.push('void');
              continue;
            }
            const [mean = 0, expected = 0] = dumbEstimate(list, probe, 400);
            smoothed = average === 'mean' || smoothed === undefined ? mean : 0.5 * mean + 0.5 * smoothed;
            // Exactly on the threshold rounding decides: such a run says nothing.
            fc.pre(Math.abs(expected - 0.9 * smoothed) > 1e-6);
            wanted.push(expected <= 0.9 * smoothed ? 'agrees' : 'disagrees');
          }
          expect(votes).toEqual(wanted.slice(-tuning.decisionWindows));
        },
      ),
      { numRuns: Math.min(numRuns, 2_000) },
    );
  });
});
