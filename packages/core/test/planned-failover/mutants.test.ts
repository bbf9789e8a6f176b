import { describe, expect, test } from 'vitest';
import { explore, exploring, type Exploration } from './explore.js';
import * as mutants from './mutants.js';
import { noFaults, type Budget, type Setting } from './system.js';

function find(change: Partial<Setting>, budget: Partial<Budget>): Exploration {
  return explore(
    { ...exploring, ...change },
    { ...noFaults, starts: 1, ...budget },
    { limit: 30_000, liveness: true, betweenOnly: true },
  );
}

/** Each guard taken out of the real policy; what happens then is a shortest story. With all of them in, see the exploration. */
describe('a guard that is taken out is missed', () => {
  test('no way back after the commit', () => {
    expect(find({ policy: mutants.commitTimesOut }, { timeouts: 1, drops: 1 }).broken).toMatch(
      /both nodes serve/,
    );
  });

  test('a fence on the disk, where record and data path are two machines', () => {
    const apart = { arbiter: 'none' } as const;
    expect(find({ ...apart, policy: mutants.volatileFenceApart }, { crashes: 1 }).broken).toMatch(
      /both nodes serve/,
    );
    expect(find({ ...apart, policy: mutants.durableFenceApart }, { crashes: 1 }).broken).toBeUndefined();
  }, 30_000);

  test('here the two are one, and a start rolls back: then the fence need not be durable for safety', () => {
    const found = find({ policy: mutants.volatileFence }, { crashes: 1 });
    expect(found.broken).toBeUndefined();
    expect(found.states).toBeGreaterThan(1_500);
  }, 30_000);

  test('nobody is told of a commit that is not durable', () => {
    expect(find({ policy: mutants.grantedBeforeDurable }, { crashes: 1 }).broken).toMatch(/two lineages/);
  });

  test('hosts are held from the fence to the outcome', () => {
    expect(find({ policy: mutants.hostsNotHeld }, { writes: 1 }).broken).toMatch(/two legs differ/);
  });

  test('the commit waits for the barrier; a target without its own proof does not serve', () => {
    const found = find({ policy: mutants.barrierNotReached }, { writes: 1 });
    expect(found.broken ?? found.stuck).toBeDefined();
  });

  test('a rollback gives the group back to fault handling and serves nothing by itself', () => {
    expect(find({ policy: mutants.rollbackServes }, { crashes: 1 }).broken).toMatch(/both nodes serve/);
  });

  test('a commit whose write has failed may stand on the disk: nothing else is written in its place', () => {
    const found = find({ policy: mutants.commitOverwritten }, { storeFailures: 1 });
    expect(found.broken).toMatch(/was committed and rolled back/);
  });

  test('the preference moves with the sequencer', () => {
    const found = find({ policy: mutants.preferenceStays, arbiter: 'preferred' }, { cuts: 1 });
    expect(found.broken).toMatch(/both nodes serve/);
  });

  test('fault handling waits until the operation is durably out of its way', () => {
    expect(find({ mayArbitrate: () => true }, { cuts: 1 }).broken).toBeDefined();
  }, 30_000);

  test('source and witness give the same lineage', () => {
    expect(find({ claim: () => undefined }, { cuts: 1 }).broken).toMatch(/one epoch has two lineages/);
  }, 30_000);
});
