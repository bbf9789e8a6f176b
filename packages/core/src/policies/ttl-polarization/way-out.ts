import { introduce } from './introduce.js';
import { reconcile } from './meet.js';
import { follows, ownedBySelf } from './record.js';
import type { PolarizationState } from './state.js';
import type { NodeId, NodeRecord } from './types.js';

/** What hosts may miss when this node's copy goes on by an operator's word. Plain JSON. */
export type MayLose =
  /** At most what was acknowledged and not flushed when the leg failed or the power went. */
  | { readonly kind: 'unflushed'; readonly node: NodeId }
  /** Everything that `holder` has acknowledged alone, in this epoch or later. */
  | { readonly kind: 'alone'; readonly holder: NodeId; readonly fromEpoch: number }
  /** The copy is in the middle of a resync: blocks of different times stand side by side, and all that `holder` has is lost. */
  | { readonly kind: 'mixture'; readonly holder: NodeId };

/** What an operator does when the nodes by themselves do not go on, the way that loses least. Plain JSON. */
export interface WayOut {
  /**
   * `restart`: the leg of `node` has failed in this process; repair it and start the process again, it opens the leg anew.
   * `reattach`: `node` holds the newest copy and may serve it again. `bring-back`: only `node` knows more. `resolve`: a split brain.
   */
  readonly kind: 'restart' | 'reattach' | 'bring-back' | 'resolve';
  readonly node: NodeId;
  /** What `force-survivor` at this node would cost instead. */
  readonly forceMayLose: MayLose;
}

const closedModes = ['unknown', 'fenced', 'splitBrain', 'arbitrating', 'suspended'];

/** Undefined while this node serves, or the two go on by themselves. */
export function wayOut(state: PolarizationState): WayOut | undefined {
  const { mode, self, peer, record, legFailure } = state;
  const forceMayLose = mayLoseByForce(state);
  if (legFailure !== undefined) return { kind: 'restart', node: self.nodeId, forceMayLose };
  const isClosed = closedModes.includes(mode) && state.gate.host === 'closed';
  if (mode === 'splitBrain') return { kind: 'resolve', node: self.nodeId, forceMayLose };
  if (!isClosed || record.mode === 'fresh') return undefined;
  if (peer !== undefined) {
    const meeting = reconcile(introduce(state), peer.introduction);
    if (meeting.kind !== 'nobody' && meeting.kind !== 'refuse') return undefined;
  }
  if (reattachBlockedBy(state) === undefined) return { kind: 'reattach', node: self.nodeId, forceMayLose };
  const theirs = peer?.introduction.record;
  const isNewestThere = theirs !== undefined && ownedBySelf(theirs);
  return { kind: isNewestThere ? 'reattach' : 'bring-back', node: self.peerId, forceMayLose };
}

/** Why this node's copy is not known to be the newest there is; undefined when it may serve again for the price of unflushed writes. */
export function reattachBlockedBy(state: PolarizationState): string | undefined {
  const { mode, record, peer, self, legFailure } = state;
  if (legFailure !== undefined) {
    return `the own leg has failed a ${legFailure.operation} in this process: repair it, and start the process again`;
  }
  if (mode !== 'fenced' && mode !== 'unknown') return `this node is ${mode}`;
  if (record.dataState === 'inconsistent') return 'this copy is in the middle of a resync';
  const theirs = peer?.introduction.record;
  if (theirs !== undefined && ownedBySelf(theirs))
    return `node ${self.peerId} has served alone, in epoch ${String(theirs.epoch)}`;
  if (ownedBySelf(record)) return undefined;
  if (follows(record, self.peerId))
    return `node ${self.peerId} went on alone in epoch ${String(record.epoch)}`;
  if (theirs === undefined)
    return `node ${self.peerId} is not connected, and may have gone on alone: start it first`;
  return isEqualMember(record, theirs) ? undefined : 'the two copies are not of one mirror any more';
}

/** Both stopped in the mirror's own epoch: neither has served alone since. */
function isEqualMember(mine: NodeRecord, theirs: NodeRecord): boolean {
  return (
    theirs.owner === undefined &&
    theirs.epoch === mine.epoch &&
    theirs.lineageId === mine.lineageId &&
    mine.mode !== 'fresh'
  );
}

function mayLoseByForce(state: PolarizationState): MayLose {
  const { record, self } = state;
  if (record.dataState === 'inconsistent') return { kind: 'mixture', holder: self.peerId };
  const isNewest = reattachBlockedBy({ ...state, mode: 'fenced', legFailure: undefined }) === undefined;
  if (isNewest) return { kind: 'unflushed', node: self.nodeId };
  const fromEpoch = follows(record, self.peerId) ? record.epoch : record.epoch + 1;
  return { kind: 'alone', holder: self.peerId, fromEpoch };
}

/** What may be missing afterwards, for people. */
export function explainLoss(loss: MayLose): string {
  switch (loss.kind) {
    case 'unflushed':
      return `what hosts had written and not flushed when the leg of ${loss.node} failed or its power went, and nothing else`;
    case 'alone':
      return `whatever ${loss.holder} has acknowledged alone, from epoch ${String(loss.fromEpoch)} on`;
    case 'mixture':
      return `this copy is unfinished, with old and new blocks side by side; and whatever only ${loss.holder} holds`;
  }
}

/** The way out in one sentence, for people. */
export function explainWayOut({ kind, node }: WayOut): string {
  switch (kind) {
    case 'restart':
      return `the leg of ${node} has failed: find out why and repair it, then start the process of ${node} again; should nobody serve then, ask for the status again`;
    case 'reattach':
      return `${node} holds the newest copy: once its leg is sound, and its process has been started since, "holdfast reattach ${node}"`;
    case 'bring-back':
      return `only ${node} holds or knows what happened last: bring it and its leg back. Only if that will never be: force-survivor`;
    case 'resolve':
      return `both nodes went on alone: look at both copies, then "holdfast resolve-split-brain" at the one that gives way`;
  }
}
