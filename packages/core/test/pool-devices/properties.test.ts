import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { poolDevices, type PoolDevicesState } from '../../src/index.js';
import {
  byPreference,
  chooseUnits,
  offeredCounts,
  pairDevices,
  type ChassisCount,
  type CountedUnit,
  type PairedDevice,
} from '../../src/policies/pool-devices/profile.js';
import { Bench } from './bench.js';
import { brokenIn, deviceOf, poolOf } from './lab.js';
import { labFrom, requestFrom } from './story.js';

const runs = Number(process.env['HOLDFAST_RUNS'] ?? 100);

const chassisNames = ['0', '1', '2'] as const;

const units: fc.Arbitrary<CountedUnit[]> = fc
  .array(
    fc.record({
      legs: fc.array(fc.constantFrom(...chassisNames), { minLength: 1, maxLength: 3 }),
      healthyLegs: fc.nat(3),
      highestSlot: fc.integer({ min: 20, max: 23 }),
    }),
    { maxLength: 8 },
  )
  .map((all) =>
    all.map(({ legs, healthyLegs, highestSlot }, index) => {
      const counted: Record<string, number> = {};
      for (const chassis of legs) counted[chassis] = (counted[chassis] ?? 0) + 1;
      return { name: `mirror-${String(index)}`, legs: counted, healthyLegs, highestSlot };
    }),
  );

const counts: fc.Arbitrary<ChassisCount[]> = fc
  .record({ one: fc.nat(5), other: fc.option(fc.nat(4), { nil: undefined }) })
  .map(({ one, other }) => [
    { chassis: '0', count: one },
    ...(other === undefined ? [] : [{ chassis: '1', count: other }]),
  ]);

/** Every subset, the best of those that fit: units are compared from the first by preference. */
function chooseByTrying(
  all: readonly CountedUnit[],
  asked: readonly ChassisCount[],
): readonly number[] | undefined {
  const order = all
    .map((unit, index) => ({ unit, index }))
    .sort((one, other) => byPreference(one.unit, other.unit) || one.index - other.index)
    // Units without a leg in any chassis that was named have no business in it.
    .filter(({ unit }) => asked.some(({ chassis, count }) => count > 0 && (unit.legs[chassis] ?? 0) > 0));
  let best: readonly boolean[] | undefined;
  for (let mask = 0; mask < 2 ** order.length; mask += 1) {
    const taken = order.map((_, place) => Math.floor(mask / 2 ** place) % 2 === 1);
    const fits = asked
      .filter(({ count }) => count > 0)
      .every(({ chassis, count }) => {
        const legs = order.filter((_, place) => taken[place]).map(({ unit }) => unit.legs[chassis] ?? 0);
        return legs.reduce((sum, own) => sum + own, 0) === count;
      });
    if (!fits) continue;
    const current = best;
    const differs = current === undefined ? 0 : taken.findIndex((own, place) => own !== current[place]);
    if (current === undefined || (differs >= 0 && taken[differs] === true)) best = taken;
  }
  const chosen = best;
  return chosen === undefined
    ? undefined
    : order.filter((_, place) => chosen[place]).map(({ index }) => index);
}

/** The plausible mistake: takes whatever still fits, without looking at what is left. */
function chooseGreedily(
  all: readonly CountedUnit[],
  asked: readonly ChassisCount[],
): readonly number[] | undefined {
  const left = new Map(asked.map(({ chassis, count }) => [chassis, count]));
  const taken: number[] = [];
  for (const [index, { legs }] of all.entries()) {
    const fits = [...left].every(([chassis, count]) => (legs[chassis] ?? 0) <= count);
    if (!fits || ![...left.keys()].some((chassis) => (legs[chassis] ?? 0) > 0)) continue;
    taken.push(index);
    for (const [chassis, count] of left) left.set(chassis, count - (legs[chassis] ?? 0));
  }
  return [...left.values()].every((count) => count === 0) ? taken : undefined;
}

type Choose = (all: readonly CountedUnit[], asked: readonly ChassisCount[]) => readonly number[] | undefined;

