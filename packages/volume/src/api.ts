import type {
  AbortSignalLike,
  BlockBuffer,
  CallOptions,
  FencingEvidence,
  Gate,
  HealthLevel,
  Mode,
  NodeRecord,
  OperatorCommand,
  PolarizationEffect,
  WayOut,
  WinnerForecast,
} from '@holdfast/core';
import type { NbdByteBudget, NbdExport } from '@holdfast/nbd';

/** Which initiator sent a request, and where it stands in that initiator's order. */
export interface OriginStamp {
  readonly initiatorId: string;
  /** Raised by the initiator with every path that it opens. */
  readonly generation: number;
  /** Number of the write among all writes of this initiator; a repeat has the number of the first try. */
  readonly operation: number;
  /** All writes below this number were acknowledged to the client: their outcome need not be remembered. */
  readonly acknowledgedBelow: number;
}

export interface HostWrite {
  readonly volume: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  /** Undefined: zeros. */
  readonly data: Uint8Array | undefined;
  readonly forceUnitAccess: boolean;
  readonly mayTrim: boolean;
  readonly origin: OriginStamp | undefined;
}

/**
 * What a node offers to those who bring it requests of hosts: NBD clients and initiators. Requests wait while the gate is held.
 * Errors: FENCED when this node stopped serving (drop the client's connection, answer nothing), REFUSED for a stale generation,
 * OUT_OF_RANGE, CLOSED. A request that was refused with FENCED may have been carried out, or not.
 */
export interface HostSide {
  readonly volumes: readonly VolumeDescription[];
  readonly gate: Gate;
  read(volume: number, offsetBytes: number, lengthBytes: number): Promise<BlockBuffer>;
  write(request: HostWrite): Promise<void>;
  flush(volume: number): Promise<void>;
  /**
   * Opens a new generation of an initiator's path: settles when everything of lower generations is finished or dropped, on
   * both nodes. Waits while the gate is held or closed. `sentBelow`: writes with lower numbers may have been sent before, over
   * other paths; 0 when it is not given.
   */
  raiseGeneration(
    initiatorId: string,
    generation: number,
    options?: { readonly signal?: AbortSignalLike; readonly sentBelow?: number },
  ): Promise<void>;
  /** All writes of this initiator below the number were answered to its clients; later requests say so too. */
  confirm?(initiatorId: string, generation: number, acknowledgedBelow: number): void;
  /** Settles when the gate is not closed: hold a client's greeting on it. */
  served(options?: { readonly signal?: AbortSignalLike }): Promise<void>;
  /** Called at once for every later gate. Gives back a function that stops it. */
  onGate(listener: (gate: Gate) => void): () => void;
  /** Counts initiators that have a path open; the policy hears of it. */
  initiatorsChanged(count: number): void;
}

export interface VolumeDescription {
  readonly volumeId: string;
  readonly sizeBytes: number;
}

/** A decision, as `why` shows it. */
export interface Decision {
  readonly at: number;
  readonly wallTime: number;
  readonly effect: string;
  readonly kind: PolarizationEffect['kind'];
  readonly mode: Mode;
  readonly epoch: number;
  /** The typed reason with its numbers. */
  readonly because: PolarizationEffect['because'];
  /** The same as one English sentence. */
  readonly sentence: string;
}

export interface NodeStatus {
  readonly clusterId: string;
  readonly groupId: string;
  readonly nodeId: string;
  readonly bootId: string;
  readonly mode: Mode;
  readonly host: Gate['host'];
  readonly record: NodeRecord;
  readonly sequencer: string;
  readonly health: HealthLevel;
  readonly initiators: number;
  /** Milliseconds for which local reads are still allowed; undefined when no lease is needed. */
  readonly leaseRemainingMs?: number;
  readonly peer: {
    readonly nodeId: string;
    readonly connected: boolean;
    readonly bootId?: string;
    readonly mode?: Mode;
  };
  readonly witness: { readonly configured: boolean; readonly reachable?: boolean; readonly state?: string };
  readonly volumes: readonly {
    readonly volumeId: string;
    readonly sizeBytes: number;
    readonly dirtyBytes: number;
    readonly activityLogExtents: number;
    readonly activityLogBytes: number;
  }[];
  readonly resync?: ResyncProgress;
  /** Should the two lose each other now: who would serve, and within which time. */
  readonly whoWouldWinNow: WinnerForecast;
  /** What an operator does, when nothing goes on by itself. */
  readonly wayOut?: WayOut & { readonly sentence: string };
}

export interface ResyncProgress {
  readonly side: 'source' | 'target';
  /** Bytes that may differ: the dirty map, and what the activity logs add to it. */
  readonly dirtyBytes: number;
  readonly activityLogBytes: number;
  readonly doneBytes: number;
  /** Bytes whose content was sent; the others were compared and found equal. */
  readonly movedBytes: number;
}

