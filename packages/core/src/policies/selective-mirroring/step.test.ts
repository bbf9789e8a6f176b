import { describe, expect, test } from 'vitest';
import {
  freshMirroringRecord,
  mirroringDefaults,
  OptionsError,
  selectiveMirroring,
  writeConcernsMirror,
  type MirroringEvent,
  type MirroringFact,
  type MirroringMessage,
  type MirroringOptions,
  type MirroringState,
  type MirroringTuning,
} from '../../index.js';
import { blockIn, blocksOf, noBlocks, withBlocks } from './blocks.js';

const options: MirroringOptions = {
  groupId: 'g',
  nodeId: 'a',
  incarnation: 1,
  record: freshMirroringRecord('g', 'a', 'owner'),
  volumeBytes: 4_096_000,
  cacheBytes: 40_960,
  slowCopy: 'async',
  tuning: mirroringDefaults,
};
const standby: MirroringOptions = {
  ...options,
  nodeId: 'b',
  record: freshMirroringRecord('g', 'b', 'standby'),
};
const heat = { version: 1, digest: 'd', takenAt: 0, observedMs: 900_000 };
const scope = { epoch: 1, generation: '1.1.1' };
const from = (peer: string, message: MirroringMessage): MirroringFact => ({
  kind: 'message-received',
  from: peer,
  message,
});
const granted = (epoch: number, trusted?: string): MirroringFact => ({
  kind: 'authority-answered',
  effect: 'ask-authority',
  answer: { kind: 'granted', epoch, ...(trusted === undefined ? {} : { trusted }) },
});
const hello = from('b', { kind: 'hello', epoch: 1, capacityBytes: 40_960, usedBytes: 0, cachedBlocks: 0 });
const puts = {
  ...scope,
  kind: 'puts',
  batch: 1,
  blocks: [{ block: 7, version: 1, sizeBytes: 4_096, tenant: 't', first: true }],
} as const;
const add = [{ block: 7, sizeBytes: 4_096, label: 'internal', tenant: 't', first: false }];
const plan = { heat, add, drop: [], expectedWarmShare: 0.5, candidates: 1, chosen: 1, left: 0 };

/** Plays facts, one a millisecond; an `effect` names the last wish of that kind. */
function play(given: MirroringOptions, facts: readonly MirroringFact[]) {
  let state = selectiveMirroring.init(given, 0);
  const ids = new Map<string, string>();
  const events: MirroringEvent[] = [];
  for (const fact of facts) {
    const named = 'effect' in fact ? { effect: ids.get(fact.effect) ?? fact.effect } : {};
    const event = { ...fact, ...named, at: events.length + 1, sequence: events.length + 1 } as MirroringEvent;
    events.push(event);
    const next = selectiveMirroring.step(state, event);
    state = next.state;
    for (const { kind, id } of next.effects) ids.set(kind, id);
    for (const invariant of selectiveMirroring.invariants)
      expect(invariant.check(state), invariant.name).toBeUndefined();
  }
  return { state, events };
}

const ownerLife: readonly MirroringFact[] = [
  { kind: 'heat-published', heat },
  granted(1),
  hello,
  granted(1),
  from('b', { ...scope, kind: 'opened' }),
  { kind: 'blocks-selected', effect: 'select-blocks', ...plan },
  { kind: 'link-measured', bytesPerMs: 100_000 },
];
const cacheLife: readonly MirroringFact[] = [
  from('a', { ...scope, kind: 'open' }),
  from('a', puts),
  from('a', { ...scope, kind: 'commit', batch: 1, count: 1 }),
];
const reset: MirroringFact = { kind: 'attempt-failed', client: 'c', how: 'reset' };
const takeover: readonly MirroringFact[] = [
  ...cacheLife,
  reset,
  granted(2, '1.1.1'),
  { kind: 'persisted', effect: 'persist' },
];

/** One life for every mode. */
const lives: Readonly<Record<MirroringState['mode'], ReturnType<typeof play>>> = {
  starting: play(options, [{ kind: 'tick' }]),
  owner: play(options, ownerLife),
  standby: play(standby, cacheLife),
  suspect: play(standby, [...cacheLife, { ...reset, how: 'timeout' }]),
  claiming: play(standby, [...cacheLife, reset]),
  tookOver: play(standby, takeover),
  failingBack: play(standby, [
    ...takeover,
    { kind: 'command', commandId: 'k', command: { kind: 'fail-back', to: 'a' } },
  ]),
};

