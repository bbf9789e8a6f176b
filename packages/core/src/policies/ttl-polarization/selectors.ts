import type { DurationMs, Millis } from '../../kernel/time.js';
import { ladderLevel, healthDelayMs } from './health.js';
import { ownLeaseEnd, peerStopsAt } from './lease.js';
import { ownedBySelf } from './record.js';
import type { PolarizationState } from './state.js';
import { nonPreferredStopMs, preferredStopMs } from './timing.js';
import type { DataState, Gate, HealthLevel, Mode, NodeId } from './types.js';

export { introduce } from './introduce.js';

/** What the data path may do now. */
export function gateOf(state: PolarizationState): Gate {
  return state.gate;
}

/**
 * Until when reads may be answered: check it after the bytes have been read, in the same synchronous turn. The end of the lease
 * while mirroring, Infinity while nobody else may write, -Infinity while nothing may be read.
 */
export function readableUntil(state: PolarizationState): Millis {
  switch (state.gate.reads) {
    case 'free':
      return Number.POSITIVE_INFINITY;
    case 'leased':
      return state.mode === 'mirrored'
        ? (ownLeaseEnd(state) ?? Number.NEGATIVE_INFINITY)
        : Number.NEGATIVE_INFINITY;
    case 'none':
      return Number.NEGATIVE_INFINITY;
  }
}

/** What would happen if the two nodes lost each other this very moment. */
export interface WinnerForecast {
  /** Undefined: nobody would serve without an operator. */
  readonly winner: NodeId | undefined;
  /** From the loss to the first reply, at most; undefined when nobody would. Zero when the winner serves alone already. */
  readonly withinMs: DurationMs | undefined;
  readonly detail: string;
}

export function whoWouldWinNow(state: PolarizationState): WinnerForecast {
  const { self, mode, record } = state;
  if (ownedBySelf(record) && state.gate.host === 'open') {
    return { winner: self.nodeId, withinMs: 0, detail: 'this node serves alone already' };
  }
  if (record.owner === self.peerId) {
    return { winner: self.peerId, withinMs: 0, detail: 'the peer holds survivorship' };
  }
  if (record.mode !== 'mirrored' || mode === 'fenced') {
    return {
      winner: undefined,
      withinMs: undefined,
      detail: `this copy is ${record.dataState} and does not mirror`,
    };
  }
  if (self.faultModel.kind === 'preElected') return forecastElected(state, self.faultModel.node);
  if (state.witness.reachable === false) {
    return {
      winner: undefined,
      withinMs: undefined,
      detail: 'the witness does not answer this node; the peer may reach it',
    };
  }
  return forecastLadder(state);
}

function forecastElected(state: PolarizationState, elected: NodeId): WinnerForecast {
  const { self } = state;
  const isPreferred = (elected === self.nodeId) === (self.role === 'preferred');
  const wait = isPreferred
    ? nonPreferredStopMs(self.timing)
    : preferredStopMs(self.timing) + self.timing.nonPreferredDelayMs;
  return {
    winner: elected,
    withinMs: wait + self.timing.activationMs,
    detail: `node ${elected} was elected beforehand`,
  };
}

/** Both delay ladders side by side, from what this node knows of the peer. */
function forecastLadder(state: PolarizationState): WinnerForecast {
  const { self, peer } = state;
  const { timing } = self;
  const mine = ladderLevel(state);
  const theirs: HealthLevel = peer?.introduction.health ?? 'ok';
  const peerUnreached = peer !== undefined && peer.introduction.initiators === 0 && state.initiators > 0;
  const theirLevel = peerUnreached && (theirs === 'ok' || theirs === 'degraded') ? 'unhealthySoft' : theirs;
  const [preferredLevel, otherLevel] = self.role === 'preferred' ? [mine, theirLevel] : [theirLevel, mine];
  const preferredId = self.role === 'preferred' ? self.nodeId : self.peerId;
  const otherId = self.role === 'preferred' ? self.peerId : self.nodeId;
  const preferredDelay = healthDelayMs(preferredLevel, timing.unhealthyDelayMs);
  const otherDelay = healthDelayMs(otherLevel, timing.unhealthyDelayMs);
  const tail = timing.witnessCallTimeoutMs + timing.activationMs;
  const preferredMs =
    preferredDelay === undefined ? undefined : nonPreferredStopMs(timing) + preferredDelay + tail;
  const otherMs =
    otherDelay === undefined
      ? undefined
      : preferredStopMs(timing) + timing.nonPreferredDelayMs + otherDelay + tail;
  const levels = `${preferredId} is ${preferredLevel}, ${otherId} is ${otherLevel}`;
  if (preferredMs === undefined && otherMs === undefined) {
    return { winner: undefined, withinMs: undefined, detail: `${levels}: neither would ask` };
  }
  const preferredWins = otherMs === undefined || (preferredMs !== undefined && preferredMs <= otherMs);
  return preferredWins
    ? { winner: preferredId, withinMs: preferredMs, detail: levels }
    : { winner: otherId, withinMs: otherMs, detail: levels };
}

/** For status pages: plain JSON, times as spans from now. */
export interface PolarizationStatus {
  readonly nodeId: NodeId;
  readonly mode: Mode;
  readonly epoch: number;
  readonly lineageId: string;
  readonly owner?: NodeId;
  readonly sequencer: NodeId;
  readonly dataState: DataState;
  readonly host: Gate['host'];
  readonly health: HealthLevel;
  readonly unreachedByHosts: boolean;
  readonly peerConnected: boolean;
  readonly peerMode?: Mode;
  readonly witnessReachable?: boolean;
  readonly witnessKnowsEpoch: boolean;
  /** Undefined when this node holds no lease. */
  readonly leaseRemainingMs?: DurationMs;
  /** Until the peer serves nothing for certain; 0 when that is so. */
  readonly peerStopsInMs: DurationMs;
  readonly underWay?: string;
  readonly forecast: WinnerForecast;
}

/** `at`: now, on the clock of the node. */
export function describe(state: PolarizationState, at: Millis = state.now): PolarizationStatus {
  const { record, peer, witness } = state;
  const leaseEnd = state.mode === 'mirrored' ? ownLeaseEnd(state) : undefined;
  return {
    nodeId: state.self.nodeId,
    mode: state.mode,
    epoch: record.epoch,
    lineageId: record.lineageId,
    ...(record.owner === undefined ? {} : { owner: record.owner }),
    sequencer: record.sequencer,
    dataState: record.dataState,
    host: state.gate.host,
    health: ladderLevel(state),
    unreachedByHosts: state.unreached.value,
    peerConnected: peer !== undefined,
    ...(peer === undefined ? {} : { peerMode: peer.introduction.mode }),
    ...(witness.reachable === undefined ? {} : { witnessReachable: witness.reachable }),
    witnessKnowsEpoch: witness.confirmed?.epoch === record.epoch,
    ...(leaseEnd === undefined ? {} : { leaseRemainingMs: Math.max(0, leaseEnd - at) }),
    peerStopsInMs: Math.max(0, peerStopsAt(state) - at),
    ...(state.operation === undefined ? {} : { underWay: state.operation.kind }),
    forecast: whoWouldWinNow(state),
  };
}
