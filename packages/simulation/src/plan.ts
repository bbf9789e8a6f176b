import type { HoldfastErrorCode } from '@holdfast/core';

export type SiteName = 'a' | 'b';
export type DeviceName = 'data' | 'metadata';

/** One thing that goes wrong, and when: in milliseconds of true time since both sites mirror. */
export type Fault = { readonly atMs: number } & (
  | { readonly kind: 'kill'; readonly site: SiteName; readonly downMs: number }
  /** The process dies just before or after its next save but `skip` is durable. */
  | {
      readonly kind: 'kill-at-save';
      readonly site: SiteName;
      readonly skip: number;
      readonly phase: 'before' | 'after';
      readonly downMs: number;
    }
  /** The process dies while its next operation but `skip` is under way at a device. */
  | {
      readonly kind: 'kill-at-disk';
      readonly site: SiteName;
      readonly device: DeviceName;
      readonly operation: 'write' | 'flush';
      readonly skip: number;
      readonly downMs: number;
    }
  /** The machine loses what no flush has covered: all of it, or some. Only while both mirror; a second one would be a declared loss. */
  | {
      readonly kind: 'power-loss';
      readonly site: SiteName;
      readonly keep: 'nothing' | 'some';
      readonly downMs: number;
    }
  /** SIGSTOP, or a machine that sleeps. */
  | {
      readonly kind: 'pause';
      readonly site: SiteName;
      readonly stops: 'none' | 'monotonic';
      readonly forMs: number;
    }
  /** Silence in one direction. */
  | { readonly kind: 'cut'; readonly from: string; readonly to: string; readonly forMs: number }
  | { readonly kind: 'partition'; readonly one: string; readonly other: string; readonly forMs: number }
  | { readonly kind: 'reset'; readonly one: string; readonly other: string }
  | {
      readonly kind: 'slow-link';
      readonly from: string;
      readonly to: string;
      readonly latencyMs: number;
      readonly jitterMs: number;
      readonly forMs: number;
    }
  | {
      readonly kind: 'slow-disk';
      readonly site: SiteName;
      readonly device: DeviceName;
      readonly operation: 'read' | 'write' | 'flush';
      readonly delayMs: number;
      readonly forMs: number;
    }
  /** One operation fails; the process is started anew some time later, as an operator or supervisor would. */
  | {
      readonly kind: 'disk-error';
      readonly site: SiteName;
      readonly device: DeviceName;
      readonly operation: 'read' | 'write' | 'flush';
      readonly code: Extract<HoldfastErrorCode, 'IO_FAILED' | 'NO_SPACE'>;
      readonly restartAfterMs: number;
    }
  | { readonly kind: 'slow-store'; readonly site: SiteName; readonly delayMs: number; readonly forMs: number }
  | { readonly kind: 'full-store'; readonly site: SiteName; readonly forMs: number }
  | { readonly kind: 'step-wall-clock'; readonly site: SiteName; readonly byMs: number }
  | { readonly kind: 'drift'; readonly site: SiteName; readonly driftPpm: number }
  | { readonly kind: 'kill-witness'; readonly downMs: number }
  /** The witness is started from the copy of its store that was made when the run began. */
  | { readonly kind: 'restore-witness'; readonly downMs: number }
  | { readonly kind: 'lose-witness'; readonly downMs: number }
  | { readonly kind: 'handover'; readonly site: SiteName }
  /** The host dies with all that it had in flight, and comes back knowing nothing. */
  | { readonly kind: 'kill-host'; readonly host: string }
);

export interface Operation {
  readonly kind: 'read' | 'write' | 'flush';
  readonly volume: number;
  /** First block, and how many. */
  readonly block: number;
  readonly count: number;
  readonly forceUnitAccess: boolean;
  /** Pause before it, in milliseconds. */
  readonly thinkMs: number;
}

/** One request after the other; those of one host share its initiator. */
export interface ClientPlan {
  readonly host: string;
  readonly operations: readonly Operation[];
}

export interface Surroundings {
  readonly volumes: number;
  /** Milliseconds: evenly from 0 up to `spreadMs`, and once in `tailEvery` operations up to `tailMs`. */
  readonly disk: { readonly spreadMs: number; readonly tailEvery: number; readonly tailMs: number };
  readonly link: { readonly latencyMs: number; readonly jitterMs: number };
  /** Of messages to and from the witness: lost, doubled, or late, in shares of one. */
  readonly witnessWeather: { readonly loss: number; readonly doubled: number; readonly late: number };
  readonly saveMs: number;
  readonly driftPpm: { readonly a: number; readonly b: number; readonly witness: number };
  readonly readMode: 'leased' | 'confirmed';
  readonly compare: boolean;
}

/** All that one run is made of. The same plan makes the same run. */
export interface Plan {
  readonly version: 1;
  readonly seed: number;
  readonly surroundings: Surroundings;
  readonly clients: readonly ClientPlan[];
  readonly faults: readonly Fault[];
  /** Both sites and all hosts lose power at the end; what was flushed must be there afterwards. */
  readonly blackout: boolean;
}

/** The blocks of a volume that are used, in pairs of neighbours that lie in extents of their own. */
export const blocksPerVolume = 8;
export const blockBytes = 4096;
export const volumeBytes = 512 * 1024;

export function offsetOf(block: number): number {
  return Math.floor(block / 2) * 64 * 1024 + (block % 2) * blockBytes;
}