const everything: readonly MirroringFact[] = [
  ...ownerLife,
  ...takeover,
  { kind: 'tick' },
  { kind: 'selection-failed', effect: 'x', detail: 'late' },
  { kind: 'peer-lost', peer: 'b', detail: 'silence' },
  { kind: 'link-measured', bytesPerMs: -1 },
  { kind: 'write-received', writeId: 'w', block: 7, version: 9 },
  { kind: 'persist-failed', effect: 'x', detail: 'late' },
  { kind: 'attempt-succeeded', client: 'c' },
  { kind: 'cache-used', blocks: [7, 8] },
  { kind: 'cache-pressure', keepBytes: 0 },
  { kind: 'copy-damaged', block: 7 },
  { kind: 'slow-copy-applied', throughVersion: 3 },
  { kind: 'copied-back', effect: 'x', throughVersion: 3, verified: true },
  { kind: 'copy-back-failed', effect: 'x', detail: 'late' },
  { kind: 'writes-held', effect: 'x', lastVersion: 3 },
  { kind: 'command', commandId: 'm', command: { kind: 'move-client', client: 'c', to: 'b' } },
  from('b', { ...scope, kind: 'commit-ack', batch: 1, blocks: [{ block: 7, version: 1 }] }),
  from('b', { ...scope, kind: 'commit-nak', batch: 1, why: 'no-room' }),
  from('b', { ...scope, kind: 'told', block: 7, version: 9 }),
  from('b', { ...scope, kind: 'evicted', blocks: [7] }),
  from('a', { ...scope, kind: 'invalidate', block: 7, version: 9 }),
  from('a', { ...scope, kind: 'update', block: 7, version: 9 }),
  from('a', { ...scope, kind: 'drop', blocks: [7, 8] }),
  from('b', { kind: 'stale-epoch', epoch: 9 }),
  from('b', { kind: 'your-turn', epoch: 9 }),
];

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  Object.values(value).forEach(freeze);
}

describe('in every mode every fact', () => {
  test.each(Object.entries(lives))('is taken while %s', (mode, { state }) => {
    expect(state.mode).toBe(mode);
    freeze(state);
    for (const fact of everything) {
      const event = { ...fact, at: state.now, sequence: 99 } as MirroringEvent;
      const once = selectiveMirroring.step(state, event);
      expect(selectiveMirroring.step(state, event), fact.kind).toEqual(once);
      expect(JSON.parse(JSON.stringify(once.state)), fact.kind).toEqual(once.state);
      for (const invariant of selectiveMirroring.invariants)
        expect(invariant.check(once.state), `${fact.kind}: ${invariant.name}`).toBeUndefined();
      for (const effect of once.effects) {
        expect(selectiveMirroring.explain(effect)).toMatch(/^[A-Z\d].*\.$/s);
        expect(selectiveMirroring.explain(effect)).not.toMatch(/undefined|NaN/);
      }
      expect(new Set(once.effects.map(({ id }) => id)).size).toBe(once.effects.length);
    }
  });

  test('leads to a wake-up that moves on', () => {
    for (const life of Object.values(lives)) {
      let { state } = life;
      for (let round = 0; round < 60; round += 1) {
        const at = selectiveMirroring.wakeAt(state);
        if (at === undefined) break;
        const next = selectiveMirroring.step(state, {
          kind: 'tick',
          at: Math.max(at, state.now),
          sequence: 200 + round,
        }).state;
        expect(selectiveMirroring.wakeAt(next) ?? Infinity).toBeGreaterThan(at);
        state = next;
      }
    }
  });

  test('is counted when it says nothing any more', () => {
    const { state } = lives.standby;
    const late: MirroringFact = { kind: 'persisted', effect: 'g/b/1/1/1' };
    const next = selectiveMirroring.step(state, { ...late, at: state.now, sequence: 50 });
    expect(next.effects).toEqual([]);
    expect(next.state.absorbed).toEqual({ 'record of another time': 1 });
  });
});

