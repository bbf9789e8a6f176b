/*
 * How long a host waits when a node dies, measured again and again and held against the computed bound; and whether nodes that are
 * only busy ever part. A program and not a test: it ends with an exit code, and takes as long as it is told to.
 */
import { Cluster } from '@holdfast/acceptance/cluster';
import { type Pause, VerifyingLoad } from '@holdfast/acceptance/load';
import { pauseBounds } from '@holdfast/core';
import { parseArgs } from 'node:util';
import { Standstills } from './standstills.js';

const usage = `usage: npm run bench:failover -- [--kills 20]          kills of the preferred node, every other one with evidence
       npm run bench:failover -- --quiet-minutes 10   full load without a fault: any change of mode is a failure`;
const queueDepth = 16;
const sizeBytes = 48 * 1024 * 1024;

interface Kill {
  readonly withEvidence: boolean;
  readonly pauseMs: number;
}

async function main(words: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...words],
    options: { kills: { type: 'string', default: '20' }, 'quiet-minutes': { type: 'string' } },
  });
  const quiet = values['quiet-minutes'];
  const amount = Number(quiet ?? values.kills);
  if (!(amount > 0))
    throw new Error(`a number greater than 0 is wanted, not ${quiet ?? values.kills}\n${usage}`);

  await using cluster = await Cluster.start();
  // Ctrl-C must not leave processes and disks behind.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void cluster[Symbol.asyncDispose]().finally(() => process.exit(130)));
  using standstills = new Standstills(cluster);
  const client = await cluster.client(cluster.layout.hostSocket);
  const load = new VerifyingLoad({ client, sizeBytes, queueDepth });
  await rest(1_000);
  const passed =
    quiet === undefined
      ? await killAgainAndAgain(cluster, load, standstills, amount)
      : await stayQuiet(cluster, load, standstills, amount);
  await load.stop();
  await load.readAllBack();
  const lost = load.wrongBlocks.length + load.errors.length;
  console.log(
    `${load.acknowledgedWrites} acknowledged writes, ${load.checkedBlocks} blocks judged: ${load.wrongBlocks.length} wrong, ${load.errors.length} errors`,
  );
  for (const what of [...load.wrongBlocks, ...load.errors].slice(0, 3)) console.log(what);
  return passed && lost === 0;
}

async function killAgainAndAgain(
  cluster: Cluster,
  load: VerifyingLoad,
  standstills: Standstills,
  kills: number,
): Promise<boolean> {
  const results: Kill[] = [];
  for (let turn = 1; turn <= kills; turn += 1) {
    const withEvidence = turn % 2 === 0;
    const pause = await killOnce(cluster, load, withEvidence);
    const pauseMs = pause.untilMs - pause.fromMs;
    results.push({ withEvidence, pauseMs });
    const stood = standstills.longestIn(pause);
    console.log(
      `kill ${turn} ${withEvidence ? 'with evidence   ' : 'without evidence'}: ${pauseMs.toFixed(0)} ms pause, longest standstill in it ${stood.toFixed(0)} ms`,
    );
  }
  const bounds = pauseBounds(cluster.timing);
  const stallMs = standstills.longest;
  console.log(
    `renewals every ${cluster.timing.leaseRenewIntervalMs} ms; longest standstill of one of the processes: ${stallMs.toFixed(0)} ms`,
  );
  const judged = [
    judge('without evidence', bounds.preferredLostMs, stallMs, pausesOf(results, false)),
    judge('with evidence', bounds.preferredLostWithEvidenceMs, stallMs, pausesOf(results, true)),
  ];
  return judged.every((passed) => passed);
}

/** Kills the preferred node, brings it back, and waits until both mirror. @returns the pause that the load has seen. */
async function killOnce(cluster: Cluster, load: VerifyingLoad, withEvidence: boolean): Promise<Pause> {
  const fromMs = Date.now();
  const evidence = await cluster.kill('north');
  if (withEvidence) await cluster.controller.giveEvidence('south', evidence, { deadlineMs: 2_000 });
  await cluster.servesAlone('south');
  const before = load.acknowledgedWrites;
  await cluster.until('writes go on', () => load.acknowledgedWrites > before);
  const pause = load.longestPause(fromMs, Date.now());
  await cluster.run('north');
  await cluster.mirrored();
  // A fault that begins while the one before is still dealt with says nothing about either.
  await rest(2 * cluster.timing.leaseTtlMs + 500);
  await cluster.mirrored();
  return pause;
}

function pausesOf(results: readonly Kill[], withEvidence: boolean): readonly number[] {
  return results
    .filter((kill) => kill.withEvidence === withEvidence)
    .map(({ pauseMs }) => pauseMs)
    .sort((left, right) => left - right);
}

function judge(name: string, boundMs: number, stallMs: number, pausesMs: readonly number[]): boolean {
  if (pausesMs.length === 0) return true;
  const median = pausesMs[Math.floor(pausesMs.length / 2)] ?? 0;
  const longest = pausesMs.at(-1) ?? 0;
  const passed = longest <= boundMs + stallMs;
  console.log(
    `${name}: ${pausesMs.length} kills, bound ${boundMs.toFixed(0)} ms, median ${median.toFixed(0)} ms, longest ${longest.toFixed(0)} ms: ${passed ? 'within bound and standstill' : 'TOO LONG'}`,
  );
  return passed;
}

async function stayQuiet(
  cluster: Cluster,
  load: VerifyingLoad,
  standstills: Standstills,
  minutes: number,
): Promise<boolean> {
  const before = cluster.modeChanges.length;
  const fromMs = Date.now();
  await rest(minutes * 60_000);
  const changes = cluster.modeChanges.slice(before);
  const pause = load.longestPause(fromMs, Date.now());
  console.log(
    `${minutes} minutes of full load: ${changes.length} changes of mode, longest pause ${(pause.untilMs - pause.fromMs).toFixed(0)} ms, longest standstill ${standstills.longest.toFixed(0)} ms (leases last ${cluster.timing.leaseTtlMs} ms)`,
  );
  for (const { nodeId, from, to } of changes) console.log(`${nodeId}: ${from} -> ${to}`);
  return changes.length === 0;
}

function rest(forMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, forMs));
}

process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1;
