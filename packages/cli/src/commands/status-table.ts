import type { NodeStatus, StatusAnswer } from '@holdfast/volume';
import Table from 'cli-table3';
import { formatBytes } from '../config/index.js';
import { progressText } from '../run/sentences.js';

/** A table without colours, so that it reads the same in a file. */
export function makeTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  wrap?: readonly number[],
): string {
  const table = new Table({
    head: [...head],
    style: { head: [], border: [], compact: true },
    ...(wrap === undefined ? {} : { colWidths: [...wrap], wordWrap: true }),
  });
  for (const row of rows) table.push([...row]);
  return table.toString();
}

/** The group at a glance: one row per node, and what would happen next. */
export function statusTable(answers: readonly StatusAnswer[]): string {
  const head = [
    'node',
    'mode',
    'hosts',
    'epoch',
    'orders writes',
    'health',
    'peer',
    'witness',
    'initiators',
    'dirty',
    'data',
  ];
  const rows = answers.map((answer) => (answer.reachable ? rowOf(answer.status) : downRow(answer.nodeId)));
  const notes = answers.flatMap((answer) => {
    if (!answer.reachable) return [`${answer.nodeId}: ${answer.error.message}`];
    const { status } = answer;
    const resync =
      status.resync === undefined ? [] : [`${status.nodeId}: resync as ${progressText(status.resync)}`];
    const wayOut =
      status.wayOut === undefined ? [] : [`${status.nodeId}: the way out: ${status.wayOut.sentence}`];
    return [...resync, ...wayOut, `${status.nodeId}: if the two lost each other now: ${forecast(status)}`];
  });
  return [makeTable(head, rows), ...notes].join('\n');
}

function rowOf(status: NodeStatus): readonly string[] {
  const dirtyBytes = status.volumes.reduce((sum, volume) => sum + volume.dirtyBytes, 0);
  return [
    status.nodeId,
    status.mode,
    status.host,
    String(status.record.epoch),
    status.sequencer,
    status.health,
    status.peer.connected ? 'connected' : 'not connected',
    witnessText(status),
    String(status.initiators),
    formatBytes(dirtyBytes),
    status.record.dataState,
  ];
}

function downRow(nodeId: string): readonly string[] {
  return [nodeId, 'not reachable', ...Array.from({ length: 9 }, () => '-')];
}

function witnessText({ witness }: NodeStatus): string {
  if (!witness.configured) return 'none';
  if (witness.reachable === undefined) return 'not asked yet';
  return witness.reachable ? (witness.state ?? 'answers') : 'silent';
}

function forecast({ whoWouldWinNow: { winner, withinMs, detail } }: NodeStatus): string {
  if (winner === undefined) return `nobody would serve (${detail})`;
  return `${winner} serves${withinMs === undefined ? '' : `, within ${Math.round(withinMs)} ms`} (${detail})`;
}
