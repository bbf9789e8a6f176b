import type { NodeId, NodeRecord, Role } from './types.js';

/** Every timer of the mechanism, in milliseconds. Two named profiles stand below; any of them may be changed alone. */
export interface PolarizationTiming {
  /** How often the non-preferred node asks for a grant. */
  readonly leaseRenewIntervalMs: number;
  /** How long a grant lets the non-preferred node serve reads, counted from the sending of its request. */
  readonly leaseTtlMs: number;
  /** How long an acknowledged grant lets the preferred node serve reads, counted from the sending of that grant. */
  readonly preferredLeaseTtlMs: number;
  /** One request to the peer, and how often it is repeated before the lease is given up. */
  readonly peerCallTimeoutMs: number;
  readonly peerCallTries: number;
  /** From the end of a lease to the moment when no reply of that node can leave any more. */
  readonly drainBoundMs: number;
  /** Greatest rate error of a node's clock, in parts per million. */
  readonly clockDriftPpm: number;
  /** Silence of the peer about an unacknowledged write. */
  readonly replicationTimeoutMs: number;
  readonly witnessCallTimeoutMs: number;
  readonly witnessCallTries: number;
  /** Pause between two rounds of asking an unreachable witness, once this node has stopped serving. */
  readonly witnessRetryIntervalMs: number;
  /** Head start that the non-preferred node leaves to the preferred one. */
  readonly nonPreferredDelayMs: number;
  /** Head start that an unhealthy node leaves to a healthy one. Half of it when degraded. */
  readonly unhealthyDelayMs: number;
  /** Typical time in which a node learns of a fault that its peer has seen. */
  readonly typicalDetectionMs: number;
  /** From the grant to the first reply. */
  readonly activationMs: number;
  /** Greatest time that hosts wait for an I/O before they give up. */
  readonly hostIoTimeoutMs: number;
  /** How long a returned link must hold before resync starts. */
  readonly rejoinStableMs: number;
  /** How long the peer has to accept an offered handover. */
  readonly handoverTimeoutMs: number;
  /** How long an unhealthySoft state lasts before it leads to a handover. */
  readonly unhealthyConfirmMs: number;
  /** A peer's word on its health is fresh for this long. */
  readonly healthFreshMs: number;
  /** How long a node that no initiator reaches waits before it counts itself soft-unhealthy. */
  readonly unreachedByHostsMs: number;
}

/** Both sites on one campus or in one machine: a lost site costs about 0.6 s. */
export const lan: PolarizationTiming = {
  leaseRenewIntervalMs: 80,
  leaseTtlMs: 300,
  preferredLeaseTtlMs: 300,
  peerCallTimeoutMs: 60,
  peerCallTries: 3,
  drainBoundMs: 100,
  clockDriftPpm: 10_000,
  replicationTimeoutMs: 250,
  witnessCallTimeoutMs: 50,
  witnessCallTries: 3,
  witnessRetryIntervalMs: 1_000,
  nonPreferredDelayMs: 80,
  unhealthyDelayMs: 400,
  typicalDetectionMs: 100,
  activationMs: 100,
  hostIoTimeoutMs: 30_000,
  rejoinStableMs: 300,
  handoverTimeoutMs: 1_000,
  unhealthyConfirmMs: 2_000,
  healthFreshMs: 1_000,
  unreachedByHostsMs: 1_000,
};

/** Two sites of a metropolitan area: leases of seconds, which a congested link does not break. */
export const metro: PolarizationTiming = {
  leaseRenewIntervalMs: 1_000,
  leaseTtlMs: 5_000,
  preferredLeaseTtlMs: 6_000,
  peerCallTimeoutMs: 1_000,
  peerCallTries: 3,
  drainBoundMs: 500,
  clockDriftPpm: 10_000,
  replicationTimeoutMs: 3_000,
  witnessCallTimeoutMs: 1_000,
  witnessCallTries: 3,
  witnessRetryIntervalMs: 5_000,
  nonPreferredDelayMs: 2_000,
  unhealthyDelayMs: 6_000,
  typicalDetectionMs: 1_000,
  activationMs: 500,
  hostIoTimeoutMs: 30_000,
  rejoinStableMs: 30_000,
  handoverTimeoutMs: 5_000,
  unhealthyConfirmMs: 10_000,
  healthFreshMs: 5_000,
  unreachedByHostsMs: 10_000,
};

export const timingProfiles = { lan, metro } as const;

/** Who decides which side goes on when the two lose each other. `mediator`: the witness. `preElected`: this node, always. */
export type FaultModel =
  { readonly kind: 'mediator' } | { readonly kind: 'preElected'; readonly node: NodeId };

export interface PolarizationOptions {
  readonly groupId: string;
  readonly nodeId: NodeId;
  readonly peerId: NodeId;
  readonly role: Role;
  /** Durable count of this node's starts. */
  readonly incarnation: number;
  /** Fresh for every start of the process. */
  readonly bootId: string;
  /** The same for every process between two starts of the machine. */
  readonly machineBootId: string;
  /** Source of fresh lineage ids: a random seed drawn by the caller, so that two nodes never choose the same. */
  readonly lineageSeed: string;
  readonly faultModel: FaultModel;
  readonly timing: PolarizationTiming;
  /** What stands on stable storage; `freshRecord(...)` for a node that has never served. */
  readonly record: NodeRecord;
  readonly pristine: boolean;
  /** Serve after a start without having heard of peer or witness (preElected node only). Off by default. */
  readonly bootAlone?: boolean;
}
