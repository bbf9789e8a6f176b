import { describe, expect, test } from 'vitest';
import { optionsOf } from '../../../test/pooled-memory-ft/machine.js';
import {
  OptionsError,
  placeSecondary,
  pooledMemoryFt,
  type PooledMemoryEvent,
  type PooledMemoryFact,
  type PooledMemoryHost,
  type PooledMemoryState,
} from '../../index.js';
import { pooledMemoryGuards, type PooledMemoryGuards } from './guards.js';
import { stepWith } from './step.js';

const host = (id: string, freeMhz: number, change: Partial<PooledMemoryHost> = {}): PooledMemoryHost => ({
  id,
  failureDomain: `rack of ${id}`,
  poolReachable: true,
  machines: 1,
  processors: 2,
  freeMhz,
  ...change,
});
const hosts = [host('h1', 4_000), host('h2', 8_000), host('h3', 6_000)];
const seal = (generation: number, change: object = {}): PooledMemoryFact => ({
  kind: 'generation-sealed',
  effect: 'checkpoint',
  generation,
  epoch: 1,
  sizeBytes: 1_024,
  deviceDigestFits: true,
  ramStop: generation,
  deviceStop: generation,
  argumentsDigest: 'm1',
  pauseMs: 20,
  ...change,
});
const persisted: PooledMemoryFact = { kind: 'persisted', effect: 'persist' };
const life: readonly PooledMemoryFact[] = [
  { kind: 'hosts-reported', hosts },
  { kind: 'command', commandId: 'k', command: { kind: 'enable', memoryInPool: true } },
  persisted,
  { kind: 'tick' },
  { kind: 'secondary-attached', effect: 'attach-secondary', isReadOnly: true },
  seal(1),
  persisted,
];
const ended: PooledMemoryFact = { kind: 'writer-ended', host: 'h1', epoch: 1 };
const suspect: PooledMemoryFact = {
  kind: 'host-heard',
  host: 'h1',
  pool: 'silent',
  network: 'silent',
  silentMs: 300,
};
const failover: readonly PooledMemoryFact[] = [
  ...life,
  ended,
  { kind: 'epoch-raised', effect: 'raise-epoch' },
  persisted,
  { kind: 'promoted', effect: 'promote', guestTimeGapMs: 300 },
  persisted,
];

function play(
  facts: readonly PooledMemoryFact[],
  guards: PooledMemoryGuards = pooledMemoryGuards,
  checked = true,
) {
  let state = pooledMemoryFt.init(optionsOf({}), 0);
  const ids = new Map<string, string>();
  const kinds: string[] = [];
  const events: PooledMemoryEvent[] = [];
  const step = stepWith(guards);
  for (const fact of facts) {
    const named = 'effect' in fact ? { effect: ids.get(fact.effect) ?? fact.effect } : {};
    const event = {
      ...fact,
      ...named,
      at: events.length + 1,
      sequence: events.length + 1,
    } as PooledMemoryEvent;
    events.push(event);
    const next = step(state, event);
    state = next.state;
    for (const { kind, id } of next.effects) {
      kinds.push(kind);
      ids.set(kind, id);
    }
    if (!checked) continue;
    for (const invariant of pooledMemoryFt.invariants)
      expect(invariant.check(state), invariant.name).toBeUndefined();
  }
  return { state, kinds, events };
}

