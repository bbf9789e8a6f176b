import type { InitiatorEvent, NodeEvent, ResyncProgress } from '@holdfast/volume';
import { formatBytes } from '../config/size.js';

/** An event of a node as one line for people. */
export function nodeSentence(event: NodeEvent): string {
  switch (event.kind) {
    case 'mode-changed':
      return `${event.from} -> ${event.to}, epoch ${event.epoch}, writes ordered by ${event.sequencer}, hosts ${event.host}`;
    case 'decision':
      return `${event.decision.kind}: ${event.decision.sentence}`;
    case 'peer-connected':
      return `reached ${event.nodeId}`;
    case 'peer-disconnected':
      return `lost ${event.nodeId}: ${event.cause}`;
    case 'witness-reachable':
      return event.reachable ? 'the witness answers' : 'the witness does not answer';
    case 'resync-started':
    case 'resync-progress':
      return `resync as ${progressText(event.progress)}`;
    case 'resync-ended':
      return `resync ${event.completed ? 'complete' : 'broken off'}: ${progressText(event.progress)}`;
    case 'refused':
      return `turned away ${event.remote}: ${event.reason}`;
    case 'stalled':
      return `this process stood still for ${Math.round(event.stalledMs)} ms`;
    case 'halted':
      return `stopped serving: ${event.reason}`;
  }
}

export function progressText(progress: ResyncProgress): string {
  const { side, doneBytes, dirtyBytes, activityLogBytes, movedBytes } = progress;
  const totalBytes = dirtyBytes + activityLogBytes;
  return `${side}: ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)} (${formatBytes(dirtyBytes)} dirty, ${formatBytes(activityLogBytes)} from activity logs), ${formatBytes(movedBytes)} moved`;
}

/** An event of an initiator as one line for people. */
export function initiatorSentence(event: InitiatorEvent): string {
  switch (event.kind) {
    case 'path-opened':
      return `path to ${event.nodeId} open (generation ${event.generation})`;
    case 'path-lost':
      return `path to ${event.nodeId} lost: ${event.cause}`;
    case 'failover':
      return `requests go to ${event.to} now, after ${Math.round(event.pausedMs)} ms; ${event.repeated} repeated`;
    case 'no-survivor':
      return `nobody serves for ${Math.round(event.heldMs)} ms`;
  }
}
