import { driftFactor } from '../../kernel/time.js';
import type { Millis } from '../../kernel/time.js';
import type { LeaseBook, PolarizationState } from './state.js';
import { ackGapMs, granterSilenceMs, preferredStopMs, requesterSilenceMs, startWaitMs } from './timing.js';
import type { Turn } from './turn.js';
import type { PolarizationMessage } from './types.js';

/*
 * The four sums. Each node counts on its own clock, and no sum contains a bound on network delay:
 *   own end, non-preferred:   sending of the request that the latest grant answers      + lease
 *   own end, preferred:       sending of the latest grant that was acknowledged          + lease
 *   peer's end, preferred:    sending of the latest grant, acknowledged or not           + drift * lease + drain
 *   peer's end, non-preferred: receipt of the latest grant that was ever acknowledged    + drift * lease + drain
 * A node that stops asking (or granting) on purpose thereby lets the other's sum run out.
 */

/** Requests and grants that are remembered until the other side has answered them. */
const UNANSWERED_LIMIT = 16;

export function emptyLease(at: Millis): LeaseBook {
  return { startedAt: at, requests: [], requestSequence: 0, grantedMs: 0, grants: [], grantSequence: 0 };
}

/** Until when this node's own reads are covered; undefined when it holds no lease. */
export function ownLeaseEnd(state: PolarizationState): Millis | undefined {
  const { lease, self } = state;
  if (self.role === 'preferred') {
    return lease.ackedGrantSentAt === undefined
      ? undefined
      : lease.ackedGrantSentAt + self.timing.preferredLeaseTtlMs;
  }
  return lease.answeredSentAt === undefined ? undefined : lease.answeredSentAt + lease.grantedMs;
}

/** When no reply of the peer can leave any more, by the leases of this life; undefined when it never had one. */
export function peerLeaseEnd(state: PolarizationState): Millis | undefined {
  const { lease, self } = state;
  if (self.role === 'preferred') {
    if (lease.grantSentAt === undefined) return undefined;
    const { clockDriftPpm, leaseTtlMs, drainBoundMs } = self.timing;
    return lease.grantSentAt + driftFactor(clockDriftPpm) * leaseTtlMs + drainBoundMs;
  }
  return lease.ackedGrantReceivedAt === undefined
    ? undefined
    : lease.ackedGrantReceivedAt + preferredStopMs(self.timing);
}

/**
 * From when on the peer serves nothing for certain: by its own word or evidence, else by its lease, and never before the leases
 * that a former life of this node may have given or taken have run out (C8).
 */
export function peerStopsAt(state: PolarizationState): Millis {
  const known = state.evidenceAt ?? state.peerQuietAt;
  if (known !== undefined) return known;
  return Math.max(peerLeaseEnd(state) ?? state.startedAt, state.startedAt + startWaitMs(state.self.timing));
}

/** Both mirror: renewals begin, in this session. What was granted before in this epoch still counts. */
export function startLeases(turn: Turn, session: number): void {
  const { lease } = turn.state;
  const { receivedGrant: _received, ...kept } = lease;
  turn.patch({
    lease: { ...kept, session, startedAt: turn.at, requests: [], grants: [], requestAt: turn.at },
  });
}

/** Nothing is renewed any more. The sums stay: the peer may still rely on them. */
export function stopLeases(turn: Turn): void {
  turn.patch({ lease: { ...turn.state.lease, session: undefined, requestAt: undefined } });
}

/** Own reads are covered no longer, whatever was granted. */
export function dropOwnLease(turn: Turn): void {
  turn.patch({ lease: { ...turn.state.lease, answeredSentAt: undefined, ackedGrantSentAt: undefined } });
}

function renewing(state: PolarizationState): boolean {
  return state.mode === 'mirrored' && state.peer !== undefined && state.lease.session === state.peer.session;
}

/** When the lease counts as lost if nothing comes until then; undefined while none is renewed. */
export function leaseLostAt(state: PolarizationState): Millis | undefined {
  if (!renewing(state)) return undefined;
  const { lease, self } = state;
  if (self.role === 'preferred') {
    return Math.max(lease.startedAt, lease.ackedGrantSentAt ?? 0) + granterSilenceMs(self.timing);
  }
  return Math.max(lease.startedAt, lease.answeredSentAt ?? 0) + requesterSilenceMs(self.timing);
}