function checkChoice(choose: Choose): void {
  fc.assert(
    fc.property(units, counts, (all, asked) => {
      expect(choose(all, asked)).toEqual(chooseByTrying(all, asked));
    }),
    { numRuns: runs * 5 },
  );
}

describe('the arithmetic of profiles', () => {
  test('chooses the units that trying all subsets chooses', () => {
    checkChoice((all, asked) => {
      const choice = chooseUnits(all, asked);
      return choice.kind === 'chosen' ? choice.units : undefined;
    });
  });

  test('is not the greedy choice, which this comparison finds out', () => {
    expect(() => checkChoice(chooseGreedily)).toThrow();
  });

  test('offers exactly the counts that can be chosen', () => {
    fc.assert(
      fc.property(units, (all) => {
        const offered = offeredCounts(all, '0');
        for (let count = 0; count <= 25; count += 1)
          expect(chooseUnits(all, [{ chassis: '0', count }]).kind === 'chosen').toBe(offered.includes(count));
      }),
      { numRuns: runs },
    );
  });

  test('refuses a choice that would take too large a table', () => {
    const asked = Array.from({ length: 12 }, (_, index) => ({ chassis: String(index), count: 4 }));
    expect(chooseUnits([], asked).kind).toBe('too-large');
  });

  const devices: fc.Arbitrary<PairedDevice[]> = fc
    .array(fc.record({ chassis: fc.constantFrom(...chassisNames), slot: fc.nat(3), sizeBytes: fc.nat(2) }), {
      maxLength: 8,
    })
    .map((all) => all.map((device, index) => ({ ...device, deviceId: `d${String(index)}` })));

  /** Some perfect matching, by trying every partner of the first device. */
  function canPair(all: readonly PairedDevice[], acrossChassis: boolean): boolean {
    const [first, ...rest] = all;
    if (first === undefined) return true;
    return rest.some(
      (partner, index) =>
        !(acrossChassis && partner.chassis === first.chassis) &&
        canPair(
          rest.filter((_, other) => other !== index),
          acrossChassis,
        ),
    );
  }

  test('pairs whenever trying finds pairs, each device once, across chassis when asked', () => {
    fc.assert(
      fc.property(devices, fc.boolean(), (all, acrossChassis) => {
        const pairs = pairDevices(all, acrossChassis);
        expect(pairs !== undefined).toBe(canPair(all, acrossChassis));
        if (pairs === undefined) return;
        expect(pairs.flat().sort()).toEqual(all.map(({ deviceId }) => deviceId).sort());
        const chassisOf = (id: string): string | undefined =>
          all.find(({ deviceId }) => deviceId === id)?.chassis;
        if (acrossChassis)
          for (const [one, other] of pairs) expect(chassisOf(one)).not.toBe(chassisOf(other));
      }),
      { numRuns: runs * 3 },
    );
  });
});

const estate = `appliances A B
device L1 chassis=0 slot=20
device L2 chassis=0 slot=21
device L3 chassis=1 slot=20
device C1 chassis=0 slot=22
device C2 chassis=1 slot=22
pool pA on=A log=L1+L2 cache=C1
pool pB on=B log=L3
pool pC on=B`;

const requests = [
  'move from=A/pA to=B/pC devices=L1',
  'move from=A/pA to=B/pB devices=L1,C1 consents=mixed-profile',
  'remove from=B/pB devices=L3',
  'remove from=A/pA counts=0:log:2,0:cache:1',
  'add to=B/pB caches=C2',
  'add to=A/pA caches=C2',
  'add to=A/pA logs=L3',
  'detach from=A/pA device=L2',
  'move from=B/pB to=A/pA devices=L3 consents=mixed-profile',
  'move from=A/pA to=B/pC devices=L1 log-layout=striped',
] as const;

const happening = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('ask' as const), which: fc.nat(requests.length - 1) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('run' as const), which: fc.nat(200) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'fault' as const,
        'crash' as const,
        'cancel' as const,
        'pull' as const,
        'silence' as const,
        'suspend' as const,
        'disk' as const,
        'registry' as const,
      ),
      which: fc.nat(9),
    }),
  },
);

