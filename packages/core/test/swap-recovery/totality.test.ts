import { describe, expect, test } from 'vitest';
import {
  describeSwap,
  freshSwapRecord,
  HoldfastError,
  OptionsError,
  swapRecovery,
  wouldSwapNow,
  type SwapRecoveryEvent,
  type SwapRecoveryFact,
  type SwapRecoveryState,
  type SwapTuning,
} from '../../src/index.js';
import { explore } from '../support/explorer.js';
import { choices, keyOf, type Choice } from './choices.js';
import { inDuplex, options, soundRules, start, type System } from './model.js';

const record = freshSwapRecord({ groupId: 'g', epoch: 1 });

/** One state of every phase and stage that an exploration meets. */
function statesMet(): ReadonlyMap<string, SwapRecoveryState> {
  const met = new Map<string, SwapRecoveryState>([['unknown', swapRecovery.init(options(record, 1), 0)]]);
  const budget = {
    writes: 0,
    swaps: 1,
    crashes: 1,
    ticks: 4,
    hostFailures: 0,
    damages: 0,
    replacements: 0,
    refusals: 0,
    duplicates: 0,
  };
  const note = ({ policy }: System): void => {
    if (policy !== undefined) met.set(`${policy.phase} ${policy.attempt?.stage ?? ''}`, policy);
  };
  const begin = start(inDuplex(budget), soundRules);
  note(begin);
  explore<System, Choice>(
    begin,
    {
      choices: (system) => choices(system, soundRules),
      apply: (_, { go }) => {
        const next = go();
        note(next);
        return next;
      },
      keyOf,
      brokenRule: ({ broken }) => broken,
    },
    60_000,
  );
  return met;
}

const sick = { site: 'first', codeClass: 'C3', token: 't', severity: 'acute' } as const;
const effect = 'g/n/1/99/0';
const facts: readonly SwapRecoveryFact[] = [
  { kind: 'tick' },
  { kind: 'epoch-known', epoch: 0, activeSite: 'second', duplex: false },
  { kind: 'epoch-known', epoch: 9, activeSite: 'second', duplex: false },
  { kind: 'epoch-known', epoch: -1, activeSite: 'first', duplex: true },
  { kind: 'health-reported', ...sick, report: 'open', estimatedDelayMs: 9_000 },
  { kind: 'health-reported', ...sick, report: 'resolved' },
  { kind: 'health-reported', ...sick, report: 'update', estimatedDelayMs: -1 },
  { kind: 'health-reported', ...sick, site: 'second', report: 'open' },
  { kind: 'health-listed', effect, open: [] },
  { kind: 'health-list-failed', effect, detail: 'late' },
  { kind: 'site-changed', site: 'first', reachable: false, inService: false, replaced: false },
  { kind: 'site-changed', site: 'second', reachable: true, inService: false, replaced: true },
  { kind: 'link-changed', up: false },
  { kind: 'members-changed', volumes: 2, mirrored: 1 },
  { kind: 'losses-counted', lostShare: 2 },
  { kind: 'losses-counted', lostShare: 0.5 },
  { kind: 'tracks-lost', site: 'first', extents: [{ startBytes: 0, lengthBytes: 1 }] },
  { kind: 'tracks-lost', site: 'second', extents: [{ startBytes: -1, lengthBytes: 1 }] },
  { kind: 'change-map-lost' },
  { kind: 'operation-granted', effect },
  { kind: 'operation-refused', effect, by: 'another' },
  { kind: 'io-frozen', effect },
  { kind: 'freeze-failed', effect, detail: 'late' },
  { kind: 'hosts-switched', effect, failedHosts: ['h'] },
  { kind: 'switch-failed', effect, detail: 'late' },
  { kind: 'hosts-fenced', effect },
  { kind: 'fence-failed', effect, detail: 'late' },
  { kind: 'tracks-marked', effect },
  { kind: 'mirror-changed', effect, mirror: 'duplex' },
  { kind: 'mirror-changed', effect, mirror: 'failed' },
  { kind: 'persisted', effect },
  { kind: 'persist-failed', effect, detail: 'EIO' },
  { kind: 'command', commandId: 'c', command: { kind: 'approve' } },
  { kind: 'command', commandId: 'c', command: { kind: 'unlock' } },
  { kind: 'command', commandId: 'c', command: { kind: 'acknowledge', site: 'first', token: 't' } },
];

