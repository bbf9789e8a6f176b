import {
  serveMirroredRead,
  type MirroringAuthorityAnswer,
  type MirroringAuthorityRequest,
  type MirroringFact,
  type MirroringReadDecision,
  type MirroringReadRequest,
  type MirroringState,
} from '../policies/selective-mirroring/index.js';
import { isSettled, leadsGroup } from './lock.js';
import type { GroupState } from './state.js';
import type { NodeId } from '../policies/ttl-polarization/index.js';

/*
 * Selective mirroring beside the group, and the group as its authority: it owns the volume where writes are answered for, its epoch is the
 * group's, and it takes over when the group has decided that this node goes on. Nothing here changes a state.
 */

export type MirroringNews = Extract<MirroringFact, { kind: 'epoch-known' }>;

/** Who owns the volume for selective mirroring: the one that answers for writes. Undefined while that is open at this node. */
function mirroringOwnerOf(group: GroupState): NodeId | undefined {
  const { record, self } = group;
  if (!isSettled(group)) return undefined;
  const owner = record.owner ?? record.sequencer;
  return owner !== self.nodeId || leadsGroup(group) ? owner : undefined;
}

/**
 * What selective mirroring is told by itself whenever it has changed, and after each start. Undefined: the group has not decided, and
 * what was told before stands until it has; the gate is closed meanwhile.
 */
export function mirroringNewsOf(group: GroupState): MirroringNews | undefined {
  const owner = mirroringOwnerOf(group);
  if (owner === undefined) return undefined;
  const { epoch, mode } = group.record;
  return { kind: 'epoch-known', epoch, owner, alone: mode !== 'mirrored' };
}

/**
 * The group's answer to `ask-authority`, at the node that asks. Its copies stand on the legs of the volume, which have every write that
 * was acknowledged wherever the group lets a node go on: run selective mirroring with `slowCopy: 'sync'`.
 */
export function answerMirroring(
  group: GroupState,
  request: MirroringAuthorityRequest,
): MirroringAuthorityAnswer {
  const owner = mirroringOwnerOf(group);
  const { epoch } = group.record;
  if (owner === undefined)
    return { kind: 'unreachable', detail: 'The group has not decided yet who answers for writes.' };
  // Roles move by the group alone: a planned failover gives a volume back, and mirroring hears of it as of any other change.
  if (request.kind === 'hand-over' && owner === group.self.nodeId)
    return { kind: 'unreachable', detail: 'Move the roles of the group: selective mirroring follows.' };
  return owner === group.self.nodeId ? { kind: 'granted', epoch } : { kind: 'owned', owner, epoch };
}

/**
 * From where a client's read is answered at a node that has taken over. Refused unless the group answers for writes here, and the copies
 * are proved under its present epoch.
 *
 * @example serveGroupRead(group, mirroring, { block: 7, slowVersion: 3, intact: true }).from; // 'cache'
 */
export function serveGroupRead(
  group: GroupState,
  mirroring: MirroringState,
  request: MirroringReadRequest,
): MirroringReadDecision {
  const { record, gate, self } = group;
  const isHere = mirroringOwnerOf(group) === self.nodeId && gate.host === 'open';
  if (isHere && mirroring.record.epoch === record.epoch && mirroring.epoch === record.epoch)
    return serveMirroredRead(mirroring, request);
  const explanation = isHere
    ? `The group is in epoch ${record.epoch}, and the copies here belong to epoch ${mirroring.record.epoch}.`
    : `Node ${self.nodeId} does not answer for writes in epoch ${record.epoch}.`;
  return { from: 'refused', explanation };
}
