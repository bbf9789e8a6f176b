import { describe, expect, test } from 'vitest';
import type { PoolDevicesRequest } from '../../src/index.js';
import type { Lab } from './lab.js';
import { labFrom, requestFrom, show } from './story.js';
import { explore } from './explore.js';
import { honest, systemOf, type Rules, type System } from './system.js';

const mirror = `appliances A B
device L1 chassis=0 slot=20
device L2 chassis=0 slot=21
device C1 chassis=0 slot=22
pool pA on=A log=L1+L2 cache=C1
pool pB on=B`;

const cache = `appliances A B
device C1 chassis=0 slot=22
pool pA on=A cache=C1
pool pB on=B
pool pC on=B`;

type Asked = readonly (readonly { readonly id: string; readonly request: PoolDevicesRequest }[])[];

const ask = (id: string, text: string): Asked[number] => [{ id, request: requestFrom(text) }];

function system(
  text: string,
  asked: Asked,
  budget: { crashes: number; faults: number; cancels: number },
  rules: Rules,
): System {
  const lab: Lab = labFrom(text);
  return systemOf(lab, asked, budget, rules);
}

const moveAll: Asked = [ask('m1', 'move from=A/pA to=B/pB devices=L1,C1')];
const moveOne: Asked = [ask('m1', 'move from=A/pA to=B/pB devices=C1')];
const twoWantOne: Asked = [
  ask('m1', 'move from=A/pA to=B/pB devices=C1'),
  ask('a1', 'add to=B/pC caches=C1'),
];

function membersOf(lab: Lab, name: string): string {
  const pool = lab.pools.find((each) => each.name === name);
  const logs = pool?.logs.map(({ legs }) => legs.map(({ id }) => id).join('+')) ?? [];
  return [...logs, ...(pool?.caches.map(({ id }) => id) ?? [])].join(' ');
}

/** A longer campaign looks at more faults together. */
const isLong = process.env['HOLDFAST_RUNS'] !== undefined;
/** A change that makes many more states is to be said at once, and not to run for minutes. */
const statesMax = isLong ? 200_000 : 5_000;

/** Crashes, faults and cancellations on one way, and the states that there must be at least. */
const budgets: readonly (readonly [number, number, number, number])[] = [
  [1, 1, 0, 1_200],
  [1, 0, 1, 700],
  ...(isLong
    ? ([
        [0, 1, 1, 700],
        [1, 1, 1, 4_000],
        [2, 1, 0, 4_000],
        [0, 2, 0, 1_000],
      ] as const)
    : []),
];

/** Crashes, faults, states. */
const rivals: readonly (readonly [number, number, number])[] = [
  [1, 0, 700],
  ...(isLong ? ([[0, 1, 700]] as const) : []),
];

describe('explored to exhaustion', () => {
  test.each(budgets)(
    'a move of a mirror and a cache, with %i crashes, %i faults, %i cancellations: over %i states',
    (crashes, faults, cancels, least) => {
      const first = system(mirror, moveAll, { crashes, faults, cancels }, honest);
      const { states, depth, broken, dead, ends } = explore(first, honest, statesMax);
      expect(broken).toBeUndefined();
      expect(dead, 'from every state a way leads to rest').toBe(0);
      for (const { lab, controllers } of ends) {
        const outcome = controllers[0]?.disk.jobs[0]?.ended?.outcome ?? 'none';
        expect(lab.claims).toEqual({});
        // A pool that takes nothing back leaves the rest to a person; nothing else does.
        if (outcome === 'stuck') continue;
        expect(['done', 'restored', 'unchanged', 'none']).toContain(outcome);
        const expected = outcome === 'done' ? ['', 'L1+L2 C1'] : ['L1+L2 C1', ''];
        expect([membersOf(lab, 'pA'), membersOf(lab, 'pB')], `${outcome}\n${show(lab)}`).toEqual(expected);
      }
      expect(states, `states, at depth ${String(depth)}`).toBeGreaterThan(least);
      expect(depth).toBeGreaterThan(30);
    },
    isLong ? 600_000 : 60_000,
  );

  test.each(rivals)(
    'two controllers that want the same cache device, with %i crashes, %i faults: over %i states',
    (crashes, faults, least) => {
      const first = system(cache, twoWantOne, { crashes, faults, cancels: 0 }, honest);
      const { states, broken, dead, ends } = explore(first, honest, statesMax);
      expect(broken).toBeUndefined();
      expect(dead).toBe(0);
      const places = ends.map(({ lab }) => ['pA', 'pB', 'pC'].map((name) => membersOf(lab, name)).join('|'));
      expect([...new Set(places)].sort()).toContain('|C1|');
      expect(states).toBeGreaterThan(least);
    },
    60_000,
  );
});

describe('a promise that is broken is seen', () => {
  test('a registry that grants one device to two jobs puts it into two pools', () => {
    const rules = { ...honest, exclusive: false };
    const found = explore(
      system(cache, twoWantOne, { crashes: 0, faults: 0, cancels: 0 }, rules),
      rules,
      statesMax,
    );
    expect(found.broken).toMatch(/C1 is in pB and pC/);
  });

  test('a view that does not wait for commands under way does, too', () => {
    const rules = { ...honest, barrier: false };
    const found = explore(
      system(cache, moveOne, { crashes: 1, faults: 0, cancels: 1 }, rules),
      rules,
      statesMax,
    );
    expect(found.broken).toMatch(/device C1 is in pA and pB/);
  });
});
