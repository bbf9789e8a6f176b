import {
  freshFailbackRecord,
  latencyFailback,
  mayApplyCopy,
  mayClearOutOfSync,
  routeRead,
  routeWrite,
  type FailbackGate,
  type FailbackRecord,
  type FailbackSite,
  type LatencyFailbackEffect,
  type LatencyFailbackFact,
  type LatencyFailbackOptions,
  type LatencyFailbackState,
} from '../../src/index.js';

/** Two sites, one block, a link, a disk for the record, a controller that may die, and somebody who handles faults. */
export interface System {
  /** Undefined while the controller is down. */
  readonly policy?: LatencyFailbackState | undefined;
  readonly disk: FailbackRecord;
  readonly life: number;
  readonly sequence: number;
  readonly now: number;
  /** Wished and not carried out. */
  readonly pending: readonly LatencyFailbackEffect[];
  /** Answers, and facts about the world, on their way to the controller. */
  readonly answers: readonly LatencyFailbackFact[];
  readonly facts: readonly LatencyFailbackFact[];
  /** What the data path goes by. */
  readonly gate: FailbackGate;
  readonly group: { readonly epoch: number; readonly active: FailbackSite; readonly pinned: boolean };
  readonly lock?: string | undefined;
  readonly up: { readonly primary: boolean; readonly secondary: boolean; readonly link: boolean };
  /** Versions of the one block: acknowledged, and at each site. Everything at a site is durable. */
  readonly acked: number;
  readonly atPrimary: number;
  readonly atSecondary: number;
  /** The block is marked in the map that the primary has, and in the one that the secondary keeps. */
  readonly marked: { readonly primary: boolean; readonly secondary: boolean };
  readonly generation: number;
  /** Other blocks that are out of sync, and stay so: the copy comes to them later. */
  readonly otherBlocks: number;
  readonly copying: boolean;
  /** Version that the background copy has read and not yet written. */
  readonly copyInFlight?: number | undefined;
  /** What the explorer may still do. */
  readonly left: Budget;
  readonly broken?: string | undefined;
}

export interface Budget {
  readonly faults: number;
  readonly repairs: number;
  readonly writes: number;
  readonly crashes: number;
  readonly redirects: number;
  readonly revocations: number;
  readonly duplicates: number;
  readonly mapLosses: number;
  readonly diskFailures: number;
  readonly ticks: number;
}

/** The parts that a mutant replaces. */
export interface Rules {
  readonly policy: typeof latencyFailback;
  readonly routeRead: typeof routeRead;
  readonly routeWrite: typeof routeWrite;
  readonly mayApplyCopy: typeof mayApplyCopy;
  readonly mayClearOutOfSync: typeof mayClearOutOfSync;
  /** Wishes about one thing never overtake each other. */
  readonly thingOf: (kind: LatencyFailbackEffect['kind']) => string;
  /** Carries these wishes out in name only. */
  readonly pretend: readonly LatencyFailbackEffect['kind'][];
  /** Says that a record is durable before it is. */
  readonly lyingDisk: boolean;
}

/** The doors, the lock, the copy, the choice of survivors, the disk: whoever carries wishes out keeps the order within each. */
export function thingOf(kind: LatencyFailbackEffect['kind']): string {
  switch (kind) {
    case 'set-gate':
    case 'hold-io':
      return 'doors';
    case 'request-operation':
    case 'release-operation':
      return 'lock';
    case 'start-recovery':
    case 'stop-recovery':
      return 'copy';
    case 'pin-survivor':
    case 'unpin-survivor':
      return 'survivor';
    default:
      return kind;
  }
}

export const soundRules: Rules = {
  policy: latencyFailback,
  routeRead,
  routeWrite,
  mayApplyCopy,
  mayClearOutOfSync,
  thingOf,
  pretend: [],
  lyingDisk: false,
};

export const modelTuning = {
  dwellMs: 0,
  linkStableMs: 0,
  windowMs: 1e9,
  probeFreshMs: 1e9,
  minimumSamples: 1,
  prepareTimeoutMs: 20,
  maxQuiesceMs: 10,
  hostIoTimeoutMs: 30,
  recoveryRetryMs: 1,
  persistRetryMs: 1,
  abortRetryMs: 1,
  maxAborts: 1_000,
  maxRecoveries: 1_000,
  maxMoves: 1_000,
  whenSynced: 'stay',
} as const;

export const BLOCK_BYTES = 4096;
export const silent: readonly string[] = ['report', 'answer', 'probe'];

export function options(system: Pick<System, 'disk' | 'life'>): LatencyFailbackOptions {
  return { groupId: 'g', nodeId: 'c', incarnation: system.life, record: system.disk, tuning: modelTuning };
}

/** After a fault swap: the secondary is active, one block is newer there, and everybody is well again. */
export function afterSwap(left: Budget): System {
  const disk: FailbackRecord = {
    ...freshFailbackRecord({ groupId: 'g', epoch: 1 }),
    activeSite: 'secondary',
    completeCopy: 'secondary',
  };
  return {
    disk,
    life: 0,
    sequence: 0,
    now: 0,
    pending: [],
    answers: [],
    facts: [],
    gate: { site: 'secondary', epoch: 1, host: 'closed', reads: 'none', writes: 'none' },
    group: { epoch: 1, active: 'secondary', pinned: false },
    up: { primary: true, secondary: true, link: true },
    acked: 1,
    atPrimary: 0,
    atSecondary: 1,
    marked: { primary: false, secondary: true },
    generation: 1,
    otherBlocks: 0,
    copying: false,
    left,
  };
}
