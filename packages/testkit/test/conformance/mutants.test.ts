import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type ConformanceFixture, runCase, runSuite } from '../../src/index.js';
import { deviceMutants } from './device-mutants.js';
import type { Mutants } from './mutant.js';
import { clockMutants, fencerMutants, randomMutants, telemetryMutants } from './small-mutants.js';
import { storeMutants } from './store-mutants.js';
import { transportMutants } from './transport-mutants.js';
import { witnessMutants } from './witness-mutants.js';

const page = readFileSync(new URL('../../src/conformance/README.md', import.meta.url), 'utf8');
const readme = page.replace(/ +/g, ' ');
/** Of real time for what really hangs; the others have virtual time enough to say what has not come. */
const limitMs = (port: string): number => (port === 'block-device' ? 1000 : 15_000);

function bites<Fixture extends ConformanceFixture>({ suite, sound, mutants }: Mutants<Fixture>): void {
  describe(`the suite of ${suite.port} finds an adapter that`, () => {
    it.each(mutants)('$mistake', async ({ mistake, caughtBy, fixture }) => {
      const each = suite.cases.find(({ name }) => name === caughtBy);
      const report =
        each && (await runCase({ name: mistake, fixture }, each, { caseLimitMs: limitMs(suite.port) }));
      expect(report?.outcome).toBe('failed');
      expect(readme).toContain(`| ${suite.port} | ${mistake} | ${caughtBy} |`);
    });

    it('and finds nothing in one that is built alike and has no mistake', async () => {
      const { cases } = await runSuite(suite, { name: 'sound', fixture: sound }, { operations: 60 });
      expect(cases.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
    });

    it('with each of its cases finding one', () => {
      const caught = new Set(mutants.map(({ caughtBy }) => caughtBy));
      expect(suite.cases.map(({ name }) => name).filter((name) => !caught.has(name))).toEqual([]);
    });
  });
}

bites(deviceMutants);
bites(storeMutants);
bites(witnessMutants);
bites(transportMutants);
bites(clockMutants);
bites(randomMutants);
bites(fencerMutants);
bites(telemetryMutants);
