import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { formatBytes } from '../../config/size.js';
import { pageScript } from './script.js';
import { pageStyle } from './style.js';
import type { Check, DemoReport, SceneResult } from './types.js';

/** The chart library as it is put into the page. */
export interface ChartLibrary {
  readonly script: string;
  readonly style: string;
}

export async function loadChartLibrary(): Promise<ChartLibrary> {
  const folder = join(dirname(createRequire(import.meta.url).resolve('uplot')));
  const [script, style] = await Promise.all([
    readFile(join(folder, 'uPlot.iife.min.js'), 'utf8'),
    readFile(join(folder, 'uPlot.min.css'), 'utf8'),
  ]);
  return { script, style };
}

/** One HTML page that needs no network: data, style, script and chart library stand in it. */
export function renderPage(report: DemoReport, charts: ChartLibrary): string {
  const failed = report.checks.filter(({ passed }) => !passed).length;
  const lost = report.workload.faults;
  const title =
    failed === 0
      ? `${word(report.scenes.length)} faults, no acknowledged write lost`
      : `${failed} of ${report.checks.length} claims failed`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Holdfast: ${escape(title)}</title>
<style>${charts.style}${pageStyle}</style>
</head>
<body>
<main>
<h1>${escape(title)}</h1>
<p class="lead">${escape(leadOf(report))}${escape(replaysOf(report))}</p>
<div class="tiles">${tiles(report, lost)}</div>
<section>
<h2>What the host saw, and what the nodes did</h2>
<div class="scene-names" id="scene-names"></div>
<div class="chart"><div class="name"><span>Latency of requests, per ${report.timeline.binMs} ms</span>${key('--median', 'median')}${key('--longest', 'longest')}</div><div id="latency"></div></div>
<div class="bands" id="bands"></div>
<div class="chart"><div class="name"><span>Requests completed per second</span></div><div id="rate"></div></div>
<div class="legend" id="legend"></div>
</section>
<section><h2>Scenes</h2><div class="wide"><table>
<thead><tr><th>Scene</th><th>Who serves</th><th class="number">Longest pause</th><th class="number">Allowed</th><th>Resynced</th><th class="number">Writes lost</th><th>Why</th></tr></thead>
<tbody>${report.scenes.map((scene) => sceneRow(scene, report.volumeBytes)).join('\n')}</tbody></table></div></section>
<section><h2>Decisions</h2><div class="list"><table><thead><tr><th class="number">Time</th><th>Where</th><th>Mode, epoch</th><th>What and why</th></tr></thead><tbody id="moments"></tbody></table></div></section>
<section><h2>Claims</h2><div class="wide"><table><tbody>${report.checks.map(checkRow).join('\n')}</tbody></table></div></section>
<section><h2>The two legs at the end</h2><table><tbody>${report.legs.map(({ nodeId, sha256 }) => `<tr><td>${escape(nodeId)}</td><td><code>${escape(sha256)}</code></td></tr>`).join('')}</tbody></table></section>
</main>
<script type="application/json" id="report">${embedded(report)}</script>
<script>${charts.script}</script>
<script>${pageScript}</script>
</body>
</html>
`;
}

function leadOf(report: DemoReport): string {
  const { machine, workload, endedAtMs, startedAtMs } = report;
  const seconds = Math.round((endedAtMs - startedAtMs) / 1000);
  return (
    `A witness, two nodes, an initiator and a relay on the link between the nodes, each a process of its own, on ${machine.cpus} ${machine.platform} CPUs with ${machine.runtime}. ` +
    `For ${seconds} s a workload wrote and read through the initiator's NBD socket, remembered every write by version per 4 KiB block, and judged ${workload.blocksChecked.toLocaleString('en')} blocks read. Seed ${report.seed}, timing ${report.timing}.`
  );
}

function replaysOf({ replays }: DemoReport): string {
  if (replays.length === 0) return '';
  const told = replays.map(
    ({ id, longestPauseMs, standstillMs }) =>
      `${id.toUpperCase()} (a pause of ${Math.round(longestPauseMs)} ms; a process got no CPU for ${Math.round(standstillMs)} ms)`,
  );
  return ` Played again, because the machine disturbed it: ${told.join(', ')}.`;
}

function tiles(report: DemoReport, lost: number): string {
  const { workload, scenes, legs } = report;
  const pause = Math.max(0, ...scenes.map(({ longestPauseMs }) => longestPauseMs));
  const resynced = scenes.reduce((sum, scene) => sum + (scene.resyncedBytes ?? 0), 0);
  const resyncs = scenes.filter(({ resyncedBytes }) => resyncedBytes !== undefined).length;
  const equal = legs.length === 2 && legs[0]?.sha256 === legs[1]?.sha256;
  return [
    tile(workload.acknowledgedWrites.toLocaleString('en'), 'writes acknowledged'),
    tile(String(lost), 'blocks lost or torn', lost === 0),
    tile(`${Math.round(pause)} ms`, 'longest pause of the host'),
    tile(
      formatBytes(resynced),
      `moved by ${resyncs} resyncs of a volume of ${formatBytes(report.volumeBytes)}`,
    ),
    tile(equal ? 'identical' : 'different', 'the two legs at the end', equal),
  ].join('');
}

function tile(value: string, label: string, good?: boolean): string {
  const tone = good === undefined ? '' : good ? ' good' : ' bad';
  return `<div class="tile${tone}"><b>${escape(value)}</b><span>${escape(label)}</span></div>`;
}

function key(variable: string, label: string): string {
  return `<span class="key"><i style="background:var(${variable})"></i>${escape(label)}</span>`;
}

function sceneRow(scene: SceneResult, volumeBytes: number): string {
  const bound =
    scene.boundMs === undefined
      ? ''
      : `${Math.round(scene.boundMs)} ms${scene.stallMs >= 1 ? ` + ${Math.round(scene.stallMs)} ms stall` : ''}`;
  const resynced =
    scene.resyncedBytes === undefined
      ? ''
      : `${formatBytes(scene.resyncedBytes)}<div class="bar"><i style="width:${((scene.resyncedBytes / volumeBytes) * 100).toFixed(1)}%"></i></div>`;
  return (
    `<tr><td><b>${escape(scene.id.toUpperCase())}</b> ${escape(scene.title)}</td><td>${escape(scene.serves)}</td>` +
    `<td class="number">${Math.round(scene.longestPauseMs)} ms</td><td class="number">${bound}</td><td>${resynced}</td>` +
    `<td class="number ${scene.lostWrites === 0 ? 'yes' : 'no'}">${scene.lostWrites}</td><td class="because">${escape(scene.because)}</td></tr>`
  );
}

function checkRow({ name, passed, detail }: Check): string {
  return `<tr><td class="${passed ? 'yes' : 'no'}">${passed ? 'proved' : 'FAILED'}</td><td>${escape(name)}</td><td class="because">${escape(detail)}</td></tr>`;
}

/** JSON that no content can end early: `<` never stands in it as itself. */
function embedded(report: DemoReport): string {
  return JSON.stringify(report)
    .replaceAll('<', '\\u003c')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029');
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

function word(count: number): string {
  return (
    ['No', 'One', 'Two', 'Three', 'Four', 'Five', 'Six', 'Seven', 'Eight', 'Nine'][count] ?? String(count)
  );
}
