/*
 * `npm run simulate [-- --seeds=N --from=N]`: runs of the real volume, witness and initiator on virtual time, network and disks, one per seed, in
 * two processes. A run that breaks a rule is made small and written down. `--seed=N` tells the story of one run, `--replay=FILE` repeats a
 * written one, `--nightly` takes 100,000 seeds.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { HoldfastError } from '@holdfast/core';
import {
  drawPlan,
  parseReplay,
  type Plan,
  type Replay,
  shrinkPlan,
  simulate,
} from '../../packages/simulation/src/index.js';
import { HelperProcess, helps } from '../shared/helper-process.js';
import { inParallel } from '../shared/process.js';
import { finish } from '../shared/report.js';

/** Sums over some seeds. */
const sums = {
  seeds: 0,
  operations: 0,
  faults: 0,
  hits: 0,
  /** Seeds in which so many faults struck a request under way that the run counts. */
  counted: 0,
  comparedTwice: 0,
  simulatedMs: 0,
  processorMs: 0,
  waiting: 0,
};
type Sums = typeof sums;

/** What one process found over some seeds. */
interface Found {
  readonly sums: Sums;
  readonly failures: readonly string[];
  readonly longestServedMs: number;
  readonly longestMirroredMs: number;
}

const seedsPerJob = 20;
/** A run in which fewer faults struck something under way proves little. */
const hitsWanted = 5;
/** One seed in so many runs twice, and both have to be the same. */
const twiceEvery = 100;

const nothing: Found = { sums, failures: [], longestServedMs: 0, longestMirroredMs: 0 };

const given = (name: string): string | undefined =>
  process.argv.find((each) => each.startsWith(`--${name}=`))?.slice(name.length + 3);

function add(one: Found, other: Found): Found {
  const both = { ...one.sums };
  for (const name of Object.keys(both) as (keyof Sums)[]) both[name] += other.sums[name];
  return {
    sums: both,
    failures: [...one.failures, ...other.failures],
    longestServedMs: Math.max(one.longestServedMs, other.longestServedMs),
    longestMirroredMs: Math.max(one.longestMirroredMs, other.longestMirroredMs),
  };
}

async function runSeed(seed: number): Promise<Found> {
  const before = process.cpuUsage();
  const plan = drawPlan(seed);
  const outcome = await simulate(plan);
  const failures: string[] = [];
  if (outcome.violation !== undefined) {
    const { rule, detail } = outcome.violation;
    failures.push(`seed ${String(seed)}: ${rule}: ${detail}\n  ${await writeDown(plan, rule)}`);
  }
  const isTwice = seed % twiceEvery === 0;
  if (isTwice && (await simulate(plan)).fingerprint !== outcome.fingerprint)
    failures.push(`seed ${String(seed)}: a run and its repetition differ`);
  const { user, system } = process.cpuUsage(before);
  const { operations, faults, hits, simulatedMs } = outcome;
  return {
    sums: {
      seeds: 1,
      operations,
      faults,
      hits,
      counted: hits >= hitsWanted ? 1 : 0,
      comparedTwice: isTwice ? 1 : 0,
      simulatedMs,
      processorMs: (user + system) / 1_000,
      waiting: outcome.waitsForOperator === undefined ? 0 : 1,
    },
    failures,
    longestServedMs: outcome.servedAfterMs ?? 0,
    longestMirroredMs: outcome.mirroredAfterMs ?? 0,
  };
}

/** @returns the command that repeats it. */
async function writeDown(plan: Plan, rule: string): Promise<string> {
  const small = await shrinkPlan(plan, async (smaller) => (await simulate(smaller)).violation?.rule === rule);
  const replay: Replay = {
    about: 'not yet understood',
    commit: commitHere(),
    state: 'open',
    rule,
    plan: small,
  };
  const file = join(tmpdir(), `holdfast-seed-${String(plan.seed)}.json`);
  writeFileSync(file, `${JSON.stringify(replay, undefined, 2)}\n`);
  return `repeat: npm run simulate -- --replay=${file}`;
}

