import type { PolarizationState, PolarizationTiming } from '../../src/index.js';

/*
 * Time without numbers that grow. A state is moved so that its own clock shows `clockBase`, whatever happened before; counts that only
 * have to be different are kept low. The policy behaves the same after such a move; `clockwork.test.ts` holds it to that.
 */

/**
 * All spans are multiples of one unit of 10 ms, and everything that is done again and again is done once a unit: so the timers meet on few
 * instants, and a quiet mirror looks the same after each. Relations C1 to C8 hold.
 */
export const units: PolarizationTiming = {
  leaseRenewIntervalMs: 10,
  leaseTtlMs: 30,
  preferredLeaseTtlMs: 30,
  peerCallTimeoutMs: 10,
  peerCallTries: 2,
  drainBoundMs: 10,
  clockDriftPpm: 0,
  replicationTimeoutMs: 20,
  witnessCallTimeoutMs: 10,
  witnessCallTries: 1,
  witnessRetryIntervalMs: 10,
  nonPreferredDelayMs: 10,
  unhealthyDelayMs: 20,
  typicalDetectionMs: 0,
  activationMs: 0,
  hostIoTimeoutMs: 10_000,
  rejoinStableMs: 10,
  handoverTimeoutMs: 20,
  unhealthyConfirmMs: 10,
  healthFreshMs: 30,
  unreachedByHostsMs: 20,
};

/** What every clock shows in a state at rest. */
export const clockBase = 1_000;
/** What is older than this is as good as old: longer than every sum of spans that the policy looks back. */
export const memoryMs = 120;

const oldest = clockBase - memoryMs;

type Move = (at: number) => number;

/** The same state `elapsedMs` later. */
export function later(state: PolarizationState, elapsedMs: number): PolarizationState {
  const move: Move = (at) => Math.max(oldest, Math.round((at - elapsedMs) * 10_000) / 10_000);
  const { lease, peer, claim, operation, saving } = state;
  return {
    ...state,
    now: clockBase,
    startedAt: move(state.startedAt),
    health: { ...state.health, since: move(state.health.since) },
    offerAt: move(state.offerAt),
    round: { ...state.round, nextAt: move(state.round.nextAt) },
    witness: { ...state.witness, nextAt: move(state.witness.nextAt) },
    unreached: { ...state.unreached, ...moved('changingSince', state.unreached.changingSince, move) },
    ...moved('healthToldAt', state.healthToldAt, move),
    ...moved('peerQuietAt', state.peerQuietAt, move),
    ...moved('evidenceAt', state.evidenceAt, move),
    ...(state.loss === undefined ? {} : { loss: { ...state.loss, at: move(state.loss.at) } }),
    ...(claim === undefined ? {} : { claim: { ...claim, askedAt: move(claim.askedAt) } }),
    ...(operation !== undefined && 'since' in operation
      ? { operation: { ...operation, since: move(operation.since) } }
      : {}),
    ...(saving === undefined ? {} : { saving: { ...saving, ...moved('retryAt', saving.retryAt, move) } }),
    ...(peer === undefined
      ? {}
      : {
          peer: {
            ...peer,
            connectedAt: move(peer.connectedAt),
            healthAt: move(peer.healthAt),
            heardAt: move(peer.heardAt),
            proposeAt: move(peer.proposeAt),
          },
        }),
    lease: {
      ...lease,
      startedAt: move(lease.startedAt),
      requests: lease.requests.map((sent) => ({ ...sent, sentAt: move(sent.sentAt) })),
      grants: lease.grants.map((sent) => ({ ...sent, sentAt: move(sent.sentAt) })),
      ...(lease.receivedGrant === undefined
        ? {}
        : { receivedGrant: { ...lease.receivedGrant, at: move(lease.receivedGrant.at) } }),
      ...moved('requestAt', lease.requestAt, move),
      ...moved('answeredSentAt', lease.answeredSentAt, move),
      ...moved('ackedGrantReceivedAt', lease.ackedGrantReceivedAt, move),
      ...moved('grantSentAt', lease.grantSentAt, move),
      ...moved('ackedGrantSentAt', lease.ackedGrantSentAt, move),
    },
  };
}

function moved<Name extends string>(
  name: Name,
  at: number | undefined,
  move: Move,
): Partial<Record<Name, number>> {
  // A computed key widens the type; there is one key, and it is `Name`.
  return at === undefined ? {} : ({ [name]: move(at) } as Record<Name, number>);
}

/** The session that stands, in every state: sessions only have to be newer than the one before. */
export const sessionNow = 5;

/** The state of a node that is about to hear of a new session: what was the present one is the one before. */
export function beforeSession(state: PolarizationState): PolarizationState {
  const down = (session: number): number => Math.max(0, session - 1);
  const { peer, lease, operation, resync, saving } = state;
  return {
    ...state,
    lastSession: Math.min(sessionNow - 1, state.lastSession),
    ...(peer === undefined ? {} : { peer: { ...peer, session: down(peer.session) } }),
    ...(lease.session === undefined ? {} : { lease: { ...lease, session: down(lease.session) } }),
    ...(operation !== undefined && 'session' in operation
      ? { operation: { ...operation, session: down(operation.session) } }
      : {}),
    ...(resync === undefined ? {} : { resync: { ...resync, session: down(resync.session) } }),
    ...(saving !== undefined && 'session' in saving.then
      ? { saving: { ...saving, then: { ...saving.then, session: down(saving.then.session) } } }
      : {}),
  };
}

/** Highest number of a lease request or grant; older ones count down from it. */
export const countNow = 6;

/** By how much numbers are lowered at one node: of what it asks and grants, and of what the other one grants to it and asks of it. */
export interface Lowering {
  readonly requests: number;
  readonly grants: number;
  readonly received: number;
  readonly asked: number;
}

/** The state with the numbers of requests and grants that much lower. What is lower than 1 is as good as forgotten. */
export function lowerCounts(
  state: PolarizationState,
  { requests, grants, received }: Lowering,
): PolarizationState {
  const { lease } = state;
  return {
    ...state,
    lease: {
      ...lease,
      requestSequence: Math.max(0, lease.requestSequence - requests),
      requests: lease.requests
        .map((sent) => ({ ...sent, sequence: sent.sequence - requests }))
        .filter((sent) => sent.sequence > 0),
      grantSequence: Math.max(0, lease.grantSequence - grants),
      grants: lease.grants
        .map((sent) => ({ ...sent, sequence: sent.sequence - grants }))
        .filter((sent) => sent.sequence > 0),
      ...(lease.receivedGrant === undefined
        ? {}
        : {
            receivedGrant: {
              ...lease.receivedGrant,
              sequence: Math.max(0, lease.receivedGrant.sequence - received),
            },
          }),
    },
  };
}
