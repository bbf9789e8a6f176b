import { expect, test } from 'vitest';
import { explore, exploring } from './explore.js';
import { noFaults } from './system.js';
test('x', () => {
  const t = Date.now();
  const r = explore(exploring, { ...noFaults, starts: 1, writes: 1, ...JSON.parse(process.env['B'] ?? '{}') }, { limit: Number(process.env['L'] ?? 60000), liveness: true });
  console.log(r, Date.now() - t);
}, 100000);
