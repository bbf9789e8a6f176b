import { follows, ownedBySelf, related, wentThrough } from './record.js';
import { atLeast } from './health.js';
import type { DataState, Introduction, NodeId, NodeRecord } from './types.js';

/** What two nodes that meet are to each other, seen from one of them. */
export type Meeting =
  /** The same mirror goes on: nothing has happened in between. */
  | { readonly kind: 'resume' }
  /** This copy goes on, the other is copied to. `keep`: under the present lineage, since this node serves alone already. */
  | {
      readonly kind: 'source';
      readonly epoch: number;
      readonly lineage: 'keep' | 'new';
      readonly full: boolean;
      readonly why: string;
    }
  /** The other copy goes on. `owned`: it holds survivorship already. */
  | { readonly kind: 'target'; readonly owned: boolean; readonly why: string }
  /** The other has fenced itself in this node's favour, durably. */
  | { readonly kind: 'take-over'; readonly epoch: number }
  | { readonly kind: 'await-take-over' }
  /** A mirror is being agreed on, or an operator wants no resync: nothing to do. */
  | { readonly kind: 'stay' }
  | { readonly kind: 'paused' }
  | { readonly kind: 'split-brain' }
  | { readonly kind: 'nobody'; readonly detail: string }
  | { readonly kind: 'refuse'; readonly detail: string };

/** The same, from above: who is the source is a name. */
type Verdict =
  | {
      readonly kind: 'source';
      readonly source: NodeId;
      readonly owned: boolean;
      readonly epoch: number;
      readonly lineage: 'keep' | 'new';
      readonly full: boolean;
      readonly why: string;
    }
  | { readonly kind: 'take-over'; readonly taker: NodeId; readonly epoch: number }
  | Extract<Meeting, { kind: 'resume' | 'stay' | 'paused' | 'split-brain' | 'nobody' | 'refuse' }>;

/** Pure, and the same verdict at both nodes: it is reached from above, on the two introductions in a fixed order. */
export function reconcile(mine: Introduction, theirs: Introduction): Meeting {
  const verdict = mine.role === 'preferred' ? judge(mine, theirs) : judge(theirs, mine);
  if (verdict.kind === 'source') {
    const { source, owned, ...rest } = verdict;
    return source === mine.nodeId ? rest : { kind: 'target', owned, why: rest.why };
  }
  if (verdict.kind === 'take-over') {
    return verdict.taker === mine.nodeId
      ? { kind: 'take-over', epoch: verdict.epoch }
      : { kind: 'await-take-over' };
  }
  return verdict;
}

/**
 * Epoch under which two members form their mirror anew. A claim for the next epoch may lie at the witness, granted and forgotten
 * (its asker died, or never heard): one above it, no late answer can matter.
 */
function aboveForgottenClaims(one: NodeRecord, other: NodeRecord): number {
  return Math.max(one.epoch, other.epoch) + 2;
}

function judge(p: Introduction, n: Introduction): Verdict {
  const misfit = findMisfit(p, n);
  if (misfit !== undefined) return { kind: 'refuse', detail: misfit };
  if (p.record.mode === 'fresh' || n.record.mode === 'fresh') return judgeFresh(p, n);
  const pOwns = ownedBySelf(p.record);
  const nOwns = ownedBySelf(n.record);
  if (pOwns && nOwns) return { kind: 'split-brain' };
  if (pOwns) return judgeOwner(p, n);
  if (nOwns) return judgeOwner(n, p);
  const pFollows = follows(p.record, n.nodeId);
  const nFollows = follows(n.record, p.nodeId);
  const taker = takerOfConsent(p, n) ?? takerOfConsent(n, p);
  if (taker !== undefined) return taker;
  if (pFollows && nFollows) return { kind: 'nobody', detail: 'each node has stopped in favour of the other' };
  if (pFollows) return judgeFollower(n, p);
  if (nFollows) return judgeFollower(p, n);
  return judgeMembers(p, n);
}

function findMisfit(p: Introduction, n: Introduction): string | undefined {
  if (p.nodeId === n.nodeId) return `both nodes call themselves "${p.nodeId}"`;
  if (p.role === n.role) return `both nodes are ${p.role}`;
  if (p.record.groupId !== n.record.groupId) {
    return `node ${p.nodeId} holds group "${p.record.groupId}", node ${n.nodeId} group "${n.record.groupId}"`;
  }
  return undefined;
}

