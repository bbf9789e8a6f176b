/*
 * `npm run fuzz [-- --frames=N --seed=N --target=NAME --cases=N | --nightly | --mutants]`: hostile streams against everything that
 * listens, in this process. One seed makes one case; a case that breaks a rule is made small, and its command is printed. With
 * `--mutants` it takes a check away, one after the other: one that is not found has failed.
 */
import { performance } from 'node:perf_hooks';
import { fuzz, type FuzzFailure } from '@holdfast/testkit';
import { finish } from '../shared/report.js';
import { missOne, mutants } from './mutants.js';
import { shares } from './targets.js';

const given = (name: string): string | undefined =>
  process.argv.find((each) => each.startsWith(`--${name}=`))?.slice(name.length + 3);

const nightlyFrames = 10_000_000;
const usualFrames = 400_000;

/** What nobody caught is a failure of the case that was running. */
const strays: string[] = [];
const keep = (error: unknown): void =>
  void strays.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
process.on('uncaughtException', keep);
process.on('unhandledRejection', keep);

function tell(name: string, failure: FuzzFailure): void {
  console.log(`seed ${String(failure.seed)}: ${failure.problem}`);
  console.log(`  ${String(failure.pieces.length)} of ${String(failure.drawnPieces)} pieces are needed:`);
  for (const piece of failure.pieces) console.log(`  ${piece}`);
  console.log(`  repeat: npm run fuzz -- --target=${name} --seed=${String(failure.seed)} --cases=1`);
}

async function campaign(): Promise<void> {
  const only = given('target');
  const total = Number(given('frames') ?? (process.argv.includes('--nightly') ? nightlyFrames : usualFrames));
  const cases = given('cases');
  let passed = 0;
  let failed = 0;
  let allFrames = 0;
  const startedAt = performance.now();
  for (const { percent, make } of shares) {
    const target = make();
    if (only !== undefined && target.name !== only) continue;
    const from = performance.now();
    const report = await fuzz(target, {
      seed: Number(given('seed') ?? 1),
      frames: only === undefined ? (total * percent) / 100 : total,
      ...(cases === undefined ? {} : { casesMax: Number(cases) }),
      strays: () => strays.splice(0),
    });
    const seconds = (performance.now() - from) / 1_000;
    const perSecond = Math.round(report.frames / seconds);
    const counted = `${String(report.frames)} frames in ${String(report.cases)} cases`;
    console.log(`${target.name}: ${counted}, ${seconds.toFixed(1)} s, ${String(perSecond)} frames a second`);
    allFrames += report.frames;
    if (report.failure === undefined) passed += 1;
    else {
      failed += 1;
      tell(target.name, report.failure);
    }
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  const peak = Math.round(process.resourceUsage().maxRSS / 1_024);
  console.log(
    `${String(allFrames)} frames in ${seconds.toFixed(1)} s, ${String(Math.round(allFrames / seconds))} a second; at most ${String(peak)} MiB resident`,
  );
  finish({ passed, failed });
}

async function missAll(): Promise<void> {
  let passed = 0;
  let failed = 0;
  const only = given('only') ?? '';
  for (const mutant of mutants.filter(({ name }) => name.includes(only))) {
    const found = await missOne(mutant);
    console.log(`${mutant.name}: ${found.text}`);
    if (found.isFound) passed += 1;
    else failed += 1;
  }
  finish({ passed, failed });
}

await (process.argv.includes('--mutants') ? missAll() : campaign());
