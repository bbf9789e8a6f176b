/*
 * `npm run explore [-- --nightly | --mutants]`: every scene of the two nodes and their witness, in two processes that take one after the other. Prints what was seen of
 * each and counts: a scene with a broken rule has failed. With `--mutants` it looks for the rules that are left out instead, those that take
 * too long for a test run: one that nothing misses has failed. A night does both.
 */
import { performance } from 'node:perf_hooks';
import { describeExploration, explore } from '@holdfast/testkit';
import { slowMutants } from '../../packages/core/test/explore/mutants.js';
import { PolarizationSystem } from '../../packages/core/test/explore/polarization.js';
import { scenes, sizes, statesOf, type Size } from '../../packages/core/test/explore/scenes.js';
import { storyOf } from '../../packages/core/test/explore/story.js';
import { inParallel } from '../shared/process.js';
import { helps } from '../shared/helper-process.js';
import { type Found, searcher } from './searcher.js';
import { finish } from '../shared/report.js';

const given = (name: string): string | undefined =>
  process.argv.find((each) => each.startsWith(`--${name}=`))?.slice(name.length + 3);

const size: Size = process.argv.includes('--nightly') ? 'night' : 'change';

/** The calm schedule is followed from one state in so many: ways that end well are not walked twice, and it takes longer than the search. */
const calmEvery = size === 'night' ? 8 : 32;

/** One scene in this process. */
function exploreOne(index: number): Found {
  const scene = scenes[index];
  if (scene === undefined) throw new Error(`there is no scene number ${String(index)}`);
  const before = process.cpuUsage();
  const found = explore(new PolarizationSystem(scene), {
    clock: performance,
    statesMax: Number(given('states') ?? statesOf(size, scene)),
    seed: Number(given('seed') ?? 0),
    calmEvery,
  });
  // What a busy machine does not change.
  const { user, system } = process.cpuUsage(before);
  const lines = [
    describeExploration(found),
    `  ${((user + system) / 1_000_000).toFixed(1)} s of processor time`,
    ...(found.violation === undefined ? [] : [storyOf(scene, found.violation)]),
  ];
  const { states, transitions } = found;
  return { text: lines.join('\n'), states, transitions, isWell: found.violation === undefined };
}

/** One protocol with a rule left out, in this process. */
function missOne(index: number): Found {
  const mutant = slowMutants[index];
  if (mutant === undefined) throw new Error(`there is no mutant number ${String(index)}`);
  const { scene, within, found, name } = mutant;
  const { violation, states, transitions } = explore(new PolarizationSystem(scene), {
    clock: performance,
    statesMax: within,
    calmEvery: 0,
  });
  const text = `${name}: ${violation?.rule ?? 'nothing misses it'}`;
  return { text, states, transitions, isWell: violation !== undefined && found.test(violation.rule) };
}

/** What there is to do, in the words that `search` knows. */
function jobs(): readonly string[] {
  const toExplore = scenes.map((_scene, index) => `scene ${String(index)}`);
  const toMiss = slowMutants.map((_mutant, index) => `mutant ${String(index)}`);
  const only = given('scene');
  if (only !== undefined) return [`scene ${only}`];
  if (process.argv.includes('--mutants')) return toMiss;
  return size === 'night' ? [...toExplore, ...toMiss] : toExplore;
}

function search(job: string): Found {
  const [kind, index] = job.split(' ');
  return kind === 'mutant' ? missOne(Number(index)) : exploreOne(Number(index));
}

async function exploreAll(): Promise<void> {
  const startedAt = performance.now();
  const all = jobs();
  let states = 0;
  let transitions = 0;
  const idle = [searcher(), searcher()];
  const wells = await inParallel(all, idle.length, async (job) => {
    const helper = idle.pop() ?? searcher();
    const found = await helper.run(job);
    idle.push(helper);
    states += found.states;
    transitions += found.transitions;
    console.log(found.text);
    return found.isWell && found.states > 0;
  });
  for (const helper of idle) helper.end();
  const seconds = (performance.now() - startedAt) / 1_000;
  console.log(
    `${String(states)} states and ${String(transitions)} transitions in ${String(all.length)} searches in ${seconds.toFixed(1)} s, ${String(Math.round(states / seconds))} states a second (a setting of ${String(sizes[size])})`,
  );
  finish({ passed: wells.filter(Boolean).length, failed: wells.filter((isWell) => !isWell).length });
}

if (!helps(search)) await exploreAll();
