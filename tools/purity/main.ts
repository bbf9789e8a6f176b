/*
 * `npm run purity`: core, bundled for no platform, runs in a realm that has the language and nothing else.
 * No clock, no timer, no promise, no chance, no platform, no language settings; and what a step is given stays as it is.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { finish } from '../shared/report.js';
import { root } from '../shared/place.js';
import { checkEntry, type Check } from './check.js';
import { checkFixtures } from './fixtures.js';
import { checkPolicies } from './policies.js';

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly import: { readonly default: string } }>>;
}

/** The source of every entry that core's package.json offers. */
function entries(): { name: string; source: string }[] {
  const manifest = JSON.parse(readFileSync(join(root, 'packages/core/package.json'), 'utf8')) as Manifest;
  return Object.entries(manifest.exports).flatMap(([name, target]) => {
    if (typeof target === 'string') return [];
    const stem = target.import.default.replace(/^\.\/dist\//, '').replace(/\.js$/, '');
    return [{ name: `@holdfast/core${name.slice(1)}`, source: `packages/core/src/${stem}.ts` }];
  });
}

const checks: Check[] = [];
for (const { name, source } of entries())
  checks.push(...(await checkEntry(name, source, /^packages\/core\/src\//)));
const stepped = await checkPolicies('packages/core/src/index.ts');
checks.push(...stepped.checks, ...(await checkFixtures()));

for (const { name, problem } of checks) {
  console.log(problem === undefined ? `ok      ${name}` : `IMPURE  ${name}\n          ${problem}`);
}
for (const reason of stepped.skipped) console.log(`skipped ${reason}`);
finish({
  passed: checks.filter(({ problem }) => problem === undefined).length,
  failed: checks.filter(({ problem }) => problem !== undefined).length,
  skipped: stepped.skipped.length,
});
