import { describe, expect, test } from 'vitest';
import {
  latencyFailback,
  wouldRedirectNow,
  type LatencyFailbackEffect,
  type LatencyFailbackState,
} from '../../src/index.js';
import { calm } from './choices.js';
import { afterSwap, soundRules, start, type Budget } from './model.js';

/** The moment before the fifth window closes, with all four before it in favour of home. */
function aboutToDecide(): LatencyFailbackState {
  const { policy } = calm(
    start({ ...afterSwap({ writes: 0 } as Budget), otherBlocks: 5 }, soundRules),
    soundRules,
  );
  const now = 1_000_000;
  return {
    ...policy!,
    tuning: {
      ...policy!.tuning,
      windowMs: 60_000,
      probeFreshMs: 120_000,
      dwellMs: 120_000,
      minimumSamples: 200,
      maxMoves: 3,
    },
    now,
    phase: 'resync',
    link: { up: true, since: 0 },
    activeSince: 0,
    votes: ['agrees', 'agrees', 'agrees', 'agrees'],
    probe: {
      values: {
        primaryReadUs: 600,
        primaryWriteUs: 500,
        secondaryReadUs: 900,
        secondaryWriteUs: 700,
        roundTripUs: 1_000,
      },
      at: now - 60_000,
    },
    window: {
      startedAt: now - 59_999,
      sums: {
        reads: 700,
        readsTotalUs: 1_239_000,
        readsOutOfSync: 200,
        writes: 300,
        writesTotalUs: 531_000,
        writesPartial: 60,
      },
      copiedBytes: 2,
      dirtiedBytes: 1,
    },
  };
}

function decide(state: LatencyFailbackState): readonly LatencyFailbackEffect[] {
  return latencyFailback.step(state, { kind: 'tick', at: state.now + 1, sequence: 77 }).effects;
}

const goes = (effects: readonly LatencyFailbackEffect[]): boolean =>
  effects.some(({ kind }) => kind === 'request-operation');

describe('with latencies that speak for home', () => {
  test('I/O goes home when nothing speaks against it', () => {
    const effects = decide(aboutToDecide());
    expect(goes(effects)).toBe(true);
    const asked = effects.find(({ kind }) => kind === 'request-operation');
    expect(asked?.because).toMatchObject({
      kind: 'faster-at-home',
      agreeing: 5,
      windows: 5,
      recordedUs: 1_770,
    });
  });

  test.each<[string, (state: LatencyFailbackState) => Partial<LatencyFailbackState>]>([
    [
      'out-of-sync-bounded',
      ({ map, tuning }) => ({ map: { ...map, outOfSyncBytes: tuning.maxOutOfSyncBytes + 1 } }),
    ],
    ['no-copy-errors', ({ map }) => ({ map: { ...map, copyErrors: 1 } })],
    ['dwell', ({ now }) => ({ activeSince: now - 1 })],
    ['copy-gains', ({ window }) => ({ window: { ...window!, copiedBytes: 1, dirtiedBytes: 1 } })],
    ['pause-after-abort', ({ now }) => ({ attemptAt: now + 10 })],
    [
      'link-stable',
      ({ now, tuning }) => ({ link: { up: true, since: now }, tuning: { ...tuning, linkStableMs: 30_000 } }),
    ],
    [
      'record-at-rest',
      ({ record }) => ({ saving: { effect: 'g/c/1/1/9', record: { ...record }, then: 'nothing' } }),
    ],
  ])('it stays when the guard %s does not hold, and says so', (guard, change) => {
    const state = aboutToDecide();
    const effects = decide({ ...state, ...change(state) });
    expect(goes(effects)).toBe(false);
    expect(effects.find(({ because }) => because.kind === 'withheld')?.because).toMatchObject({ guard });
  });

  test('it stays for good after too many changes of site, and the lock outlives the process', () => {
    const state = aboutToDecide();
    const effects = decide({ ...state, moves: [state.now - 3, state.now - 2, state.now - 1] });
    expect(goes(effects)).toBe(false);
    const saved = effects.find((effect) => effect.kind === 'persist');
    expect(saved?.record.lock).toBe('moves');
    expect(goes(decide({ ...state, record: { ...state.record, lock: 'moves' } }))).toBe(false);
    // Changes of long ago do not count any more.
    expect(goes(decide({ ...state, moves: [1, 2, 3].map((ago) => state.now - 3_600_000 - ago) }))).toBe(true);
  });

  test.each<[string, (state: LatencyFailbackState) => Partial<LatencyFailbackState>]>([
    ['the samples are too few', ({ tuning }) => ({ tuning: { ...tuning, minimumSamples: 1_001 } })],
    [
      'the newest window does not agree',
      ({ probe }) => ({ probe: { ...probe!, values: { ...probe!.values, primaryReadUs: 9_000 } } }),
    ],
    ['the probe is an old one', ({ probe, now }) => ({ probe: { ...probe!, at: now - 120_001 } })],
    ['three of five windows agree', () => ({ votes: ['disagrees', 'agrees', 'void', 'agrees'] })],
    [
      'a gain of half is demanded',
      ({ tuning }) => ({ tuning: { ...tuning, threshold: { kind: 'relative', share: -0.5 } } }),
    ],
  ])('it stays when %s', (_name, change) => {
    const state = aboutToDecide();
    const changed = { ...state, ...change(state) };
    expect(goes(decide(changed))).toBe(false);
    expect(
      wouldRedirectNow(latencyFailback.step(changed, { kind: 'tick', at: state.now + 1, sequence: 1 }).state)
        .wouldRedirect,
    ).toBe(false);
  });

  test('a tolerated loss takes I/O home although it is slower there', () => {
    const state = aboutToDecide();
    const slower = {
      ...state,
      probe: { ...state.probe!, values: { ...state.probe!.values, primaryReadUs: 1_400 } },
    };
    const tolerant = { kind: 'absolute', us: 800 } as const;
    expect(goes(decide(slower))).toBe(false);
    expect(
      goes(decide({ ...slower, tuning: { ...state.tuning, threshold: tolerant, alarmThreshold: tolerant } })),
    ).toBe(true);
  });
});
