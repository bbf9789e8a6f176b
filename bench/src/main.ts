import { openProcessHost, type ProcessHost } from '@holdfast/adapter-loopback';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { type BenchArguments, readArguments } from './arguments.js';
import type { Case } from './cases.js';
import type { Contender } from './contender.js';
import { fill, runFio } from './fio.js';
import { holdfast } from './holdfast.js';
import { residentMebibytes } from './memory.js';
import { processorMicros } from './processor-time.js';
import { findProgram } from './programs.js';
import { startQuorum } from './qemu.js';
import { caseReport, type Measurement } from './report.js';

/**
 * Side by side in one run: every round gives each contender the same load, one after the other, in an order that turns with
 * the rounds; ratios are taken within a round, so that a machine that is busy with other things disturbs both alike.
 */
async function main(): Promise<void> {
  const wanted = readArguments(process.argv.slice(2));
  const fio = findProgram('fio', 'fio');
  const folder = await mkdtemp(join(wanted.directory, 'holdfast-bench-'));
  const host = openProcessHost();
  // Ctrl-C must not leave daemons and half a gigabyte behind.
  process.once('SIGINT', () => void cleanUp(host, folder).then(() => process.exit(130)));
  try {
    const contenders: Contender[] = [];
    for (const [name, start] of [
      ['qemu', startQuorum],
      ['holdfast', holdfast(wanted.holdfast)],
    ] as const) {
      await mkdir(join(folder, name));
      contenders.push(...(await start(host, join(folder, name), wanted.sizeBytes)));
    }
    // Several names may lead to one volume; filling it twice harms nobody.
    for (const { uri } of contenders) await fill(fio, uri, wanted.sizeBytes);
    console.log(
      `${cpus().length} processors, load ${loadavg()[0]?.toFixed(1) ?? '?'} at the start; ${wanted.rounds} rounds of ${wanted.seconds} s, after ${wanted.warmSeconds} s that do not count`,
    );
    for (const load of wanted.cases) console.log(await runCase(fio, load, contenders, wanted));
    await reportMemory(contenders);
  } finally {
    await cleanUp(host, folder);
  }
}

async function runCase(
  fio: string,
  load: Case,
  contenders: readonly Contender[],
  wanted: BenchArguments,
): Promise<string> {
  // What runs for months is not measured while it is still being compiled. Each gets the same.
  if (wanted.warmSeconds > 0)
    for (const { uri } of contenders) await runFio(fio, uri, load, wanted.warmSeconds);
  const samples = new Map<string, Measurement[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < wanted.rounds; round += 1) {
    const order = contenders.map((_, index) => contenders[(index + round) % contenders.length]);
    for (const contender of order) {
      if (contender === undefined) continue;
      samples.get(contender.name)?.push(await measure(fio, load, contender, wanted.seconds));
    }
  }
  const judged = new Set(contenders.filter((one) => one.judged === true).map(({ name }) => name));
  return caseReport(load, contenders[0]?.name ?? '', judged, samples);
}

async function measure(fio: string, load: Case, contender: Contender, seconds: number): Promise<Measurement> {
  const processes = Object.values(contender.processes);
  const before = await processorMicros(processes);
  const sample = await runFio(fio, contender.uri, load, seconds);
  const used = (await processorMicros(processes)) - before;
  return { ...sample, processorMicros: used / Math.max(1, sample.operations) };
}

async function reportMemory(contenders: readonly Contender[]): Promise<void> {
  console.log('resident memory after the load (highest)');
  const processes = new Map(contenders.flatMap((contender) => Object.entries(contender.processes)));
  for (const [name, processId] of processes) {
    const { now, highest } = await residentMebibytes(processId);
    console.log(`  ${name.padEnd(24)} ${now.toFixed(0)} MiB (${highest.toFixed(0)} MiB)`);
  }
}

async function cleanUp(host: ProcessHost, folder: string): Promise<void> {
  await host[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