function judgeFresh(p: Introduction, n: Introduction): Verdict {
  if (p.record.mode === 'fresh' && n.record.mode === 'fresh') {
    const full = !(p.pristine && n.pristine);
    return {
      kind: 'source',
      source: p.nodeId,
      owned: false,
      epoch: 1,
      lineage: 'new',
      full,
      why: 'neither node has ever served',
    };
  }
  const [fresh, known] = p.record.mode === 'fresh' ? [p, n] : [n, p];
  if (!isWhole(known.record.dataState)) {
    return {
      kind: 'nobody',
      detail: `node ${fresh.nodeId} is new, and the copy of node ${known.nodeId} is ${known.record.dataState}`,
    };
  }
  if (isPausedOwner(known)) return { kind: 'paused' };
  const why = `node ${fresh.nodeId} has never served`;
  if (ownedBySelf(known.record)) {
    return {
      kind: 'source',
      source: known.nodeId,
      owned: true,
      epoch: known.record.epoch,
      lineage: 'keep',
      full: true,
      why,
    };
  }
  const epoch = aboveForgottenClaims(known.record, fresh.record);
  return { kind: 'source', source: known.nodeId, owned: false, epoch, lineage: 'new', full: true, why };
}

/** `owner` may have acknowledged writes alone; `other` may not. */
function judgeOwner(owner: Introduction, other: Introduction): Verdict {
  const isFollower = follows(other.record, owner.nodeId);
  if (!isFollower && !wentThrough(owner.record, other.record.lineageId)) {
    return {
      kind: 'refuse',
      detail: `the copy of node ${other.nodeId} is not an older state of the one that node ${owner.nodeId} serves`,
    };
  }
  if (owner.record.dataState !== 'upToDate') {
    return {
      kind: 'nobody',
      detail: `node ${owner.nodeId} holds the newest writes, and its copy is ${owner.record.dataState}`,
    };
  }
  if (isPausedOwner(owner)) return { kind: 'paused' };
  const full = other.record.fullResync === true || !related(owner.record, other.record);
  const epoch = other.record.epoch > owner.record.epoch ? other.record.epoch + 1 : owner.record.epoch;
  const why = `node ${owner.nodeId} has served alone`;
  return { kind: 'source', source: owner.nodeId, owned: true, epoch, lineage: 'keep', full, why };
}

/**
 * `follower` has stopped in favour of `source` for an epoch that `source` never began, since it was fenced before it heard of that. Neither
 * has served alone since the two mirrored, or it would own what it served: so a fenced copy is whole, while it is of the very process that
 * mirrored. One that has started again may have lost writes with its machine.
 */
function takerOfConsent(source: Introduction, follower: Introduction): Verdict | undefined {
  const { record } = follower;
  const hasStopped =
    (record.mode === 'syncTarget' || record.mode === 'fenced') &&
    record.prepared === undefined &&
    follows(record, source.nodeId) &&
    record.epoch > source.record.epoch &&
    wentThrough(record, source.record.lineageId);
  const isWholeStill =
    source.record.mode === 'fenced' &&
    source.record.dataState === 'outdated' &&
    source.mirroringWithBootId !== undefined &&
    !atLeast(source.health, 'unhealthyHard');
  if (!hasStopped || !isWholeStill) return undefined;
  return { kind: 'take-over', taker: source.nodeId, epoch: record.epoch + 1 };
}

/** `follower` has stopped for good in favour of `member`, who has not taken over yet. */
function judgeFollower(member: Introduction, follower: Introduction): Verdict {
  const { prepared } = follower.record;
  const forming = prepared !== undefined && prepared.lineageId === member.record.lineageId;
  if (forming && member.mode === 'mirrored' && follower.mode === 'syncTarget') return { kind: 'stay' };
  if (member.record.mode !== 'mirrored' || member.record.dataState !== 'upToDate') {
    return {
      kind: 'nobody',
      detail: `node ${follower.nodeId} has stopped in favour of node ${member.nodeId}, whose copy is ${member.record.dataState}`,
    };
  }
  if (prepared === undefined) {
    return {
      kind: 'take-over',
      taker: member.nodeId,
      epoch: Math.max(follower.record.epoch, member.record.epoch + 1),
    };
  }
  // A prepared copy may still be proved a member by the witness: its consent is asked for, not taken.
  return {
    kind: 'source',
    source: member.nodeId,
    owned: false,
    epoch: aboveForgottenClaims(member.record, follower.record),
    lineage: 'new',
    full: follower.record.fullResync === true,
    why: `node ${follower.nodeId} was prepared to mirror and has not heard of the commit`,
  };
}

