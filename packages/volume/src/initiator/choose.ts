import type { Mode } from '@holdfast/core';
import type { PathState } from '../path/messages.js';

/** What is known of one path when one is chosen. `state` is undefined while the path is not open. */
export interface Candidate {
  readonly nodeId: string;
  readonly state: PathState | undefined;
}

const serving: ReadonlySet<Mode> = new Set<Mode>(['mirrored', 'standalone', 'syncSource']);

/** Greatest epoch at which a node has said that it serves. A path of a lower one is never used again. */
export function epochSeen(before: number, state: PathState): number {
  return state.host === 'open' && serving.has(state.mode) ? Math.max(before, state.epoch) : before;
}

/**
 * The path to open when none is active: the highest epoch, then one that serves now before one that holds requests, then the
 * sequencer (a write there is one hop shorter), then the order given.
 */
export function choosePath<Path extends Candidate>(
  paths: readonly Path[],
  lowestEpoch: number,
  preferSequencer: boolean,
): Path | undefined {
  let best: Path | undefined;
  for (const path of paths) {
    if (!mayServe(path, lowestEpoch)) continue;
    if (best === undefined || rank(path, preferSequencer) > rank(best, preferSequencer)) best = path;
  }
  return best;
}

/** What to do about the active path after any change. `grace`: leave it unless that is still so after a path's timeout. */
export function judgeActive(active: Candidate, others: readonly Candidate[]): 'keep' | 'leave' | 'grace' {
  const { state } = active;
  if (state === undefined || state.host === 'closed') return 'leave';
  for (const { state: other } of others) {
    if (other?.host !== 'open' || !serving.has(other.mode) || other.epoch <= state.epoch) continue;
    // Mirrored under a new epoch: this node has agreed to it, and its own word is on the way.
    return other.mode === 'mirrored' ? 'grace' : 'leave';
  }
  return 'keep';
}

/** The sequencer, when requests would better go there than to the active path and both nodes serve under one epoch. */
export function betterSequencer<Path extends Candidate>(
  active: Candidate,
  paths: readonly Path[],
): Path | undefined {
  const { state } = active;
  if (state?.host !== 'open' || state.mode !== 'mirrored' || state.sequencer === active.nodeId)
    return undefined;
  return paths.find(
    ({ nodeId, state: other }) =>
      nodeId === state.sequencer &&
      other?.host === 'open' &&
      other.mode === 'mirrored' &&
      other.epoch === state.epoch &&
      other.sequencer === nodeId,
  );
}

function mayServe({ state }: Candidate, lowestEpoch: number): boolean {
  return (
    state !== undefined && state.host !== 'closed' && serving.has(state.mode) && state.epoch >= lowestEpoch
  );
}

/** Epochs stay far below 2^50, so that two bits below them are exact. */
function rank({ nodeId, state }: Candidate, preferSequencer: boolean): number {
  if (state === undefined) return -1;
  return (
    state.epoch * 4 +
    (state.host === 'open' ? 2 : 0) +
    (preferSequencer && state.sequencer === nodeId ? 1 : 0)
  );
}
