import { describe, expect, test } from 'vitest';
import {
  checkTiming,
  freshRecord,
  lan,
  metro,
  OptionsError,
  pauseBounds,
  startWaitMs,
  ttlPolarization,
  validateOptions,
  type PolarizationOptions,
  type PolarizationTiming,
} from '../../src/index.js';

function broken(change: Partial<PolarizationTiming>): OptionsError {
  try {
    checkTiming({ ...lan, ...change });
  } catch (error) {
    if (error instanceof OptionsError) return error;
    throw error;
  }
  throw new Error('nothing was broken');
}

describe('timing', () => {
  test('both profiles hold all relations', () => {
    expect(() => checkTiming(lan)).not.toThrow();
    expect(() => checkTiming(metro)).not.toThrow();
  });

  test.each<[string, Partial<PolarizationTiming>, string, number]>([
    ['C1', { leaseRenewIntervalMs: 101 }, 'thirdOfTtlMs', 100],
    ['C1', { peerCallTimeoutMs: 80 }, 'giveUpMs', 320],
    ['C2', { preferredLeaseTtlMs: 299 }, 'preferredLeaseTtlMs', 299],
    ['C3', { nonPreferredDelayMs: 49 }, 'witnessCallTimeoutMs', 50],
    ['C4', { unhealthyDelayMs: 229 }, 'neededMs', 230],
    ['C5', { hostIoTimeoutMs: 1_000 }, 'patienceMs', 900],
    ['C6', { replicationTimeoutMs: 300 }, 'replicationTimeoutMs', 300],
    ['C7', { drainBoundMs: 0 }, 'drainBoundMs', 0],
    [
      'C8',
      {
        hostIoTimeoutMs: 500,
        drainBoundMs: 200,
        unhealthyDelayMs: 0,
        nonPreferredDelayMs: 0,
        witnessCallTimeoutMs: 0,
        typicalDetectionMs: 0,
        activationMs: 0,
      },
      'restartMs',
      506,
    ],
    ['clockDriftPpm', { clockDriftPpm: 1_000_000 }, 'clockDriftPpm', 1_000_000],
    ['peerCallTries', { peerCallTries: 1.5 }, 'peerCallTries', 1.5],
    ['leaseTtlMs', { leaseTtlMs: Number.NaN }, 'leaseTtlMs', Number.NaN],
  ])('%s names itself and the numbers that break it', (relation, change, name, value) => {
    const error = broken(change);
    // C5 always breaks before C8 does; what is checked is that one of the two is named with its number.
    if (relation !== 'C8') expect(error.relation).toContain(relation);
    else expect(error.relation).toMatch(/C5|C8/);
    if (Number.isFinite(value) && relation !== 'C8') expect(error.numbers[name]).toBeCloseTo(value, 0);
    expect(error.code).toBe('OPTIONS_INVALID');
  });

  test('bounds are what hosts have to expect', () => {
    const bounds = pauseBounds(lan);
    expect(bounds.preferredLostMs).toBeCloseTo(636, 0);
    expect(bounds.preferredLostWithEvidenceMs).toBe(250);
    expect(bounds.nonPreferredLostMs).toBeCloseTo(506, 0);
    expect(bounds.worstMs).toBeLessThan(lan.hostIoTimeoutMs);
    expect(startWaitMs(lan)).toBeCloseTo(406, 0);
    expect(pauseBounds(metro).preferredLostMs).toBeCloseTo(10_121, 0);
  });
});

describe('options', () => {
  const identity = { groupId: 'g', nodeId: 'a', peerId: 'b', role: 'preferred', machineBootId: 'm' } as const;
  const options: PolarizationOptions = {
    ...identity,
    incarnation: 1,
    bootId: 'a1',
    lineageSeed: 's',
    faultModel: { kind: 'mediator' },
    timing: lan,
    record: freshRecord(identity),
    pristine: true,
  };

  test('a good set is taken', () => {
    expect(() => validateOptions(options)).not.toThrow();
    expect(ttlPolarization.init(options, 5).mode).toBe('unknown');
  });

  test.each<[string, Partial<PolarizationOptions>]>([
    ['two names', { peerId: 'a' }],
    ['a record of somebody else', { nodeId: 'c' }],
    ['an elected stranger', { faultModel: { kind: 'preElected', node: 'c' } }],
    ['a name', { groupId: '' }],
    ['an incarnation', { incarnation: 0 }],
    ['an epoch', { record: { ...options.record, epoch: -1 } }],
  ])('needs %s', (_what, change) => {
    expect(() => ttlPolarization.init({ ...options, ...change }, 0)).toThrow();
  });
});