/** Nobody has ever gone alone in the present lineages. */
function judgeMembers(p: Introduction, n: Introduction): Verdict {
  if (canResume(p, n)) return { kind: 'resume' };
  const pFit = isMember(p);
  const nFit = isMember(n);
  if (pFit !== nFit) {
    const left = judgeLastMember(pFit ? p : n, pFit ? n : p);
    if (left !== undefined) return left;
  }
  if (!pFit && !nFit) return { kind: 'nobody', detail: 'both copies have been fenced' };
  if (p.record.lineageId === n.record.lineageId) {
    const source = pFit && nFit ? better(p, n) : pFit ? p : n;
    const other = source === p ? n : p;
    return judgeSource(source, other, pFit && nFit);
  }
  if (pFit && wentThrough(p.record, n.record.lineageId)) return judgeSource(p, n, false);
  if (nFit && wentThrough(n.record, p.record.lineageId)) return judgeSource(n, p, false);
  return {
    kind: 'refuse',
    detail: related(p.record, n.record)
      ? 'the two copies have gone different ways'
      : 'the two copies have never been one',
  };
}

/** A node that has fenced itself and cannot even be copied to leaves all to the other: waiting for its consent would be in vain. */
function judgeLastMember(member: Introduction, fenced: Introduction): Verdict | undefined {
  const isOut = fenced.record.mode === 'fenced' && atLeast(fenced.health, 'unhealthyHard');
  if (
    !isOut ||
    member.record.dataState !== 'upToDate' ||
    !wentThrough(member.record, fenced.record.lineageId)
  )
    return undefined;
  return {
    kind: 'take-over',
    taker: member.nodeId,
    epoch: aboveForgottenClaims(member.record, fenced.record),
  };
}

function judgeSource(source: Introduction, other: Introduction, equals: boolean): Verdict {
  // What a machine may have lost with its power, only an equal copy beside it makes good: both have then lost the same at most.
  if (!equals && source.record.dataState !== 'upToDate') {
    return {
      kind: 'nobody',
      detail: `node ${source.nodeId} may have lost writes with its power, and the copy of node ${other.nodeId} is ${other.record.dataState}`,
    };
  }
  return {
    kind: 'source',
    source: source.nodeId,
    owned: false,
    epoch: aboveForgottenClaims(source.record, other.record),
    lineage: 'new',
    full: other.record.fullResync === true,
    why: equals
      ? `node ${source.nodeId} has the better claim of two equal copies`
      : `node ${other.nodeId} has an older copy`,
  };
}

function canResume(p: Introduction, n: Introduction): boolean {
  return (
    [p, n].every(
      (node) => (node.mode === 'mirrored' || node.mode === 'suspended') && !node.asked && isMember(node),
    ) &&
    p.record.epoch === n.record.epoch &&
    p.record.lineageId === n.record.lineageId &&
    p.mirroringWithBootId === n.bootId &&
    n.mirroringWithBootId === p.bootId
  );
}

function isMember(node: Introduction): boolean {
  return node.record.mode === 'mirrored' && isWhole(node.record.dataState);
}

function isWhole(state: DataState): boolean {
  return state === 'upToDate' || state === 'consistent';
}

function isPausedOwner(node: Introduction): boolean {
  return node.record.mode === 'paused' && ownedBySelf(node.record);
}

/** Of two equal copies: the surer data, then the healthier node, then the one that has lived on, then the sequencer. */
function better(p: Introduction, n: Introduction): Introduction {
  const criteria: readonly ((node: Introduction) => boolean)[] = [
    (node) => node.record.dataState === 'upToDate',
    (node) => !atLeast(node.health, 'unhealthyHard'),
    (node) => node.mode !== 'unknown',
    (node) => node.record.sequencer === node.nodeId,
  ];
  for (const holds of criteria) {
    if (holds(p) !== holds(n)) return holds(p) ? p : n;
  }
  return p;
}