function disturb(bench: Bench, { kind, which }: { kind: string; which: number }, step: number): void {
  const { lab } = bench;
  const appliance = which % 2 === 0 ? 'A' : 'B';
  switch (kind) {
    case 'ask':
      bench.dispatch({
        kind: 'requested',
        requestId: `r${String(step)}`,
        request: requestFrom(requests[which] ?? ''),
      });
      break;
    case 'run':
      bench.run(which);
      break;
    case 'fault': {
      const command = which % 2 === 0 ? 'add-unit' : 'remove-unit';
      const retryable = which % 4 < 2;
      const faults = [
        { kind: 'refuse', refusal: { code: 'unknown', retryable, detail: 'no' } },
        { kind: 'unknown', applied: true },
        { kind: 'unknown', applied: false },
        { kind: 'crash', applied: true },
        { kind: 'slow', forMs: 30_000 },
      ] as const;
      const fault = faults[which % faults.length];
      if (fault !== undefined) bench.faults.push({ command, fault });
      break;
    }
    case 'crash':
      bench.crash();
      bench.run(which);
      break;
    case 'cancel':
      bench.dispatch({ kind: 'cancelled', requestId: `r${String(Math.max(0, step - 1 - (which % 3)))}` });
      break;
    case 'pull': {
      const device = deviceOf(lab, ['L1', 'L2', 'C1', 'C2'][which % 4] ?? 'L1');
      device.seenBy = device.seenBy.length === 0 ? ['A', 'B'] : [];
      break;
    }
    case 'silence':
      lab.silent = lab.silent.length === 0 ? [appliance] : [];
      break;
    case 'suspend': {
      const pool = poolOf(lab, `p${appliance}`);
      pool.state = pool.state === 'online' ? 'suspended' : 'online';
      break;
    }
    case 'disk':
      bench.failingPersists = which % 3;
      break;
    case 'registry':
      bench.registryAway = !bench.registryAway;
  }
  if (!bench.isRunning) bench.start();
}

function play(happenings: readonly { kind: string; which: number }[]): Bench {
  const bench = new Bench(labFrom(estate));
  bench.watch = () => {
    const broken = brokenIn(bench.lab);
    if (broken !== undefined) throw new Error(`${broken}\n${bench.lines.join('\n')}`);
  };
  bench.start();
  for (const [step, each] of happenings.entries()) disturb(bench, each, step);
  return bench;
}

describe('whatever happens', () => {
  const happenings = fc.array(happening, { maxLength: 14 });

  test('no device is in two pools, none is given up that its label claims, and every job ends once all is well', () => {
    fc.assert(
      fc.property(happenings, (all) => {
        const bench = play(all);
        const { lab } = bench;
        lab.silent = [];
        bench.registryAway = false;
        bench.failingPersists = 0;
        for (const pool of lab.pools) pool.state = 'online';
        for (const device of lab.devices) device.seenBy = ['A', 'B'];
        if (!bench.isRunning) bench.start();
        for (let round = 0; round < 3; round += 1) {
          bench.run(200_000);
          if (!bench.isRunning) bench.start();
        }
        const open = bench.state?.jobs.filter(({ stage }) => stage.kind !== 'ended') ?? [];
        expect(
          open.map(({ stage }) => stage),
          bench.lines.join('\n'),
        ).toEqual([]);
        expect(lab.claims, bench.lines.join('\n')).toEqual({});
      }),
      { numRuns: runs },
    );
  }, 120_000);

  test('every life can be replayed from its events, also through JSON at every step', () => {
    fc.assert(
      fc.property(happenings, (all) => {
        for (const { options, at, events } of play(all).lives) {
          let state: PoolDevicesState = poolDevices.init(options, at);
          for (const event of events) {
            const straight = poolDevices.step(state, event);
            const again = poolDevices.step(throughJson(state), throughJson(event));
            expect(again).toEqual(straight);
            expect(throughJson(straight.state)).toStrictEqual(straight.state);
            state = straight.state;
          }
        }
      }),
      { numRuns: Math.ceil(runs / 4) },
    );
  }, 60_000);
});

function throughJson<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value;
}
