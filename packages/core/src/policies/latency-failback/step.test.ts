import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import {
  describeFailback,
  explainFailback,
  failbackDefaults,
  freshFailbackRecord,
  HoldfastError,
  latencyFailback,
  OptionsError,
  validateFailbackOptions,
  wouldRedirectNow,
  type FailbackTuning,
  type LatencyFailbackFact,
  type LatencyFailbackState,
} from '../../index.js';
import { apply, calm, choices } from '../../../test/latency-failback/choices.js';
import {
  afterSwap,
  crash,
  options,
  perform,
  soundRules,
  start,
  type Budget,
  type System,
} from '../../../test/latency-failback/model.js';

const plenty: Budget = {
  faults: 9,
  repairs: 9,
  writes: 9,
  crashes: 9,
  redirects: 9,
  revocations: 9,
  duplicates: 9,
  mapLosses: 9,
  diskFailures: 9,
  ticks: 9,
};

const adverse = ['fail', 'crash', 'revoke', 'lose-map', 'persist-fails', 'tick', 'write'];

/** Random walks, mostly straight on, that between them meet every phase in many states. */
function someStates(): ReadonlyMap<string, readonly LatencyFailbackState[]> {
  const found = new Map<string, LatencyFailbackState[]>();
  let random = 1;
  for (let run = 0; run < 60; run += 1) {
    let system: System = { ...start(afterSwap(plenty), soundRules), otherBlocks: run % 2 };
    for (let count = 0; count < 120; count += 1) {
      const { policy } = system;
      if (policy !== undefined) {
        const list = found.get(policy.phase) ?? [];
        found.set(policy.phase, list.length < 4 ? [...list, policy] : [...list.slice(1), policy]);
      }
      random = (random * 48_271) % 0x7fff_ffff;
      const isAdverse = random % 11 === 0;
      const some = choices(system, soundRules).filter(
        (one) => isAdverse || !(adverse.includes(one.kind) || (one.kind === 'answer' && one.again)),
      );
      const choice = some[random % some.length];
      if (choice === undefined) break;
      system = apply(system, choice, soundRules);
    }
  }
  const home = calm(start({ ...afterSwap(plenty), otherBlocks: 1 }, soundRules), soundRules);
  let lost = calm(apply(home, { kind: 'redirect' }, soundRules), soundRules);
  for (const choice of [
    { kind: 'fail', what: 'secondary' },
    { kind: 'fact' },
    { kind: 'prove-end' },
  ] as const)
    lost = apply(lost, choice, soundRules);
  const { policy: partial } = apply(lost, { kind: 'tell-epoch' }, soundRules);
  return found.set(partial!.phase, [partial!]);
}

const sums = { reads: 9, readsTotalUs: 9, readsOutOfSync: 1, writes: 1, writesTotalUs: 1, writesPartial: 0 };
const probe = {
  primaryReadUs: 1,
  primaryWriteUs: 1,
  secondaryReadUs: 1,
  secondaryWriteUs: 1,
  roundTripUs: 1,
};

function everyFact(effect: string): readonly LatencyFailbackFact[] {
  return [
    { kind: 'tick' },
    { kind: 'epoch-known', epoch: 0, activeSite: 'primary', completeCopy: 'both', from: 'peer' },
    { kind: 'epoch-known', epoch: 99, activeSite: 'secondary', completeCopy: 'secondary', from: 'group' },
    { kind: 'epoch-known', epoch: 99, activeSite: 'secondary', completeCopy: 'primary', from: 'group' },
    { kind: 'epoch-known', epoch: NaN, activeSite: 'primary', completeCopy: 'both', from: 'witness' },
    { kind: 'health-changed', site: 'primary', ok: true, detail: '' },
    { kind: 'health-changed', site: 'primary', ok: false, detail: '' },
    { kind: 'health-changed', site: 'secondary', ok: true, detail: '' },
    { kind: 'health-changed', site: 'secondary', ok: false, detail: '' },
    { kind: 'link-changed', up: true },
    { kind: 'link-changed', up: false },
    { kind: 'secondary-ended', how: 'exit-observed' },
    { kind: 'recovery-started', effect, generation: 3, outOfSyncBytes: 5, totalBytes: 9 },
    { kind: 'recovery-failed', effect, detail: '' },
    {
      kind: 'recovery-progress',
      generation: 3,
      outOfSyncBytes: 0,
      copiedBytes: 1,
      dirtiedBytes: 0,
      copyErrors: 0,
    },
    {
      kind: 'recovery-progress',
      generation: 3,
      outOfSyncBytes: NaN,
      copiedBytes: -1,
      dirtiedBytes: 0,
      copyErrors: 1,
    },
    { kind: 'map-lost', site: 'primary' },
    { kind: 'io-sampled', site: 'primary', sums },
    { kind: 'io-sampled', site: 'secondary', sums: { ...sums, reads: Infinity } },
    { kind: 'host-lost', hostId: 'h' },
    { kind: 'probe-answered', effect, probe },
    { kind: 'probe-answered', effect, probe: { ...probe, roundTripUs: NaN } },
    { kind: 'probe-failed', effect, detail: '' },
    { kind: 'operation-granted', effect },
    { kind: 'operation-refused', effect, by: '' },
    { kind: 'operation-revoked', by: 'a fault' },
    { kind: 'survivor-pinned', effect },
    { kind: 'pin-failed', effect, detail: '' },
    { kind: 'drained', effect },
    { kind: 'map-handed-over', effect, generation: 4, outOfSyncBytes: 5 },
    { kind: 'map-handed-over', effect, generation: 4, outOfSyncBytes: NaN },
    { kind: 'map-handover-failed', effect, detail: '' },
    { kind: 'persisted', effect },
    { kind: 'persist-failed', effect, detail: '' },
    { kind: 'command', commandId: 'c', command: { kind: 'redirect', expectedEpoch: 1 } },
    { kind: 'command', commandId: 'c', command: { kind: 'abort' } },
    { kind: 'command', commandId: 'c', command: { kind: 'unlock' } },
  ];
}

