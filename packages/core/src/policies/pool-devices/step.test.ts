import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import {
  explainPoolDevices,
  freshPoolDevicesRecord,
  poolDevices,
  type PoolDevicesEvent,
  type PoolDevicesFact,
  type PoolDevicesStage,
  type PoolDevicesState,
} from './index.js';
import { Bench } from '../../../test/pool-devices/bench.js';
import { deviceOf, poolOf, viewOf } from '../../../test/pool-devices/lab.js';
import { labFrom, requestFrom } from '../../../test/pool-devices/story.js';

const kinds: readonly PoolDevicesStage['kind'][] = [
  'saving',
  'looking',
  'claiming',
  'rehearsing',
  'commanding',
  'waiting',
  'releasing',
  'ended',
];

/** States of every stage, from runs in which all kinds of things happen. */
function states(): PoolDevicesState[] {
  const all: PoolDevicesState[] = [];
  for (const disturb of [0, 1, 2, 3]) {
    const bench = new Bench(
      labFrom(
        'appliances A B\ndevice L1 chassis=0\ndevice L2 chassis=0\ndevice C1 chassis=0\npool pA on=A log=L1+L2 cache=C1\npool pB on=B',
      ),
    );
    if (disturb === 1) bench.registryAway = true;
    if (disturb === 2) poolOf(bench.lab, 'pA').state = 'suspended';
    bench.start();
    bench.dispatch({
      kind: 'requested',
      requestId: 'job',
      request: requestFrom('move from=A/pA to=B/pB devices=L1,C1'),
    });
    for (let time = 0; time < 600; time += 1) {
      bench.run(1);
      if (bench.state !== undefined && bench.state !== all.at(-1)) all.push(bench.state);
      if (disturb === 3 && time === 150) bench.dispatch({ kind: 'cancelled', requestId: 'job' });
      if (disturb === 3 && time === 200) deviceOf(bench.lab, 'C1').seenBy = [];
    }
  }
  return all;
}

const reached = states();
const lab = labFrom('appliances A B\ndevice L1 chassis=0\npool pA on=A log=L1\npool pB on=B');

/** Facts of every kind about an effect that nobody has wished. */
function strangers(effect: string): readonly PoolDevicesFact[] {
  const view = viewOf(lab, 'A');
  if (view === undefined) throw new Error('A answers');
  return [
    { kind: 'persisted', effect },
    { kind: 'persist-failed', effect, detail: 'late' },
    { kind: 'inspected', effect, view },
    { kind: 'inspect-failed', effect, detail: 'late' },
    { kind: 'claim-granted', effect, owners: [] },
    { kind: 'claim-refused', effect, resource: 'device:L1', holder: 'job x' },
    { kind: 'claim-failed', effect, detail: 'late' },
    { kind: 'released', effect },
    { kind: 'release-failed', effect, detail: 'late' },
    { kind: 'rehearsed', effect, refusals: [] },
    { kind: 'command-done', effect },
    { kind: 'command-progress', effect, donePercent: 7 },
    { kind: 'command-refused', effect, refusal: { code: 'unknown', retryable: false, detail: 'late' } },
    { kind: 'command-unknown', effect, detail: 'late' },
    { kind: 'cancelled', requestId: 'nobody' },
  ];
}

const freeze = (value: unknown): void => {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  Object.values(value).forEach(freeze);
};

describe('every fact in every stage', () => {
  test('every stage is among the states', () => {
    const seen = new Set(reached.flatMap(({ jobs }) => jobs.map(({ stage }) => stage.kind)));
    expect([...seen].sort()).toEqual([...kinds].sort());
  });

  test('what nobody waits for is absorbed, counted, and changes nothing else', () => {
    for (const state of reached) {
      for (const fact of strangers('estate/controller/0/1/0')) {
        const event: PoolDevicesEvent = { ...fact, at: state.now, sequence: 9_999 };
        const { state: after, effects } = poolDevices.step(state, event);
        if (fact.kind === 'persisted') expect(after).toEqual(state);
        else if (fact.kind === 'persist-failed') {
          expect(after.jobs.map(({ stage }) => stage)).toEqual(state.jobs.map(({ stage }) => stage));
        } else {
          expect(after, fact.kind).toEqual({ ...state, absorbed: state.absorbed + 1 });
        }
        expect(
          effects.filter(({ kind }) => kind !== 'answer'),
          fact.kind,
        ).toEqual([]);
      }
    }
  });

  test('every fact about what a job waits for is taken, on a state that nobody may write to', () => {
    for (const state of reached) {
      freeze(state);
      const awaited = JSON.stringify(state.jobs).match(/estate\/controller\/\d+\/\d+\/\d+/g) ?? [];
      for (const effect of new Set(awaited)) {
        for (const fact of strangers(effect)) {
          const { state: after, effects } = poolDevices.step(state, {
            ...fact,
            at: state.now + 1,
            sequence: 9_999,
          });
          expect(new Set(effects.map(({ id }) => id)).size).toBe(effects.length);
          for (const wish of effects) {
            expect(poolDevices.explain(wish)).toMatch(/^[A-Z].*\.$/);
            expect(poolDevices.explain(wish)).not.toContain('undefined');
          }
          for (const invariant of poolDevices.invariants) expect(invariant.check(after)).toBeUndefined();
        }
      }
    }
  });

  test('a wake-up moves on, whatever has become due', () => {
    for (const begin of reached) {
      let state = begin;
      for (let round = 0; round < 30; round += 1) {
        const at = poolDevices.wakeAt(state);
        if (at === undefined) break;
        const next = poolDevices.step(state, {
          kind: 'tick',
          at: Math.max(at, state.now),
          sequence: 10_000 + round,
        });
        expect(poolDevices.wakeAt(next.state) ?? Infinity).toBeGreaterThan(at);
        state = next.state;
      }
    }
  });
});

