/*
 * `npm run consumer-matrix [-- --changed[=<git ref>]]`: what an installer of our packages gets. The packages are packed,
 * installed into a program outside this repository, loaded by import and by require, and type-checked strictly without
 * skipLibCheck by three compilers, in both module systems and for bundlers.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack, publishablePackages, type Package } from '../shared/packages.js';
import { inParallel } from '../shared/process.js';
import { finish } from '../shared/report.js';
import { compile, installApp, installCompilers, load, runCommands, type Check } from './app.js';
import { affected, changedFiles, defaultBase, withDependencies } from './changed.js';
import { entriesFor, entriesOf, needsNodeTypes, waysToCompile } from './matrix.js';

function choose(packages: readonly Package[]): Package[] {
  const option = process.argv.find((each) => /^--changed(=|$)/.test(each));
  const base = option?.split('=')[1] ?? defaultBase();
  if (option === undefined || base === undefined) {
    console.log(
      `all ${packages.length} packages${option === undefined ? '' : ', for there is no release yet to compare with'}`,
    );
    return [...packages];
  }
  const chosen = affected(packages, changedFiles(base));
  console.log(`${chosen.length} of ${packages.length} packages are touched by changes since ${base}`);
  // With nothing changed, the smallest is still installed, so that the matrix itself keeps working.
  return chosen.length > 0 ? chosen : packages.filter(({ manifest }) => manifest.name === '@holdfast/core');
}

async function checkAll(folder: string): Promise<Check[]> {
  const packages = publishablePackages();
  const chosen = choose(packages);
  const tarballs = await pack(withDependencies(packages, chosen), join(folder, 'tarballs'));
  await Promise.all([installApp(join(folder, 'app'), tarballs), installCompilers(join(folder, 'compilers'))]);
  const entries = chosen.flatMap(entriesOf);
  const loaded = await inParallel(entries, 1, (entry) => load(folder, entry));
  const started = await inParallel(chosen, 1, (each) => runCommands(folder, each));
  const ways = waysToCompile().filter((way) => entriesFor(way, entries).length > 0);
  const compiled = await inParallel(ways, 2, (way) => compile(folder, way, entriesFor(way, entries)));
  return [...loaded, ...started.flat(), ...compiled];
}

for (const { entry, because } of needsNodeTypes) console.log(`${entry} needs @types/node: ${because}`);
const folder = mkdtempSync(join(tmpdir(), 'holdfast-consumer-'));
try {
  const checks = await checkAll(folder);
  for (const { name, problem } of checks) {
    console.log(problem === undefined ? `ok      ${name}` : `BROKEN  ${name}\n${problem.slice(0, 4000)}`);
  }
  finish({
    passed: checks.filter(({ problem }) => problem === undefined).length,
    failed: checks.filter(({ problem }) => problem !== undefined).length,
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