function commitHere(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}

async function work(job: string): Promise<Found> {
  const [from = 0, count = 0] = job.split(' ').map(Number);
  let found = nothing;
  for (let seed = from; seed < from + count; seed += 1) found = add(found, await runSeed(seed));
  return found;
}

async function campaign(from: number, seeds: number): Promise<void> {
  const jobs: string[] = [];
  for (let at = from; at < from + seeds; at += seedsPerJob)
    jobs.push(`${String(at)} ${String(Math.min(seedsPerJob, from + seeds - at))}`);
  const helper = (): HelperProcess<Found> =>
    new HelperProcess(new URL('main.ts', import.meta.url), (why) => ({ ...nothing, failures: [why] }));
  const idle = [helper(), helper()];
  const startedAt = performance.now();
  const parts = await inParallel(jobs, idle.length, async (job) => {
    const one = idle.pop() ?? helper();
    const found = await one.run(job);
    idle.push(one);
    for (const failure of found.failures) console.log(failure);
    return found;
  });
  for (const one of idle) one.end();
  const { sums: all, ...found } = parts.reduce(add, nothing);
  const seconds = (performance.now() - startedAt) / 1_000;
  const processorSeconds = all.processorMs / 1_000;
  console.log(
    `${String(all.seeds)} seeds from ${String(from)} on in ${seconds.toFixed(1)} s: ${String(all.operations)} requests of hosts, ` +
      `${String(all.faults)} faults, ${String(all.hits)} of them while a request was under way ` +
      `(in ${String(all.counted)} seeds ${String(hitsWanted)} or more)`,
  );
  console.log(
    `for each second of a processor: ${(all.operations / processorSeconds).toFixed(0)} requests, ` +
      `${(all.hits / processorSeconds).toFixed(0)} faults that struck, ${(all.simulatedMs / 1_000 / processorSeconds).toFixed(1)} s of simulated time`,
  );
  console.log(
    `${String(all.comparedTwice)} seeds ran twice; ${String(all.waiting)} pairs wait for an operator; after healing the slowest served within ` +
      `${String(Math.round(found.longestServedMs))} ms and mirrored within ${String(Math.round(found.longestMirroredMs))} ms`,
  );
  const failed = found.failures.length;
  // A campaign in which hardly anything was struck proves nothing, however many seeds it had.
  const isVacuous = all.counted < seeds / 2;
  if (isVacuous) console.log('too few seeds count: less than half had enough faults that struck');
  finish({ passed: Math.max(0, all.seeds - failed), failed: failed + (isVacuous ? 1 : 0) });
}

async function tellOne(plan: Plan): Promise<void> {
  const outcome = await simulate(plan);
  for (const line of outcome.story) console.log(line);
  const { violation, waitsForOperator } = outcome;
  if (waitsForOperator !== undefined) console.log(`waits for an operator: ${waitsForOperator}`);
  if (violation !== undefined) console.log(`${violation.rule}: ${violation.detail}`);
  console.log(
    `${String(outcome.operations)} requests, ${String(outcome.hits)} faults struck, ${outcome.fingerprint}`,
  );
  finish({ passed: violation === undefined ? 1 : 0, failed: violation === undefined ? 0 : 1 });
}

async function main(): Promise<void> {
  const file = given('replay');
  const seed = given('seed');
  if (file !== undefined) return tellOne(parseReplay(readFileSync(file, 'utf8'), file).plan);
  if (seed !== undefined) return tellOne(drawPlan(Number(seed)));
  const seeds = process.argv.includes('--nightly') ? 100_000 : 1_200;
  return campaign(Number(given('from') ?? 1), Number(given('seeds') ?? seeds));
}

if (!helps(work)) {
  try {
    await main();
  } catch (error) {
    if (!HoldfastError.is(error)) throw error;
    console.error(error.message);
    finish({ passed: 0, failed: 1 });
  }
}
