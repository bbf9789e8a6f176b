import { makeTable } from '../../commands/status-table.js';
import { formatBytes } from '../../config/size.js';
import type { DemoReport, SceneResult } from './types.js';

export function sceneTable(report: DemoReport): string {
  const head = ['scene', 'who serves', 'longest pause', 'allowed', 'moved (looked at)', 'lost'];
  return makeTable(head, report.scenes.map(rowOf));
}

function rowOf(scene: SceneResult): readonly string[] {
  const { id, title, serves, longestPauseMs, boundMs, stallMs, resyncedBytes, comparedBytes, lostWrites } =
    scene;
  return [
    `${id.padEnd(2)} ${title}`,
    serves,
    `${Math.round(longestPauseMs)} ms`,
    boundMs === undefined
      ? ''
      : `${Math.round(boundMs)} ms${stallMs >= 1 ? ` + ${Math.round(stallMs)}` : ''}`,
    resyncedBytes === undefined ? '' : `${formatBytes(resyncedBytes)} (${formatBytes(comparedBytes ?? 0)})`,
    String(lostWrites),
  ];
}

/** Pauses of every scene over all runs. */
export function runsTable(reports: readonly DemoReport[]): string {
  const ids = [...new Set(reports.flatMap(({ scenes }) => scenes.map(({ id }) => id)))];
  const rows = ids.map((id) => {
    const scenes = reports.flatMap((report) => report.scenes.filter((scene) => scene.id === id));
    const pauses = scenes.map(({ longestPauseMs }) => longestPauseMs).sort((left, right) => left - right);
    const at = (share: number): string =>
      `${Math.round(pauses[Math.min(pauses.length - 1, Math.floor(pauses.length * share))] ?? 0)} ms`;
    const lost = scenes.reduce((sum, { lostWrites }) => sum + lostWrites, 0);
    return [`${id} ${scenes[0]?.title ?? ''}`, String(scenes.length), at(0), at(0.5), at(1), String(lost)];
  });
  return makeTable(['scene', 'runs', 'shortest pause', 'median', 'longest', 'lost'], rows);
}
