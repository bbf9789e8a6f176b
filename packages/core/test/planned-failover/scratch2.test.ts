import { test } from 'vitest';
import { explore, exploring } from './explore.js';
import * as mutants from './mutants.js';
import { noFaults } from './system.js';
const B: Record<string, object> = {
  volatileFenceResumed: { crashes: 1, writes: 1 },
  durableFenceResumed: { crashes: 1, writes: 0 },
  volatileFence: { crashes: 1, writes: 0 },
  commitTimesOut: { timeouts: 1, drops: 1 },
  grantedBeforeDurable: { crashes: 1 },
  barrierNotReached: { writes: 1 },
  hostsNotHeld: { writes: 1 },
  rollbackServes: { crashes: 1 },
  commitOverwritten: { storeFailures: 1, crashes: 1 },
  preferenceStays: { cuts: 1 },
};
test('x', () => {
  for (const [name, policy] of Object.entries(mutants)) {
    const t = Date.now();
    const arbiter = name === 'preferenceStays' ? 'preferred' : 'witness';
    const r = explore({ ...exploring, policy, arbiter }, { ...noFaults, starts: 1, writes: 0, ...B[name] }, { limit: 20000, liveness: true });
    console.log(name, r.states, r.depth, r.broken?.split('\n').join(' | '), r.stuck?.split('\n').join(' | '), Date.now() - t);
  }
}, 100000);