export function requestDueAt(state: PolarizationState): Millis | undefined {
  return renewing(state) && state.self.role === 'nonPreferred' ? state.lease.requestAt : undefined;
}

/** Non-preferred: asks for the next grant and acknowledges the latest. */
export function requestIfDue(turn: Turn): void {
  const due = requestDueAt(turn.state);
  if (due === undefined || turn.at < due) return;
  const { lease, self, record } = turn.state;
  const sequence = lease.requestSequence + 1;
  const acked = lease.receivedGrant;
  turn.patch({
    lease: {
      ...lease,
      requestSequence: sequence,
      requests: [...lease.requests, { sequence, sentAt: turn.at }].slice(-UNANSWERED_LIMIT),
      requestAt: turn.at + self.timing.leaseRenewIntervalMs,
      ackedGrantReceivedAt: acked?.at ?? lease.ackedGrantReceivedAt,
    },
  });
  turn.send(
    {
      kind: 'ttl-request',
      epoch: record.epoch,
      requestSequence: sequence,
      ackedGrantSequence: acked?.sequence ?? 0,
    },
    { kind: 'lease-request', sequence, renewIntervalMs: self.timing.leaseRenewIntervalMs },
  );
}

type Request = Extract<PolarizationMessage, { kind: 'ttl-request' }>;
type Grant = Extract<PolarizationMessage, { kind: 'ttl-grant' }>;

/** Preferred: notes what is acknowledged, and grants, unless its own grants have gone unacknowledged for too long. */
export function onRequest(turn: Turn, request: Request): void {
  const { state } = turn;
  const { self, record } = state;
  if (!renewing(state) || self.role !== 'preferred' || request.epoch !== record.epoch) return;
  const acked = state.lease.grants.find((grant) => grant.sequence === request.ackedGrantSequence);
  if (acked !== undefined) {
    turn.patch({
      lease: {
        ...state.lease,
        ackedGrantSentAt: Math.max(acked.sentAt, state.lease.ackedGrantSentAt ?? 0),
        grants: state.lease.grants.filter((grant) => grant.sequence > acked.sequence),
      },
    });
  }
  if (!mayGrant(turn.state)) return;
  const { lease } = turn.state;
  const sequence = lease.grantSequence + 1;
  const ttlMs = self.timing.leaseTtlMs;
  turn.patch({
    lease: {
      ...lease,
      grantSequence: sequence,
      grants: [...lease.grants, { sequence, sentAt: turn.at }].slice(-UNANSWERED_LIMIT),
      grantSentAt: turn.at,
    },
  });
  turn.send(
    {
      kind: 'ttl-grant',
      epoch: record.epoch,
      requestSequence: request.requestSequence,
      grantSequence: sequence,
      ttlMs,
    },
    { kind: 'lease-grant', sequence, ttlMs },
  );
}

/** Without this, a one-way loss towards the peer would let `grantSentAt` slide for ever, and the peer would win. */
function mayGrant(state: PolarizationState): boolean {
  const { lease, self, operation } = state;
  if (operation?.kind === 'fencing' || operation?.kind === 'stopping') return false;
  const ackedAt = Math.max(lease.startedAt, lease.ackedGrantSentAt ?? 0);
  return state.now - ackedAt <= ackGapMs(self.timing);
}

/** Non-preferred: the lease runs from the sending of the request, never from the receipt of the grant. */
export function onGrant(turn: Turn, grant: Grant): void {
  const { state } = turn;
  const { lease, self, record } = state;
  if (!renewing(state) || self.role !== 'nonPreferred' || grant.epoch !== record.epoch) return;
  const request = lease.requests.find((sent) => sent.sequence === grant.requestSequence);
  if (request === undefined) return;
  const isFirst = lease.receivedGrant === undefined;
  turn.patch({
    lease: {
      ...lease,
      requests: lease.requests.filter((sent) => sent.sequence > grant.requestSequence),
      answeredSentAt: Math.max(request.sentAt, lease.answeredSentAt ?? 0),
      grantedMs: Math.min(grant.ttlMs, self.timing.leaseTtlMs),
      receivedGrant: { sequence: grant.grantSequence, at: turn.at },
      // The preferred node reads only after its first grant is acknowledged: do not let it wait for the next renewal.
      requestAt: isFirst ? turn.at : lease.requestAt,
    },
  });
}