describe('every phase and every fact', () => {
  const states = statesMet();

  test('were met', () => {
    const phases = new Set([...states.values()].map(({ phase }) => phase));
    for (const phase of [
      'unknown',
      'duplex',
      'swapping',
      'committing',
      'waiting',
      'stabilizing',
      'remirroring',
    ])
      expect([...phases]).toContain(phase);
  });

  test('have an answer that keeps every rule, changes no input, survives JSON, and says why in a sentence', () => {
    for (const [name, state] of states) {
      const before = JSON.stringify(state);
      for (const fact of facts) {
        const event: SwapRecoveryEvent = { ...fact, at: state.now, sequence: 77 };
        const step = swapRecovery.step(state, event);
        const again = swapRecovery.step(JSON.parse(before) as SwapRecoveryState, event);
        expect(JSON.stringify(again), `${name} ${fact.kind}`).toBe(JSON.stringify(step));
        expect(JSON.stringify(state)).toBe(before);
        for (const invariant of swapRecovery.invariants)
          expect(
            invariant.check(step.state),
            `${name}, ${JSON.stringify(fact)}: ${invariant.name}`,
          ).toBeUndefined();
        for (const one of step.effects) expect(swapRecovery.explain(one)).toMatch(/^[A-Z].*\.$/s);
        expect(describeSwap(step.state).epoch).toBeGreaterThanOrEqual(1);
        expect(wouldSwapNow(step.state, { severity: 'acute' }).detail).not.toContain('undefined');
      }
    }
  });

  test('count an answer that nobody waits for', () => {
    const [state] = states.values();
    const event = { kind: 'io-frozen', effect, at: state?.now ?? 0, sequence: 5 } as const;
    const step = swapRecovery.step(state!, event);
    expect(step.state.absorbed['answer-not-awaited']).toBe((state?.absorbed['answer-not-awaited'] ?? 0) + 1);
  });
});

describe('options', () => {
  test.each<[string, Partial<SwapTuning>]>([
    ['pollMs < stableMs', { pollMs: 300_000 }],
    ['freezeTimeoutMs < hostIoTimeoutMs', { freezeTimeoutMs: 30_000 }],
    ['holdDownMs > stableMs + expectedResyncMs / 10', { holdDownMs: 480_000 }],
    ['maxRestarts is a whole number of 1 or more', { maxRestarts: 0 }],
    ['maxSwaps is a whole number of 1 or more', { maxSwaps: 1.5 }],
    ['persistRetryMs > 0', { persistRetryMs: 0 }],
    ['delayThresholdMs >= 0', { delayThresholdMs: -1 }],
    ['maxLostShare >= 0', { maxLostShare: Number.NaN }],
  ])('%s', (relation, tuning) => {
    const init = (): unknown => swapRecovery.init({ ...options(record, 1), tuning }, 0);
    expect(init).toThrow(OptionsError);
    expect(init).toThrow(relation);
  });

  test('leave a record and a state of a newer release alone', () => {
    const newer = JSON.parse(JSON.stringify({ ...record, version: 2 })) as typeof record;
    const state = JSON.parse(
      JSON.stringify({ ...swapRecovery.init(options(record, 1), 0), version: 2 }),
    ) as SwapRecoveryState;
    for (const act of [
      () => swapRecovery.init(options(newer, 1), 0),
      () => swapRecovery.step(state, { kind: 'tick', at: 0, sequence: 1 }),
    ]) {
      try {
        act();
        expect.unreachable();
      } catch (error) {
        expect(HoldfastError.is(error, 'NOT_SUPPORTED')).toBe(true);
      }
    }
  });
});
