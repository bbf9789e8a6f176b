import { describe, expect, test } from 'vitest';
import { explore, exploring } from './explore.js';
import { noFaults, type Budget, type Setting } from './system.js';

const runs = Number(process.env['HOLDFAST_RUNS'] ?? 0);

interface Plan {
  readonly title: string;
  readonly budget: Partial<Budget>;
  readonly arbiter?: Setting['arbiter'];
  /** States that must be seen at least: an exploration that has lost its choices must not pass. */
  readonly atLeast: number;
}

const small: readonly Plan[] = [
  { title: 'no fault', budget: { writes: 1 }, atLeast: 50 },
  { title: 'a crash before or after any write to a disk', budget: { crashes: 1 }, atLeast: 2_000 },
  { title: 'a cut and its end', budget: { cuts: 1 }, atLeast: 1_500 },
  {
    title: 'a cut, the preferred node goes on without a witness',
    budget: { cuts: 1 },
    arbiter: 'preferred',
    atLeast: 800,
  },
  { title: 'a crash, and nobody decides', budget: { crashes: 1 }, arbiter: 'none', atLeast: 500 },
  {
    title: 'a message lost, one repeated or overtaken, a limit that runs out, an abort',
    budget: { drops: 1, repeats: 1, timeouts: 1, aborts: 1 },
    atLeast: 800,
  },
  {
    title: 'a disk that fails, before or after it has written, and a target that is not ready',
    budget: { storeFailures: 1, refusals: 1, timeouts: 1 },
    atLeast: 400,
  },
];

const large: readonly Plan[] = [
  { title: 'two crashes', budget: { crashes: 2 }, atLeast: 10_000 },
  { title: 'a crash and a cut', budget: { crashes: 1, cuts: 1 }, atLeast: 10_000 },
  { title: 'a cut under writes', budget: { cuts: 1, writes: 1, timeouts: 1 }, atLeast: 10_000 },
  { title: 'a crash under writes', budget: { crashes: 1, writes: 1 }, atLeast: 5_000 },
];

describe('every order of events, to the end', () => {
  for (const { title, budget, arbiter = 'witness', atLeast } of [...small, ...(runs > 100 ? large : [])]) {
    test(`${title}: one orderer, nothing lost, no dead end`, async ({ annotate }) => {
      const plan = { ...noFaults, starts: 1, ...budget };
      const found = explore({ ...exploring, arbiter }, plan, {
        limit: 300_000,
        liveness: arbiter === 'witness',
      });
      await annotate(`${String(found.states)} states, depth ${String(found.depth)}`);
      expect(found.broken).toBeUndefined();
      expect(found.stuck).toBeUndefined();
      expect(found.states).toBeGreaterThanOrEqual(atLeast);
      expect([...found.modes].sort()).toEqual([
        'committed',
        'demoting',
        'fenced',
        'none',
        'prepared',
        'started',
      ]);
    }, 300_000);
  }
});