export type NodeEvent =
  | {
      readonly kind: 'mode-changed';
      readonly at: number;
      readonly wallTime: number;
      readonly from: Mode;
      readonly to: Mode;
      readonly epoch: number;
      readonly sequencer: string;
      readonly host: Gate['host'];
    }
  | { readonly kind: 'decision'; readonly decision: Decision }
  | { readonly kind: 'peer-connected'; readonly at: number; readonly nodeId: string; readonly bootId: string }
  | {
      readonly kind: 'peer-disconnected';
      readonly at: number;
      readonly nodeId: string;
      readonly cause: string;
    }
  | { readonly kind: 'witness-reachable'; readonly at: number; readonly reachable: boolean }
  | { readonly kind: 'resync-started'; readonly at: number; readonly progress: ResyncProgress }
  | { readonly kind: 'resync-progress'; readonly at: number; readonly progress: ResyncProgress }
  | {
      readonly kind: 'resync-ended';
      readonly at: number;
      readonly progress: ResyncProgress;
      readonly completed: boolean;
    }
  | { readonly kind: 'refused'; readonly at: number; readonly remote: string; readonly reason: string }
  | { readonly kind: 'stalled'; readonly at: number; readonly stalledMs: number }
  | { readonly kind: 'halted'; readonly at: number; readonly reason: string };

/** One site of a consistency group. */
export interface VolumeNode {
  readonly bootId: string;
  /** Where the peer and initiators reach it; a port of 0 has become the real one. */
  readonly addresses: { readonly peerLink?: string; readonly path?: string };
  readonly hostSide: HostSide;
  /** The one bound on what hosts' requests hold in memory. Give it to the NBD server of this node's exports too. */
  readonly budget: NbdByteBudget;
  status(): NodeStatus;
  recentDecisions(limit: number): readonly Decision[];
  /** An operator's word. Fails with REFUSED and the reason when the policy does not follow it. */
  command(command: OperatorCommand, options?: CallOptions): Promise<string>;
  /** Proof that a life of the other node has ended; without proof the wait of its lease stays. */
  giveEvidence(evidence: FencingEvidence): void;
  /** An NBD export of one volume, for `createNbdServer`: served directly by this node. */
  exportOf(volumeId: string): NbdExport;
  subscribe(listener: (event: NodeEvent) => void): () => void;
  /** Stops in order: finishes what is in flight, flushes, marks the record clean. `asyncDispose` stops without that. */
  shutDown(options?: CallOptions): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface InitiatorStatus {
  readonly initiatorId: string;
  readonly generation: number;
  /** The node that requests go to now; undefined while none serves. */
  readonly activeNodeId?: string;
  readonly paths: readonly {
    readonly nodeId: string;
    readonly state: 'closed' | 'opening' | 'open';
    readonly mode?: Mode;
    readonly epoch?: number;
    readonly lastError?: string;
  }[];
  readonly inFlight: number;
  /** Requests that were repeated on another path since the start. */
  readonly repeated: number;
}

export type InitiatorEvent =
  | {
      readonly kind: 'path-opened';
      readonly at: number;
      readonly wallTime: number;
      readonly nodeId: string;
      readonly generation: number;
    }
  | {
      readonly kind: 'path-lost';
      readonly at: number;
      readonly wallTime: number;
      readonly nodeId: string;
      readonly cause: string;
    }
  | {
      readonly kind: 'failover';
      readonly at: number;
      readonly wallTime: number;
      readonly from?: string;
      readonly to: string;
      readonly pausedMs: number;
      readonly repeated: number;
    }
  | { readonly kind: 'no-survivor'; readonly at: number; readonly wallTime: number; readonly heldMs: number };

/** Latency of requests as the client of the initiator sees it, in milliseconds, since the last call. */
export interface LatencyWindow {
  readonly count: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** The host's side of a group. */
export interface Initiator {
  readonly initiatorId: string;
  readonly volumes: readonly VolumeDescription[];
  /** Waits as long as nobody serves, unless `onNoSurvivor` bounds it (NO_SURVIVOR). An abort leaves the request under way. */
  read(
    volumeId: string,
    offsetBytes: number,
    lengthBytes: number,
    options?: CallOptions,
  ): Promise<BlockBuffer>;
  write(
    volumeId: string,
    offsetBytes: number,
    data: Uint8Array,
    options?: CallOptions & { readonly forceUnitAccess?: boolean },
  ): Promise<void>;
  writeZeroes(
    volumeId: string,
    offsetBytes: number,
    lengthBytes: number,
    options?: CallOptions & { readonly forceUnitAccess?: boolean; readonly mayTrim?: boolean },
  ): Promise<void>;
  flush(volumeId: string, options?: CallOptions): Promise<void>;
  exportOf(volumeId: string): NbdExport;
  status(): InitiatorStatus;
  latency(): { readonly read: LatencyWindow; readonly write: LatencyWindow; readonly flush: LatencyWindow };
  subscribe(listener: (event: InitiatorEvent) => void): () => void;
  [Symbol.asyncDispose](): Promise<void>;
}