describe('a controller is not started', () => {
  const options = {
    groupId: 'estate',
    nodeId: 'controller',
    incarnation: 1,
    appliances: ['A'],
    record: freshPoolDevicesRecord('estate'),
  };
  const timing = {
    claimTtlMs: 60_000,
    claimRenewIntervalMs: 20_000,
    callTimeoutMs: 10_000,
    commandStartMs: 5_000,
    commandSoftMs: 60_000,
    commandHardMs: 600_000,
    pollIntervalMs: 1_000,
    retryIntervalMs: 5_000,
    clockDriftPpm: 10_000,
  };
  const wrong: readonly (readonly [string, object, RegExp])[] = [
    ['renewals too rare', { timing: { ...timing, claimTtlMs: 40_000 } }, /2 x claimRenewIntervalMs.*20000/s],
    [
      'calls longer than renewals',
      { timing: { ...timing, callTimeoutMs: 25_000, claimTtlMs: 90_000 } },
      /claimRenewIntervalMs > callTimeoutMs/,
    ],
    ['claims too short for a command', { timing: { ...timing, commandStartMs: 40_000 } }, /commandStartMs </],
    [
      'alarm before report',
      { timing: { ...timing, commandSoftMs: 700_000 } },
      /commandSoftMs < commandHardMs.*700000/s,
    ],
    ['a span of nothing', { timing: { ...timing, pollIntervalMs: 0 } }, /pollIntervalMs > 0/],
    ['no appliance', { appliances: [] }, /appliances are named/],
    ['an appliance twice', { appliances: ['A', 'A'] }, /appliances = 2, distinct = 1/],
    ['no tries', { commandTries: 0 }, /commandTries is a whole number/],
    [
      'the record of a newer release',
      { record: { version: 2, groupId: 'estate', jobs: [] } },
      /version 2.*version 1/s,
    ],
    ['the record of another group', { record: freshPoolDevicesRecord('other') }, /belongs to group other/],
  ];
  test.each(wrong)('%s', (_name, change, message) => {
    expect(() => poolDevices.init({ ...options, ...change }, 0)).toThrow(message);
  });

  test('a reason of a newer release is told as it stands', () => {
    const strange = { kind: 'moon-phase', percent: 7 } as unknown as Parameters<typeof explainPoolDevices>[0];
    expect(explainPoolDevices(strange)).toBe('For the reason \'moon-phase\' {"percent":7}.');
  });
});

test('the example of the README prints what it says', async () => {
  const readme = readFileSync(new URL('./README.md', import.meta.url), 'utf8');
  const [, code = ''] = /```ts\n([^]*?)```/.exec(readme) ?? [];
  const expected = code
    .split('\n')
    .filter((line) => line.startsWith('// '))
    .map((line) => line.slice(3));
  const printed: string[] = [];
  const core = await import('./index.js');
  const names =
    /import \{([^}]*)\}/
      .exec(code)?.[1]
      ?.split(',')
      .map((name) => name.trim()) ?? [];
  // The only words in it that are not the language's own.
  const body = code.replace(/import [^;]*;/, '').replaceAll(' as const', '');
  runInNewContext(body, {
    ...Object.fromEntries(names.map((name) => [name, (core as Record<string, unknown>)[name]])),
    console: { log: (...words: unknown[]) => printed.push(words.join(' ')) },
  });
  expect(printed).toEqual(expected);
  expect(printed.length).toBeGreaterThan(0);
});