describe('a life that is cut anywhere', () => {
  test.each(['owner', 'claiming', 'tookOver'] as const)(
    'while %s begins again from its record alone',
    (mode) => {
      const { events } = lives[mode];
      const given = mode === 'owner' ? options : standby;
      for (let cut = 0; cut <= events.length; cut += 1) {
        let state = selectiveMirroring.init(given, 0);
        let { record } = given;
        let written = record;
        for (const event of events.slice(0, cut)) {
          const next = selectiveMirroring.step(state, event);
          state = next.state;
          for (const effect of next.effects) if (effect.kind === 'persist') written = effect.record;
          record = state.record;
        }
        // Before or after the last wish to write took effect: the authority is asked before anything is served, in both cases.
        for (const found of [record, written]) {
          const again = selectiveMirroring.init({ ...given, incarnation: 2, record: found }, 0);
          const { state: next, effects } = selectiveMirroring.step(again, {
            kind: 'tick',
            at: 0,
            sequence: 1,
          });
          expect(next.service).toBe('closed');
          expect(next.mode).toBe(found.role === 'owner' ? 'starting' : 'standby');
          if (found.role !== 'owner') continue;
          const asked = effects.find(({ kind }) => kind === 'ask-authority')!;
          const answer = { kind: 'granted', epoch: found.epoch } as const;
          const end = selectiveMirroring.step(next, {
            kind: 'authority-answered',
            effect: asked.id,
            answer,
            at: 1,
            sequence: 2,
          }).state;
          expect(end.mode).toBe(found.takenOver === undefined ? 'owner' : 'tookOver');
          expect(end.cache.trust).toBe('none');
        }
      }
    },
  );
});

test('most writes need no step at all', () => {
  const { state } = lives.owner;
  expect(writeConcernsMirror(state, 7)).toBe(true);
  expect(writeConcernsMirror(state, 8)).toBe(false);
  expect(writeConcernsMirror(lives.tookOver.state, 8)).toBe(true);
});

test('a table of blocks shares what does not change, and comes in order', () => {
  const one = withBlocks(noBlocks<number>(), [
    [600, 1],
    [3, 2],
    [4_000_000_000, 3],
  ]);
  const two = withBlocks(one, [
    [3, undefined],
    [601, 4],
  ]);
  expect([...blocksOf(two)].map(([block]) => block)).toEqual([600, 601, 4_000_000_000]);
  expect([two.count, blockIn(one, 3), blockIn(two, 3)]).toEqual([3, 2, undefined]);
  expect(two.pages['7812500']).toBe(one.pages['7812500']);
});

describe('options', () => {
  test.each<[string, Partial<MirroringTuning>]>([
    ['hysteresisFactor ≥ 1', { hysteresisFactor: 0.9 }],
    ['halfLifeMs ≥ reselectIntervalMs', { halfLifeMs: 1_000 }],
    ['linkWindowMs ≥ reselectIntervalMs', { linkWindowMs: 1_000 }],
    ['commitTimeoutMs > batchDelayMs', { commitTimeoutMs: 200, invalidateTimeoutMs: 100 }],
    ['invalidateTimeoutMs ≤ commitTimeoutMs', { invalidateTimeoutMs: 3_000 }],
    ['stagedBatchesMax ≥ batchesInFlightMax', { stagedBatchesMax: 1 }],
    ['linkShare ≤ 1', { linkShare: 1.5 }],
    ['volumeShare > 0', { volumeShare: 0 }],
    ['commitTries is whole', { commitTries: 1.5 }],
  ])('%s', (relation, change) => {
    try {
      selectiveMirroring.init({ ...options, tuning: { ...mirroringDefaults, ...change } }, 0);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(OptionsError);
      expect(error).toMatchObject({ relation });
    }
  });

  test('a record of another release or another node is refused', () => {
    const newer = { ...options.record, version: 2 as unknown as 1 };
    expect(() => selectiveMirroring.init({ ...options, record: newer }, 0)).toThrow(
      /version = 2.*nothing was overwritten/s,
    );
    expect(() => selectiveMirroring.init({ ...options, nodeId: 'z' }, 0)).toThrow(
      /the record is of this node/,
    );
  });
});
