import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  applianceUpgrade,
  applianceUpgradeDefaults,
  judgeDelta,
  type DeltaPass,
  type DeltaRule,
  type UpgradeRecord,
} from '../../src/index.js';

const rule: DeltaRule = { ...applianceUpgradeDefaults.delta, switchoverBudgetMs: 300_000 };
const numRuns = Number(process.env['HOLDFAST_RUNS'] ?? 300);

/** A link and a load that never change: passes one after the other, and how long the last delta would really take after each. */
function steadyLink(baseBytes: number, writesPerMs: number, bytesPerMs: number) {
  const passes: DeltaPass[] = [];
  let pendingBytes = writesPerMs * (baseBytes / bytesPerMs);
  return {
    passes,
    next(): void {
      const movedBytes = pendingBytes;
      const tookMs = movedBytes / bytesPerMs;
      pendingBytes = writesPerMs * tookMs;
      passes.push({ movedBytes, tookMs });
    },
    /** Nobody writes any more; what is pending has to go over. */
    finalMs: () => pendingBytes / bytesPerMs,
  };
}

describe('when the deltas are small enough', () => {
  test('with a steady link and a load below it, the last delta never takes longer than promised, and no pass is wasted', () => {
    const size = fc.double({ min: 1e6, max: 1e12, noNaN: true });
    const share = fc.double({ min: 0, max: 0.99, noNaN: true });
    const speed = fc.double({ min: 100, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(size, share, speed, (baseBytes, writeShare, bytesPerMs) => {
        const link = steadyLink(baseBytes, writeShare * bytesPerMs, bytesPerMs);
        let verdict = judgeDelta(link.passes, rule);
        while (verdict.kind === 'another-pass') {
          // The dumb reference: had the last pass itself met both limits, the loop would have ended.
          const last = link.passes.at(-1);
          if (last !== undefined) {
            const isAffordable = last.tookMs <= 75_000;
            expect(isAffordable && (last.tookMs <= 10_000 || last.movedBytes <= 16_777_216)).toBe(false);
          }
          link.next();
          verdict = judgeDelta(link.passes, rule);
        }
        expect(link.passes.length).toBeLessThanOrEqual(rule.maximumPasses);
        if (verdict.kind === 'switch-over') expect(link.finalMs()).toBeLessThanOrEqual(75_000);
        else expect(link.passes.at(-1)?.tookMs ?? 0).toBeGreaterThan(75_000);
      }),
      { numRuns, seed: 5 },
    );
  });

  test('a small delta on a slow link is not small enough', () => {
    const passes = [{ movedBytes: 16_000_000, tookMs: 1_600_000 }];
    expect(judgeDelta(passes, rule).kind).toBe('another-pass');
    expect(
      judgeDelta(
        Array.from({ length: 5 }, () => passes[0]!),
        rule,
      ).kind,
    ).toBe('does-not-converge');
  });

  test('the slowest rate seen counts: a fast pass after a slow one promises nothing', () => {
    const passes = [
      { movedBytes: 100_000_000, tookMs: 100_000 },
      { movedBytes: 90_000_000, tookMs: 9_000 },
    ];
    expect(judgeDelta(passes, rule)).toEqual({ kind: 'another-pass', estimateMs: 90_000, limitMs: 75_000 });
  });

  test('nothing written is close enough', () => {
    expect(judgeDelta([{ movedBytes: 0, tookMs: 20 }], rule).kind).toBe('switch-over');
  });
});

describe('options', () => {
  const base = { ...applianceUpgradeDefaults, groupId: 'g', nodeId: 'lcm', incarnation: 1 };
  const { timing, delta } = applianceUpgradeDefaults;
  test.each([
    [
      { timing: { ...timing, healthTimeoutMs: 400_000 } },
      'healthTimeoutMs <= switchoverBudgetMs does not hold: healthTimeoutMs = 400000',
    ],
    [
      { delta: { ...delta, finalDeltaTargetMs: 80_000 } },
      'finalDeltaTargetMs <= switchoverBudgetMs / 4 does not hold',
    ],
    [{ tries: 0 }, 'tries >= 1 does not hold'],
    [{ timing: { ...timing, retryMs: 0 } }, 'retryMs > 0 does not hold'],
  ])('%#', (change, message) => {
    expect(() => applianceUpgrade.init({ ...base, ...change }, 0)).toThrow(message);
  });

  test('a record or a state of another version is refused and left alone', () => {
    const record = JSON.parse('{"version":2,"kind":"upgrade"}') as UpgradeRecord;
    expect(() => applianceUpgrade.init({ ...base, record }, 0)).toThrow('version 2');
    const state = { ...applianceUpgrade.init(base, 0), version: 7 } as unknown as Parameters<
      typeof applianceUpgrade.step
    >[0];
    expect(() => applianceUpgrade.step(state, { kind: 'tick', at: 0, sequence: 1 })).toThrow('version 7');
  });
});
