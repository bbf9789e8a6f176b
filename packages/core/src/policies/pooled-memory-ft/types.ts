import type { EffectId, PolicyEffect, PolicyEvent } from '../../kernel/policy.js';
import type { DurationMs } from '../../kernel/time.js';
import type { PooledMemoryReason } from './reasons.js';

/**
 * `moving`: memory is being brought into the pool. `starting`: a secondary is being attached. `protected`: a sealed generation and a
 * secondary are there. `needSecondary`: runs unprotected. `fencing`: the primary is suspect and its seals do not count. `promoting`:
 * another process takes over. `failed`: nothing that is sealed could be run. `superseded`: another controller has raised the epoch.
 */
export type PooledMemoryMode =
  | 'notConfigured'
  | 'moving'
  | 'starting'
  | 'protected'
  | 'needSecondary'
  | 'fencing'
  | 'promoting'
  | 'failed'
  | 'superseded';

export type NeedSecondaryCause =
  'initializing' | 'lost-connection' | 'no-host' | 'checkpoint-error' | 'pool-lost';

/** What the controller has on stable storage, outside the machine. Plain JSON. */
export interface PooledMemoryRecord {
  readonly version: 1;
  readonly machineId: string;
  readonly mode: 'notConfigured' | 'configured';
  /** The fencing token: a writer or a seal of a lower one counts for nothing. */
  readonly epoch: number;
  readonly primary: string;
  /** The newest generation known to be sealed, and the one before it. */
  readonly current?: number;
  readonly previous?: number;
  /** A takeover was decided: after a crash it goes on. */
  readonly promoting?: { readonly to: string; readonly generation: number; readonly into: number };
  /** The clone that the primary writes since the last takeover: its number is never that of a checkpoint. */
  readonly live?: number;
  /** Writers of lower epochs that nobody has seen end: they are killed when they wake. */
  readonly formerWriters?: readonly string[];
  readonly argumentsDigest: string;
}

/** One host, as last reported. A list of hosts is an immutable snapshot. */
export interface PooledMemoryHost {
  readonly id: string;
  readonly failureDomain: string;
  readonly poolReachable: boolean;
  readonly machines: number;
  readonly processors: number;
  readonly freeMhz: number;
}

/** A sealed image: memory and device state of one instant. */
export interface SealedGeneration {
  readonly generation: number;
  readonly epoch: number;
  readonly sizeBytes: number;
  readonly deviceDigestFits: boolean;
  /** Numbers of the stops during which memory and device state were taken. */
  readonly ramStop: number;
  readonly deviceStop: number;
  readonly argumentsDigest: string;
}

export type PooledMemoryCommand =
  | { readonly kind: 'enable'; readonly memoryInPool: boolean }
  | { readonly kind: 'disable' }
  /** Planned: the primary stops, seals for the last time, and the secondary goes on. Nothing is lost. */
  | { readonly kind: 'switch-over' }
  /** Let a read-only standby run, or start a process on the live memory: always refused. */
  | { readonly kind: 'continue-standby' };

export type PooledMemoryFact =
  | { readonly kind: 'tick' }
  | { readonly kind: 'hosts-reported'; readonly hosts: readonly PooledMemoryHost[] }
  | { readonly kind: 'moved-to-pool'; readonly effect: EffectId }
  | { readonly kind: 'move-failed'; readonly effect: EffectId; readonly detail: string }
  /** It waits with the memory mapped read-only; that was looked at, not assumed. */
  | { readonly kind: 'secondary-attached'; readonly effect: EffectId; readonly isReadOnly: boolean }
  | { readonly kind: 'secondary-failed'; readonly effect: EffectId; readonly detail: string }
  | { readonly kind: 'secondary-lost'; readonly host: string; readonly detail: string }
  | ({
      readonly kind: 'generation-sealed';
      readonly effect: EffectId;
      readonly pauseMs: DurationMs;
    } & SealedGeneration)
  | { readonly kind: 'checkpoint-failed'; readonly effect: EffectId; readonly detail: string }
  /** What the pool and the network know of a host. `cut`: it cannot reach the pool, by the pool's own word. */
  | {
      readonly kind: 'host-heard';
      readonly host: string;
      readonly pool: 'alive' | 'silent' | 'cut';
      readonly network: 'alive' | 'silent';
      /** How long the heartbeat in the pool has stood still. */
      readonly silentMs: DurationMs;
    }
  /** The end of a writer was observed: it is certain. */
  | { readonly kind: 'writer-ended'; readonly host: string; readonly epoch: number }
  /** A writer of an epoch that is over runs, or tries to seal. */
  | { readonly kind: 'writer-seen'; readonly host: string; readonly epoch: number }
  | { readonly kind: 'pool-lock-taken'; readonly effect: EffectId }
  | { readonly kind: 'epoch-raised'; readonly effect: EffectId }
  | { readonly kind: 'epoch-refused'; readonly effect: EffectId; readonly epoch: number }
  | { readonly kind: 'persisted'; readonly effect: EffectId }
  | { readonly kind: 'persist-failed'; readonly effect: EffectId; readonly detail: string }
  /** The first instruction ran. `guestTimeGapMs`: what the guest has missed. */
  | { readonly kind: 'promoted'; readonly effect: EffectId; readonly guestTimeGapMs: DurationMs }
  | { readonly kind: 'promote-failed'; readonly effect: EffectId; readonly detail: string }
  | { readonly kind: 'command'; readonly commandId: string; readonly command: PooledMemoryCommand };

export type PooledMemoryEvent = PooledMemoryFact & PolicyEvent;

type Effect<Kind extends string, Fields = unknown> = PolicyEffect & {
  readonly kind: Kind;
  readonly because: PooledMemoryReason;
} & Fields;

export type PooledMemoryEffect =
  | Effect<'persist', { readonly record: PooledMemoryRecord }>
  | Effect<'move-to-pool', { readonly host: string }>
  /** Start a process that waits, with the memory mapped read-only. */
  | Effect<'attach-secondary', { readonly host: string; readonly epoch: number }>
  | Effect<'drop-secondary', { readonly host: string }>
  /** Stop, save the device state, clone the memory, seal, continue; with `stayStopped` do not continue. */
  | Effect<
      'checkpoint',
      {
        readonly host: string;
        readonly epoch: number;
        readonly generation: number;
        readonly stayStopped: boolean;
      }
    >
  /** What the machine sent up to this generation may leave now. */
  | Effect<'release-output', { readonly throughGeneration: number }>
  /**
   * Compare and set in the pool, which remembers who did it. Answered by `epoch-raised`, also when the same controller repeats it after
   * a crash, or by `epoch-refused`.
   */
  | Effect<'raise-epoch', { readonly from: number; readonly to: number }>
  | Effect<'take-pool-lock', { readonly host: string }>
  /** Clone the sealed generation into the next one, end the waiting process, and run one that may write the clone. Fence disks by epoch. */
  | Effect<
      'promote',
      { readonly host: string; readonly epoch: number; readonly generation: number; readonly into: number }
    >
  | Effect<'kill-writer', { readonly host: string; readonly belowEpoch: number }>
  | Effect<'answer', { readonly commandId: string; readonly ok: boolean; readonly detail: string }>
  | Effect<'report', { readonly level: 'info' | 'warning' | 'alarm' }>;
