import { describe, expect, test } from 'vitest';
import {
  createInventory,
  reservationCoordinatorDefaults,
  resourceReservation,
  whoWouldBePlacedNow,
  type ReservationMachine,
} from '../../src/index.js';
import { bestPossible } from './exhaustive.js';
import { falseGrant, granted, smallCase, type SmallCase } from './small-cases.js';
import { hostOf, machineOf } from './script.js';

const numRuns = Number(process.env['HOLDFAST_RUNS'] ?? 400);
const floors = reservationCoordinatorDefaults.floors;

const weights = { linear: (priority: number) => priority + 1, doubling: (priority: number) => 2 ** priority };

describe('placement against a solver that tries everything', () => {
  test(
    `no false grant in ${String(numRuns)} small cases, and at least 98 % of what the optimum places`,
    () => {
      const ours = { linear: 0, doubling: 0 };
      const best = { linear: 0, doubling: 0 };
      let misleadingSums = 0;
      for (let seed = 1; seed <= numRuns; seed += 1) {
        const small = smallCase(seed);
        const places = granted(small);
        expect(falseGrant(small, places), `seed ${String(seed)}`).toBeUndefined();
        for (const name of ['linear', 'doubling'] as const) {
          const weigh = weights[name];
          const mine = small.impacted.reduce(
            (sum, one) => sum + (places.has(one.machineId) ? weigh(one.priority) : 0),
            0,
          );
          const optimum = bestPossible(small, floors, weigh);
          expect(
            mine,
            `seed ${String(seed)}: more than the best possible is a false grant`,
          ).toBeLessThanOrEqual(optimum);
          ours[name] += mine;
          best[name] += optimum;
        }
        if (places.size < small.impacted.length && sumSuffices(small)) misleadingSums += 1;
      }
      const shares = { linear: ours.linear / best.linear, doubling: ours.doubling / best.doubling };
      if (numRuns > 1_000) {
        process.stdout.write(`${JSON.stringify({ shares, misleadingSums, numRuns })}\n`);
      }
      expect(shares.linear).toBeGreaterThanOrEqual(0.98);
      expect(shares.doubling).toBeGreaterThanOrEqual(0.98);
      // The mistake that this exists to avoid is a common one.
      expect(misleadingSums).toBeGreaterThan(numRuns / 20);
    },
    20_000 + 10 * numRuns,
  );

  test(
    'nobody of a higher priority goes without so that a lower one gets a place that the higher could use',
    () => {
      for (let seed = 1; seed <= numRuns; seed += 1) {
        const small = smallCase(seed);
        const places = granted(small);
        const without = small.impacted.filter(({ machineId }) => !places.has(machineId));
        for (const denied of without) {
          for (const lucky of small.impacted) {
            const hostId = places.get(lucky.machineId);
            if (hostId === undefined || lucky.priority >= denied.priority) continue;
            const swapped = new Map(places);
            swapped.delete(lucky.machineId);
            swapped.set(denied.machineId, hostId);
            expect(
              falseGrant(small, swapped),
              `seed ${String(seed)}: ${denied.machineId} before ${lucky.machineId}`,
            ).toBeDefined();
          }
        }
      }
    },
    20_000 + 10 * numRuns,
  );
});

function sumSuffices({ inventory, impacted }: SmallCase): boolean {
  const targets = inventory.hosts.filter(
    ({ hostId, condition, reportedEpoch }) =>
      hostId !== 'h0' && condition === 'healthy' && reportedEpoch === 1,
  );
  const running = inventory.machines.filter(({ hostId }) => targets.some((host) => host.hostId === hostId));
  const cpu = (list: readonly ReservationMachine[]) =>
    list.reduce((sum, one) => sum + Math.max(32, one.cpuReservationMHz), 0);
  const memory = (list: readonly ReservationMachine[]) =>
    list.reduce((sum, one) => sum + one.memoryReservationMiB + one.memoryOverheadMiB, 0);
  const freeCpu = targets.reduce((sum, { cpuMHz }) => sum + cpuMHz, 0) - cpu(running);
  const freeMemory = targets.reduce((sum, { memoryMiB }) => sum + memoryMiB, 0) - memory(running);
  return cpu(impacted) <= freeCpu && memory(impacted) <= freeMemory;
}

test('the forecast says what an ask would be answered', () => {
  const options = {
    ...reservationCoordinatorDefaults,
    groupId: 'g',
    hostId: 'c',
    incarnation: 1,
    epoch: 0 + 1,
  };
  const state = resourceReservation.init(options, 0);
  if (state.role !== 'coordinator') throw new Error('not a coordinator');
  for (let seed = 1; seed <= 50; seed += 1) {
    const small = smallCase(seed);
    const forecast = whoWouldBePlacedNow(state, small.inventory, {
      hostId: 'h0',
      component: 'gold',
      machines: small.impacted,
    });
    const places = forecast.results.flatMap(({ machineId, place }) =>
      place === undefined ? [] : [[machineId, place.hostId] as const],
    );
    expect(new Map(places), `seed ${String(seed)}`).toEqual(granted(small));
  }
  const { power: _power, hostId: _hostId, ...db } = machineOf('db', 'h1', 4, 2_000, 4_096);
  const hosts = ['h1', 'h2'].map((hostId) => ({ ...hostOf(hostId, 8_000, 16_384), reportedEpoch: 1 }));
  const forecast = whoWouldBePlacedNow(state, createInventory(hosts, []), {
    hostId: 'h1',
    component: 'datastore:gold',
    machines: [db],
  });
  expect(forecast.sentence).toBe(
    'If h1 lost datastore:gold now, 1 of 1 machines would have a place, by inventory 1.',
  );
});