/** A field that is absent and one that is undefined are the same to a state. */
function withoutAbsent(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutAbsent);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, part]) => part !== undefined)
      .map(([name, part]) => [name, withoutAbsent(part)]),
  );
}

function freeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(freeze);
  return Object.freeze(value);
}

describe('the policy', () => {
  test('is total: every fact in every phase, awaited or not, changes nothing it was given and breaks nothing', () => {
    const states = someStates();
    expect([...states.keys()].sort()).toEqual(
      ['awaiting', 'committing', 'onSecondary', 'partial', 'preparing', 'primary', 'quiescing']
        .concat(['readThrough', 'resync', 'synced', 'unknown'])
        .sort(),
    );
    for (const state of [...states.values()].flat()) {
      const frozen = freeze(structuredClone(state));
      const awaited = [
        state.attempt?.effect,
        state.saving?.effect,
        state.recovery?.effect,
        state.probing,
        'nobody',
      ];
      for (const fact of awaited.flatMap((effect) => everyFact(effect ?? 'nobody'))) {
        const { state: next, effects } = latencyFailback.step(frozen, {
          ...fact,
          at: state.now,
          sequence: 5_000,
        });
        const wrong = latencyFailback.invariants.flatMap((invariant) => {
          const broken = invariant.check(next);
          return broken === undefined ? [] : [`${invariant.name}: ${broken}`];
        });
        expect(wrong, `${state.phase} ${fact.kind}`).toEqual([]);
        for (const { because } of effects) expect(explainFailback(because)).toMatch(/^[A-Z][^]*\.$/);
        expect(
          isDeepStrictEqual(withoutAbsent(JSON.parse(JSON.stringify(next))), withoutAbsent(next)),
          fact.kind,
        ).toBe(true);
        const at = latencyFailback.wakeAt(next);
        if (at === undefined) continue;
        const later = latencyFailback.step(next, {
          kind: 'tick',
          at: Math.max(at, next.now),
          sequence: 5_001,
        }).state;
        expect(latencyFailback.wakeAt(later) ?? Infinity).toBeGreaterThan(at);
      }
    }
  }, 30_000);

  test('counts answers that nobody awaits, epochs of the past and numbers that are none', () => {
    const { policy } = calm(start(afterSwap(plenty), soundRules), soundRules);
    let state = policy!;
    for (const fact of everyFact('nobody'))
      state = latencyFailback.step(state, { ...fact, at: 0, sequence: 9 }).state;
    expect(state.absorbed['answer-not-awaited']).toBeGreaterThan(10);
    expect(state.absorbed['not-a-number']).toBeGreaterThan(1);
    expect(state.absorbed.contradiction).toBe(1);
  });

  test('serves nothing after a start before somebody has said which epoch is the highest', () => {
    const record = { ...freshFailbackRecord({ groupId: 'g', epoch: 3 }), completeCopy: 'secondary' as const };
    const system = start(
      { ...afterSwap(plenty), disk: record, group: { epoch: 4, active: 'secondary', pinned: true } },
      soundRules,
    );
    expect(system.policy).toMatchObject({ phase: 'unknown', gate: { host: 'closed' } });
  });

  test('refuses a record or state of another version, and leaves it as it is', () => {
    const record = { ...freshFailbackRecord({ groupId: 'g', epoch: 1 }), version: 2 as unknown as 1 };
    const begin = (): unknown => latencyFailback.init(options({ disk: record, life: 1 }), 0);
    expect(begin).toThrow(/record has version 2, and this release knows version 1/);
    const { policy } = start(afterSwap(plenty), soundRules);
    const newer = { ...policy!, version: 2 as unknown as 1 };
    let error: unknown;
    try {
      latencyFailback.step(newer, { kind: 'tick', at: 0, sequence: 1 });
    } catch (thrown) {
      error = thrown;
    }
    expect(HoldfastError.is(error, 'NOT_SUPPORTED')).toBe(true);
  });

  test('comes to the same end when it dies before or after any wish', () => {
    const begin = calm(start(afterSwap(plenty), soundRules), soundRules);
    const home = (system: System): System => {
      let now = calm(system, soundRules);
      for (let round = 0; now.policy?.phase !== 'primary' && round < 3; round += 1)
        now = calm(apply(now, { kind: 'redirect' }, soundRules), soundRules);
      return now;
    };
    const ends = new Set<string>();
    let interruptions = 0;
    for (const side of ['before', 'after'] as const) {
      let system = apply(begin, { kind: 'redirect' }, soundRules);
      for (let guard = 0; guard < 200; guard += 1) {
        const next = choices(system, soundRules).find(({ kind }) =>
          ['perform', 'answer', 'fact'].includes(kind),
        );
        if (next === undefined) break;
        if (next.kind === 'perform') {
          interruptions += 1;
          const done = side === 'after' ? perform(system, system.pending[0]!, soundRules) : system;
          const { policy, marked, atPrimary, acked, group, broken } = home(crash(done));
          expect(broken).toBeUndefined();
          ends.add(
            JSON.stringify([
              policy?.phase,
              policy?.record.completeCopy,
              marked,
              atPrimary === acked,
              group.pinned,
            ]),
          );
        }
        system = apply(system, next, soundRules);
      }
    }
    expect([...ends]).toEqual([
      JSON.stringify(['primary', 'both', { primary: false, secondary: false }, true, false]),
    ]);
    expect(interruptions).toBeGreaterThanOrEqual(16);
  });
});

