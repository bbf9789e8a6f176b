import type { Millis } from '../kernel/time.js';
import type {
  Introduction,
  NodeId,
  NodeRecord,
  PolarizationState,
} from '../policies/ttl-polarization/index.js';
import { polarizationRecordOf, type GroupRecord } from './record.js';

/*
 * Fault handling owns the epoch, and changes it after a fault. A planned failover and a redirect change it by agreement, while both
 * nodes go on. What fault handling knows is then carried into the new epoch here, in one place: the roles, the leases, which end with
 * the epoch they were given in, and what the two have just agreed on about each other. Nothing else of it is touched.
 */

type Role = PolarizationState['self']['role'];

/** The state of fault handling under the epoch of `record`, which is durable and higher than its own. */
export function carryEpoch(own: PolarizationState, record: GroupRecord, at: Millis): PolarizationState {
  const { epoch, lineageId, sequencer, history } = record;
  const roled = withRole(own, roleOf(record, own.self.nodeId), at);
  const { operation, ...kept } = roled;
  const { peer, saving, mode } = kept;
  const moved = { epoch, lineageId, sequencer, history };
  const session = mode === 'mirrored' ? peer?.session : undefined;
  return {
    ...kept,
    record: polarizationRecordOf(record),
    // A resync that was proposed under the epoch before, and may be accepted yet, would bring that one back: it is proposed anew.
    ...(operation === undefined || operation.kind === 'proposing' ? {} : { operation }),
    gate: { ...kept.gate, epoch, lineageId, sequencer },
    lease: {
      startedAt: at,
      requests: [],
      requestSequence: 0,
      grantedMs: 0,
      grants: [],
      grantSequence: 0,
      ...(session === undefined ? {} : { session, requestAt: at }),
    },
    witness: { ...kept.witness, confirmed: undefined, mustRegister: false, nextAt: at },
    // What it has on its way to the disk was folded into the same record, under the new epoch.
    ...(saving === undefined || saving.record.epoch >= epoch
      ? {}
      : { saving: { ...saving, record: { ...saving.record, ...moved } } }),
    ...(peer === undefined
      ? {}
      : {
          peer: {
            ...peer,
            told: undefined,
            introduction: withRoleOf(record, {
              ...peer.introduction,
              record: { ...peer.introduction.record, ...moved },
            }),
          },
        }),
  };
}

export function roleOf(record: GroupRecord, node: NodeId): Role {
  return record.preferred === node ? 'preferred' : 'nonPreferred';
}

/**
 * Another role in mid-life. The sums of the leases are counted by role, so whatever was granted under the old one is waited for as
 * after a start.
 */
export function withRole(own: PolarizationState, role: Role, at: Millis): PolarizationState {
  if (own.self.role === role) return own;
  const {
    receivedGrant: _r,
    ackedGrantReceivedAt: _a,
    grantSentAt: _g,
    ackedGrantSentAt: _s,
    ...lease
  } = own.lease;
  return { ...own, self: { ...own.self, role }, startedAt: at, lease };
}

/** Both nodes are to see the same two roles: the peer has the other one. */
export function withRoleOf(record: Pick<GroupRecord, 'preferred'>, introduction: Introduction): Introduction {
  const role = record.preferred === introduction.nodeId ? 'preferred' : 'nonPreferred';
  return introduction.role === role ? introduction : { ...introduction, role };
}

/**
 * Who is preferred, when two nodes that meet say it differently. Who goes on alone knows, and who has stopped for it does not; else
 * the later epoch knows. Both find the same one.
 */
export function agreedPreference(
  mine: Pick<GroupRecord, 'nodeId' | 'epoch' | 'owner' | 'preferred'>,
  theirs: Pick<NodeRecord, 'nodeId' | 'epoch' | 'owner'>,
  theirPreferred: NodeId,
): NodeId {
  if (mine.owner === theirs.nodeId && theirs.owner === theirs.nodeId) return theirPreferred;
  if (theirs.owner === mine.nodeId && mine.owner === mine.nodeId) return mine.preferred;
  if (theirs.epoch > mine.epoch) return theirPreferred;
  if (theirs.epoch < mine.epoch) return mine.preferred;
  return theirPreferred < mine.preferred ? theirPreferred : mine.preferred;
}