const lives: Readonly<Record<string, PooledMemoryState>> = {
  notConfigured: play([{ kind: 'tick' }]).state,
  moving: play([{ kind: 'command', commandId: 'k', command: { kind: 'enable', memoryInPool: false } }]).state,
  starting: play(life.slice(0, 4)).state,
  protected: play(life).state,
  needSecondary: play([
    ...life,
    { kind: 'secondary-lost', host: 'h2', detail: 'gone' },
    { kind: 'secondary-lost', host: 'h3', detail: 'gone' },
  ]).state,
  fencing: play([...life, suspect]).state,
  promoting: play(failover.slice(0, 9)).state,
  failed: play([...failover.slice(0, 10), { kind: 'promote-failed', effect: 'promote', detail: 'x' }]).state,
  superseded: play([...life, ended, { kind: 'epoch-refused', effect: 'raise-epoch', epoch: 3 }]).state,
};
const everything: readonly PooledMemoryFact[] = [
  ...failover,
  suspect,
  seal(9, { epoch: 0 }),
  { ...suspect, pool: 'cut' },
  { ...suspect, pool: 'alive', silentMs: 0 },
  { kind: 'moved-to-pool', effect: 'x' },
  { kind: 'move-failed', effect: 'x', detail: 'late' },
  { kind: 'secondary-failed', effect: 'x', detail: 'late' },
  { kind: 'secondary-lost', host: 'h2', detail: 'gone' },
  { kind: 'checkpoint-failed', effect: 'x', detail: 'late' },
  { kind: 'writer-seen', host: 'h1', epoch: 0 },
  { kind: 'pool-lock-taken', effect: 'x' },
  { kind: 'epoch-refused', effect: 'x', epoch: 7 },
  { kind: 'persist-failed', effect: 'x', detail: 'late' },
  { kind: 'promote-failed', effect: 'x', detail: 'late' },
  { kind: 'command', commandId: 'k', command: { kind: 'disable' } },
  { kind: 'command', commandId: 'k', command: { kind: 'switch-over' } },
  { kind: 'command', commandId: 'k', command: { kind: 'continue-standby' } },
];

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  Object.values(value).forEach(freeze);
}

describe('in every mode every fact', () => {
  test.each(Object.entries(lives))('is taken while %s', (mode, state) => {
    expect(state.mode).toBe(mode);
    freeze(state);
    for (const fact of everything) {
      const event = { ...fact, at: state.now, sequence: 99 } as PooledMemoryEvent;
      const once = pooledMemoryFt.step(state, event);
      expect(pooledMemoryFt.step(state, event)).toEqual(once);
      for (const invariant of pooledMemoryFt.invariants)
        expect(invariant.check(once.state), fact.kind).toBeUndefined();
      for (const effect of once.effects) expect(pooledMemoryFt.explain(effect)).toMatch(/^[A-Z].*\.$/s);
    }
  });
});

const guarded = (change: Partial<PooledMemoryGuards>): PooledMemoryGuards => ({
  ...pooledMemoryGuards,
  ...change,
});
const current = (facts: readonly PooledMemoryFact[], guards?: PooledMemoryGuards) =>
  play(facts, guards, false).state.saving?.record.current;
const second: readonly PooledMemoryFact[] = [
  ...life,
  ...Array.from({ length: 260 }, (): PooledMemoryFact => ({ kind: 'tick' })),
];

describe('without one guard', () => {
  test.each<[string, object, Partial<PooledMemoryGuards>]>([
    ['device state of another instant counts', { deviceStop: 1 }, { isOneInstant: () => true }],
    ['half an image counts', { sizeBytes: 512 }, { isWhole: () => true }],
    ['an image of another machine counts', { argumentsDigest: 'm2' }, { argumentsFit: () => true }],
    ['a seal of another epoch counts', { epoch: 0 }, { sealEpochCounts: () => true }],
  ])('%s', (_name, change, mutation) => {
    expect(current([...second, seal(2, change)])).toBeUndefined();
    expect(current([...second, seal(2, change)], guarded(mutation))).toBe(2);
    expect(current([...second, seal(2)])).toBe(2);
  });

  test('silence is taken for death', () => {
    expect(play([...life, suspect]).kinds).not.toContain('raise-epoch');
    expect(play([...life, suspect], guarded({ needsProof: false }), false).kinds).toContain('raise-epoch');
  });

  test('somebody runs before the epoch is raised, or before that is durable', () => {
    expect(play([...life, ended]).state.mode).toBe('fencing');
    expect(play([...life, ended], guarded({ epochIsRaisedFirst: false }), false).state.mode).toBe(
      'promoting',
    );
    const raised = failover.slice(0, 9);
    expect(play(raised).kinds).not.toContain('promote');
    const mutant = play(raised, guarded({ recordIsDurableFirst: false }), false);
    expect(mutant.kinds).toContain('promote');
    expect(pooledMemoryFt.invariants.some((invariant) => invariant.check(mutant.state) !== undefined)).toBe(
      true,
    );
  });

  test('the file of the old writer is run, a standby can write', () => {
    const into = (guards: PooledMemoryGuards): number | undefined => {
      const before = play(failover.slice(0, 9), guards, false).state;
      const event = { kind: 'persisted', effect: before.saving?.effect ?? '', at: 20, sequence: 20 } as const;
      return stepWith(guards)(before, event).effects.find((effect) => effect.kind === 'promote')?.into;
    };
    expect([into(pooledMemoryGuards), into(guarded({ clones: false }))]).toEqual([3, 1]);
    const writable: readonly PooledMemoryFact[] = [
      ...life.slice(0, 4),
      { kind: 'secondary-attached', effect: 'attach-secondary', isReadOnly: false },
    ];
    expect(play(writable).state.secondary).toBeUndefined();
    expect(play(writable, guarded({ standbyIsReadOnly: () => true })).state.secondary?.isAttached).toBe(true);
  });
});

