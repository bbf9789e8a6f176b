import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HoldfastError } from '@holdfast/core';
import { formatBytes } from '../config/index.js';
import { defaultLegBytes, quickLegBytes } from '../demo/options.js';
import { loadChartLibrary, renderPage } from '../demo/report/page.js';
import { runsTable, sceneTable } from '../demo/report/tables.js';
import type { DemoReport } from '../demo/report/types.js';
import { type DemoProgress, runDemo } from '../demo/run-demo.js';
import { startLife } from '../run/life.js';
import { progressText } from '../run/sentences.js';
import { exitCodes } from './exit-codes.js';
import type { Terminal } from './terminal.js';

export interface DemoCommandOptions {
  readonly json: boolean;
  readonly quick: boolean;
  readonly keep: boolean;
  readonly seed?: number;
  readonly legs?: number;
  readonly runs: number;
  readonly page?: string;
  readonly timingFactor?: number;
}

/** `holdfast demo`: exits with 4 when a claim did not hold, or a scene did not happen. */
export async function demo(options: DemoCommandOptions, terminal: Terminal): Promise<number> {
  const abort = new AbortController();
  const life = startLife();
  void life.ended.then((reason) => abort.abort(new Error(`stopped by ${reason}`)));
  const programs = programsBeside(fileURLToPath(import.meta.url));
  const seed = options.seed ?? randomInt(0, 2 ** 31);
  const reports: DemoReport[] = [];
  let failed = false;
  for (let run = 1; run <= options.runs; run += 1) {
    const settings = {
      seed: seed + run - 1,
      run,
      legBytes: options.legs ?? (options.quick ? quickLegBytes : defaultLegBytes),
      quick: options.quick,
      keep: options.keep,
      programs,
      ...(options.timingFactor === undefined ? {} : { timingFactor: options.timingFactor }),
    };
    const { report, folder, failure } = await runDemo(settings, progressOn(terminal), abort.signal);
    if (abort.signal.aborted) {
      terminal.note(`${failure ?? 'stopped'}; processes are ended and files removed`);
      return exitCodes.interrupted;
    }
    reports.push(report);
    const wrong = report.checks.filter(({ passed }) => !passed);
    if (!options.json) terminal.out(`\n${sceneTable(report)}\n`);
    for (const check of wrong) terminal.note(`FAILED  ${check.name}: ${check.detail}`);
    if (failure !== undefined || wrong.length > 0) {
      failed = true;
      terminal.note(
        `Logs, configuration and legs are left in ${folder ?? ''}. The same requests again: holdfast demo --seed ${settings.seed}`,
      );
    } else if (folder !== undefined) {
      terminal.note(
        `Everything is left in ${folder}; start it again with holdfast ... -c ${join(folder, 'holdfast.yaml')}`,
      );
    }
  }
  const last = reports.at(-1);
  if (last !== undefined) await finish(options, last, reports, terminal);
  return failed ? exitCodes.claimFailed : exitCodes.ok;
}

async function finish(
  options: DemoCommandOptions,
  last: DemoReport,
  reports: readonly DemoReport[],
  terminal: Terminal,
): Promise<void> {
  const page = options.page ?? join(tmpdir(), 'holdfast-demo.html');
  await writeFile(page, renderPage(last, await loadChartLibrary()));
  if (options.json) {
    // The time line is large, and stands in the page.
    const compact = reports.map(({ timeline: _timeline, ...rest }) => rest);
    terminal.out(JSON.stringify(reports.length === 1 ? compact[0] : { runs: compact }, undefined, 1));
  } else {
    if (reports.length > 1) terminal.out(runsTable(reports));
    terminal.out(summaryOf(last));
    terminal.out(`The time line: ${page}`);
  }
}

function summaryOf(report: DemoReport): string {
  const { workload, checks, legs, longestStallMs, endedAtMs, startedAtMs } = report;
  const proved = checks.filter(({ passed }) => passed).length;
  const replays = report.replays.map(
    ({ id, longestPauseMs, standstillMs }) =>
      `Scene ${id} was played again: a pause of ${Math.round(longestPauseMs)} ms, in which a process got no CPU for ${Math.round(standstillMs)} ms.`,
  );
  return [
    `${workload.acknowledgedWrites} writes (${formatBytes(workload.acknowledgedBytes)}) acknowledged, ${workload.faults} lost; ${workload.blocksChecked} blocks judged; ${workload.errors} errors seen by the client.`,
    ...replays,
    ...legs.map(({ nodeId, sha256 }) => `${nodeId.padEnd(6)} ${sha256}`),
    `${proved} of ${checks.length} claims proved in ${((endedAtMs - startedAtMs) / 1000).toFixed(0)} s. Longest standstill of one of the processes: ${Math.round(longestStallMs)} ms. Seed ${report.seed}.`,
  ].join('\n');
}

const barWidth = 30;

function progressOn(terminal: Terminal): DemoProgress {
  let shownAt = 0;
  return {
    say: (text) => terminal.note(text),
    resync: (nodeId, progress, ended) => {
      if (progress.side !== 'source' || progress.dirtyBytes + progress.activityLogBytes === 0) return;
      const now = performance.now();
      if (!ended && now - shownAt < 100) return;
      shownAt = now;
      const total = progress.dirtyBytes + progress.activityLogBytes;
      const filled = Math.round(Math.min(1, ended ? 1 : progress.doneBytes / total) * barWidth);
      const bar = `${'#'.repeat(filled)}${'.'.repeat(barWidth - filled)}`;
      const line = `    ${nodeId} [${bar}] ${progressText(progress)}`;
      if (ended) terminal.note(line);
      else terminal.progress(line);
    },
  };
}

/** The compiled programs, next to this very file: they are started as processes. */
function programsBeside(file: string): { readonly holdfast: string; readonly relay: string } {
  const programs = { holdfast: join(dirname(file), 'holdfast.js'), relay: join(dirname(file), 'relay.js') };
  if (existsSync(programs.holdfast) && existsSync(programs.relay)) return programs;
  throw new HoldfastError(
    'NOT_FOUND',
    `The demonstration starts ${programs.holdfast} and ${programs.relay}, and they are not there: build the package first (npm run build).`,
  );
}
