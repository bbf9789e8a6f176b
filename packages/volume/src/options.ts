import type {
  Address,
  BlockDevice,
  Clock,
  Fencer,
  FaultModel,
  PolarizationTiming,
  Random,
  Role,
  Store,
  Telemetry,
  Transport,
  WitnessPort,
} from '@holdfast/core';
import type { PeerGuard } from './group/peer-guard.js';

/** One volume of a group, as this node holds it. */
export interface LegOptions {
  /** Name of the volume, the same on both nodes; NBD clients ask for it as their export. */
  readonly volumeId: string;
  /** The bytes. Its size is the volume's size. */
  readonly data: BlockDevice;
  /** Activity log and dirty map of this leg: `metadataSizeBytes(data.sizeBytes)` or more. Zeros when new. */
  readonly metadata: BlockDevice;
  /** What a new leg holds: nothing yet (all zeros), or data that the volume is to be made from. Needed only when `metadata` is new. */
  readonly content?: 'zeros' | 'adopt';
}

export interface NodeOptions {
  readonly clusterId: string;
  readonly groupId: string;
  readonly nodeId: string;
  readonly peerId: string;
  readonly role: Role;
  readonly legs: readonly LegOptions[];
  /** Home of the group's record and of the count of starts. */
  readonly store: Store;
  /** Fresh for every start; a supervisor that fences by process exit chooses it. Default: random. */
  readonly bootId?: string;
  /** The same until the machine restarts. */
  readonly machineBootId: string;
  readonly timing: PolarizationTiming;
  readonly faultModel: FaultModel;
  readonly witness?: WitnessPort;
  readonly fencer?: Fencer;
  /** Where the other node reaches this one (the preferred node listens, the other one dials). */
  readonly peerLink: { readonly listen: Address } | { readonly dial: Address };
  /** Where initiators reach this node. */
  readonly pathListen?: Address;
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
  readonly telemetry?: Telemetry;
  readonly tuning?: Partial<NodeTuning>;
  /** `leased`: reads are local under a lease. `confirmed`: the peer confirms each read; for machines that may stop every clock. */
  readonly readMode?: 'leased' | 'confirmed';
  /** Fingerprint of a block of 4 KiB, at least 16 bytes long and hard to collide: lets a resync compare instead of copy. */
  readonly digest?: (block: Uint8Array) => Uint8Array;
  /** The same one for every node of a process that holds groups with several peers: many peers lost at once are then its own fault. */
  readonly peerGuard?: PeerGuard;
  /** Serve after a start without having heard of peer or witness (the pre-elected node only). Default false. */
  readonly bootAlone?: boolean;
}

/** Sizes and bounds that are not timing relations. */
export interface NodeTuning {
  /** Bytes of one extent of the activity log. Default 4 MiB; larger means fewer log writes and a larger resync after a crash. */
  readonly activityLogExtentBytes: number;
  /** How many extents may be hot at a time. Default 1237. */
  readonly activityLogExtents: number;
  /** A quiet log is emptied after this time without a write, in milliseconds. */
  readonly activityLogIdleMs: number;
  /** Bytes of host requests held in memory at a time, over all clients. */
  readonly memoryBudgetBytes: number;
  /** Bytes of one resync request, and how many are under way. */
  readonly resyncChunkBytes: number;
  readonly resyncDepth: number;
  /** Greatest share of a second that resync may use while hosts are active, in bytes per second. 0: no limit. */
  readonly resyncRateBytesPerSecond: number;
  /** How often a resync makes its progress durable on both sides, in milliseconds: what an interruption costs at most. */
  readonly resyncNoteIntervalMs: number;
  /** An own leg that answers nothing for this long is sick, in milliseconds. */
  readonly legTimeoutMs: number;
  /** Pause between two attempts to reach the peer, in milliseconds. */
  readonly redialIntervalMs: number;
}

export const defaultTuning: NodeTuning = {
  activityLogExtentBytes: 4 * 1024 * 1024,
  activityLogExtents: 1237,
  activityLogIdleMs: 2_000,
  memoryBudgetBytes: 64 * 1024 * 1024,
  resyncChunkBytes: 256 * 1024,
  resyncDepth: 4,
  resyncRateBytesPerSecond: 0,
  resyncNoteIntervalMs: 1_000,
  legTimeoutMs: 20_000,
  redialIntervalMs: 50,
};

export interface InitiatorOptions {
  readonly clusterId: string;
  readonly groupId: string;
  /** For people. A random part is added: every start is a new initiator, since it knows nothing of what the last one sent. */
  readonly initiatorId?: string;
  /** Path to each node, the preferred one first. */
  readonly paths: readonly { readonly nodeId: string; readonly address: Address }[];
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
  readonly telemetry?: Telemetry;
  readonly tuning?: Partial<InitiatorTuning>;
  /** What a client sees while nobody may serve: wait for ever, or an error after `holdMs`. Default: hold. */
  readonly onNoSurvivor?: { readonly holdMs: number; readonly then: 'hold' | 'error' };
  /** Move to the sequencer when both nodes serve and requests can be held for the few milliseconds that it takes. Default true. */
  readonly preferSequencer?: boolean;
}

export interface InitiatorTuning {
  /** Pause between two pings on a path, and silence after which a path counts as dead, in milliseconds. */
  readonly pingIntervalMs: number;
  readonly pathTimeoutMs: number;
  /** Pause between two attempts to open a path, in milliseconds. */
  readonly redialIntervalMs: number;
  /** Requests under way at a time. */
  readonly maxInFlight: number;
  /** Bytes of requests under way at a time; a larger single request goes alone. */
  readonly maxInFlightBytes: number;
}

export const defaultInitiatorTuning: InitiatorTuning = {
  pingIntervalMs: 80,
  pathTimeoutMs: 250,
  redialIntervalMs: 30,
  maxInFlight: 1024,
  maxInFlightBytes: 64 * 1024 * 1024,
};