describe('what would happen?', () => {
  test('is answered with every condition and its numbers', () => {
    const { policy } = calm(start(afterSwap(plenty), soundRules), soundRules);
    const forecast = wouldRedirectNow(policy!);
    expect(forecast).toMatchObject({ wouldRedirect: false, agreeing: 0, windows: 0 });
    expect(forecast.detail).toContain('0 of 0 windows say that home is faster');
    expect(forecast.guards.map(({ name }) => name)).toEqual([
      'primary-healthy',
      'secondary-healthy',
      'link-stable',
      'map-known',
      'out-of-sync-bounded',
      'no-copy-errors',
      'record-at-rest',
      'dwell',
      'copy-gains',
      'pause-after-abort',
      'not-locked',
    ]);
    const status = describeFailback(policy!);
    expect(JSON.parse(JSON.stringify(status))).toEqual(status);
  });
});

describe('options', () => {
  const check = (tuning: Partial<FailbackTuning>): void => {
    const record = freshFailbackRecord({ groupId: 'g', epoch: 1 });
    validateFailbackOptions({ groupId: 'g', nodeId: 'c', incarnation: 1, record, tuning });
  };

  test('hold as they come', () => {
    expect(() => check({})).not.toThrow();
  });

  test.each([
    [
      { probeFreshMs: 10 },
      'probeFreshMs >= windowMs',
      { probeFreshMs: 10, windowMs: failbackDefaults.windowMs },
    ],
    [
      { maxQuiesceMs: 30_000 },
      'maxQuiesceMs < hostIoTimeoutMs',
      { maxQuiesceMs: 30_000, hostIoTimeoutMs: 30_000 },
    ],
    [{ decisionShare: 0 }, 'decisionShare is above 0 and at most 1', { decisionShare: 0 }],
    [{ dwellMs: 4e6 }, 'movesWindowMs >= dwellMs', { movesWindowMs: 3.6e6, dwellMs: 4e6 }],
    [{ loadFactor: 0.5 }, 'loadFactor >= 1', { loadFactor: 0.5 }],
    [{ minimumSamples: 0 }, 'minimumSamples is a whole number of 1 or more', { minimumSamples: 0 }],
    [{ windowMs: 0 }, 'windowMs > 0', { windowMs: 0 }],
    [{ maxOutOfSyncBytes: -1 }, 'maxOutOfSyncBytes is a number of 0 or more', { maxOutOfSyncBytes: -1 }],
    [
      { threshold: { kind: 'relative', share: 0.2 } },
      'alarmThreshold >= threshold',
      { alarmThreshold: 0.1, threshold: 0.2 },
    ],
  ] as const)('%j breaks a relation that is named with its numbers', (tuning, relation, numbers) => {
    let error: unknown;
    try {
      check(tuning);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(OptionsError);
    expect(error).toMatchObject({ relation, numbers });
  });
});
