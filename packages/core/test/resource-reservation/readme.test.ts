import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  createInventory,
  reservationCoordinatorDefaults,
  resourceReservation,
  whoWouldBePlacedNow,
} from '../../src/index.js';

test('the example of the README prints what it says', () => {
  const readme = readFileSync(
    new URL('../../src/policies/resource-reservation/README.md', import.meta.url),
    'utf8',
  );
  const code = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  const said = [...code.matchAll(/^\/\/ (.*)$/gm)].map(([, line]) => line);
  const printed: string[] = [];

  const host = {
    cpuMHz: 8_000,
    memoryMiB: 16_384,
    condition: 'healthy',
    offers: ['datastore:gold'],
    reportedEpoch: 1,
  } as const;
  const machine = {
    priority: 4,
    cpuReservationMHz: 6_000,
    memoryReservationMiB: 4_096,
    memoryOverheadMiB: 100,
  } as const;
  const lost = { needs: ['datastore:gold'], antiAffinityGroups: [] };
  const inventory = createInventory(
    [
      { ...host, hostId: 'h1' },
      { ...host, hostId: 'h2' },
    ],
    [],
  );
  const options = {
    ...reservationCoordinatorDefaults,
    groupId: 'lab',
    hostId: 'h9',
    incarnation: 1,
    epoch: 1,
  };
  const state = resourceReservation.init(options, 0);
  if (state.role === 'coordinator') {
    const machines = ['db', 'web'].map((machineId) => ({ ...machine, ...lost, machineId }));
    const forecast = whoWouldBePlacedNow(state, inventory, {
      hostId: 'h1',
      component: 'datastore:gold',
      machines,
    });
    printed.push(forecast.sentence);
    for (const { machineId, outcome, detail } of forecast.results)
      printed.push(`${machineId} ${outcome} ${detail}`.trim());
  }
  expect(said).toEqual(printed);
});