test('a controller that is cut at any event goes on from its record to the same primary', () => {
  const { events } = play(failover);
  for (let cut = 0; cut <= events.length; cut += 1) {
    let state = pooledMemoryFt.init(optionsOf({}), 0);
    for (const event of events.slice(0, cut)) state = pooledMemoryFt.step(state, event).state;
    for (const record of [state.record, state.saving?.record ?? state.record]) {
      let again = pooledMemoryFt.init(optionsOf({ record, incarnation: 2 }), 0);
      const { state: begun, effects } = pooledMemoryFt.step(again, { kind: 'tick', at: 0, sequence: 1 });
      again = begun;
      const wish = effects.find(({ kind }) => kind === 'promote');
      expect(wish !== undefined).toBe(record.promoting !== undefined);
      if (wish === undefined) continue;
      const end = pooledMemoryFt.step(again, {
        kind: 'promoted',
        effect: wish.id,
        guestTimeGapMs: 1,
        at: 1,
        sequence: 2,
      });
      expect(end.state.saving?.record).toMatchObject({ primary: 'h2', epoch: 2, current: 1 });
    }
  }
});

test('a state of a newer release is left alone', () => {
  const state = JSON.parse(JSON.stringify({ ...lives['protected'], version: 2 })) as PooledMemoryState;
  expect(() => pooledMemoryFt.step(state, { kind: 'tick', at: 9, sequence: 9 })).toThrow(/has version 2/);
});

test('a secondary waits where it helps', () => {
  const needs = optionsOf({});
  const place = (others: readonly PooledMemoryHost[], excluded: readonly string[] = []) =>
    placeSecondary([host('h1', 9_000), ...others], 'h1', excluded, needs).host?.id;
  expect(place([host('b', 5), host('c', 2_000), host('d', 2_000)])).toBe('c');
  expect(place([host('b', 2_000, { failureDomain: 'rack of h1' })])).toBeUndefined();
  expect(
    place([
      host('b', 2_000, { poolReachable: false }),
      host('c', 2_000, { machines: 4 }),
      host('d', 2_000, { processors: 7 }),
    ]),
  ).toBeUndefined();
  expect(place([host('b', 2_000)], ['b'])).toBeUndefined();
});

test.each<[string, object]>([
  ['suspectAfterMs ≥ 2 × heartbeatIntervalMs', { suspectAfterMs: 150 }],
  ['deadAfterMs > suspectAfterMs', { deadAfterMs: 300 }],
  ['leaseMs ≥ suspectAfterMs', { leaseMs: 200 }],
  ['pauseShare < 1', { pauseShare: 1 }],
])('options: %s', (relation, tuning) => {
  try {
    pooledMemoryFt.init(optionsOf({ tuning }), 0);
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(OptionsError);
    expect(error).toMatchObject({ relation });
  }
});
