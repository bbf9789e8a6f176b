/*
 * `npm run explore [-- --nightly | --mutants]`: every scene of the two nodes and their witness, on two processes. Prints what was seen of
 * each and counts: a scene with a broken rule has failed. With `--mutants` it looks for the rules that are left out instead, those that take
 * too long for a test run: one that nothing misses has failed. A night does both.
 */
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { describeExploration, explore } from '@holdfast/testkit';
import { slowMutants } from '../../packages/core/test/explore/mutants.js';
import { PolarizationSystem } from '../../packages/core/test/explore/polarization.js';
import { scenes, sizes, statesOf, type Size } from '../../packages/core/test/explore/scenes.js';
import { storyOf } from '../../packages/core/test/explore/story.js';
import { root } from '../shared/place.js';
import { inParallel, run } from '../shared/process.js';
import { finish } from '../shared/report.js';

const given = (name: string): string | undefined =>
  process.argv.find((each) => each.startsWith(`--${name}=`))?.slice(name.length + 3);

const size: Size = process.argv.includes('--nightly') ? 'night' : 'change';
const wanted = given('scene');
const wantedMutant = given('mutant');

/** One scene in this process. From one state in eight the calm schedule is followed: ways that end well are not walked twice. */
function exploreOne(index: number): void {
  const scene = scenes[index];
  if (scene === undefined) throw new Error(`there is no scene number ${String(index)}`);
  const system = new PolarizationSystem(scene);
  const found = explore(system, {
    clock: performance,
    statesMax: Number(given('states') ?? statesOf(size)),
    seed: Number(given('seed') ?? 0),
    calmEvery: 8,
  });
  console.log(describeExploration(found));
  // What a busy machine does not change.
  const { user, system: kernel } = process.cpuUsage();
  console.log(`  ${((user + kernel) / 1_000_000).toFixed(1)} s of processor time, start included`);
  if (found.violation !== undefined) console.log(storyOf(scene, found.violation));
  console.log(`states=${String(found.states)}`);
  process.exitCode = found.violation === undefined ? 0 : 1;
}

/** One protocol with a rule left out, in this process. */
function missOne(index: number): void {
  const mutant = slowMutants[index];
  if (mutant === undefined) throw new Error(`there is no mutant number ${String(index)}`);
  const { scene, within, found, name } = mutant;
  const seen = explore(new PolarizationSystem(scene), {
    clock: performance,
    statesMax: within,
    calmEvery: 0,
  });
  const isMissed = seen.violation !== undefined && found.test(seen.violation.rule);
  console.log(`${name}: ${seen.violation?.rule ?? 'nothing misses it'}`);
  console.log(`states=${String(seen.states)}`);
  process.exitCode = isMissed ? 0 : 1;
}

/** What there is to do, as the arguments of one process each. */
function jobs(): readonly string[] {
  const toExplore = scenes.map((_scene, index) => `--scene=${String(index)}`);
  const toMiss = slowMutants.map((_mutant, index) => `--mutant=${String(index)}`);
  if (process.argv.includes('--mutants')) return toMiss;
  return size === 'night' ? [...toExplore, ...toMiss] : toExplore;
}

async function exploreAll(): Promise<void> {
  const startedAt = performance.now();
  const loader = join(root, 'node_modules', 'tsx', 'dist', 'cli.mjs');
  const program = join(root, 'tools', 'explore', 'main.ts');
  const rest = process.argv.slice(2).filter((each) => !each.startsWith('--report='));
  const all = jobs();
  let states = 0;
  const codes = await inParallel(all, 2, async (job) => {
    const { code, output } = await run(process.execPath, [loader, program, job, ...rest]);
    const counted = Number(/^states=(\d+)$/m.exec(output)?.[1] ?? 0);
    states += counted;
    console.log(output.replace(/^states=\d+\n/m, '').trimEnd());
    return code === 0 && counted > 0;
  });
  const seconds = (performance.now() - startedAt) / 1_000;
  console.log(
    `${String(states)} states in ${String(all.length)} searches in ${seconds.toFixed(1)} s, ${String(Math.round(states / seconds))} a second (a setting of ${String(sizes[size])})`,
  );
  finish({ passed: codes.filter(Boolean).length, failed: codes.filter((isWell) => !isWell).length });
}

if (wantedMutant !== undefined) missOne(Number(wantedMutant));
else if (wanted === undefined) await exploreAll();
else exploreOne(Number(wanted));
