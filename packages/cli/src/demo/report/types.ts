import type { ResyncProgress } from '@holdfast/volume';
import type { TimelineBin } from '../workload/samples.js';

/** A claim that the run either proved or did not. */
export interface Check {
  readonly name: string;
  readonly passed: boolean;
  /** The numbers behind it. */
  readonly detail: string;
}

/** One fault and what came of it. Times are wall-clock milliseconds. */
export interface SceneResult {
  readonly id: string;
  readonly title: string;
  readonly fromMs: number;
  readonly untilMs: number;
  /** 'south alone', 'both'. */
  readonly serves: string;
  readonly longestPauseMs: number;
  /** Undefined where the scene promises none. */
  readonly boundMs?: number;
  /** Standstill of the event loops of this machine's processes during the longest pause, which the bound does not count. */
  readonly stallMs: number;
  readonly resyncedBytes?: number;
  readonly comparedBytes?: number;
  readonly lostWrites: number;
  /** Why, in the words of the node that decided. */
  readonly because: string;
}

export interface Replay {
  readonly id: string;
  readonly longestPauseMs: number;
  readonly standstillMs: number;
}

export interface ModeSegment {
  readonly fromMs: number;
  readonly untilMs: number;
  /** A node's mode, or `down` when its process is dead. */
  readonly mode: string;
  readonly epoch: number;
  readonly sequencer: string;
}

export interface Band {
  readonly name: string;
  readonly role: string;
  readonly segments: readonly ModeSegment[];
}

export interface Moment {
  readonly atMs: number;
  readonly source: string;
  readonly kind: 'decision' | 'fault' | 'initiator';
  readonly epoch?: number;
  readonly mode?: string;
  readonly text: string;
}

export interface ResyncPoint extends ResyncProgress {
  readonly atMs: number;
  readonly nodeId: string;
}

/** Everything that a run leaves behind; `--json` prints it, the page shows it. */
export interface DemoReport {
  readonly version: 1;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly seed: number;
  readonly run: number;
  readonly volumeBytes: number;
  readonly machine: { readonly cpus: number; readonly platform: string; readonly runtime: string };
  readonly timing: string;
  readonly workload: {
    readonly requests: number;
    readonly acknowledgedWrites: number;
    readonly acknowledgedBytes: number;
    readonly indeterminateWrites: number;
    readonly blocksChecked: number;
    readonly faults: number;
    readonly errors: number;
  };
  readonly longestStallMs: number;
  readonly scenes: readonly SceneResult[];
  /** Attempts at a scene that a standstill of the machine spoilt, so that it was played again. */
  readonly replays: readonly Replay[];
  readonly checks: readonly Check[];
  readonly legs: readonly { readonly nodeId: string; readonly sha256: string }[];
  readonly bands: readonly Band[];
  readonly moments: readonly Moment[];
  readonly resyncs: readonly ResyncPoint[];
  readonly timeline: { readonly binMs: number; readonly bins: readonly TimelineBin[] };
}
