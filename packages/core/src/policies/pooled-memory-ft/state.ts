import type { EffectId } from '../../kernel/policy.js';
import type { DurationMs, Millis } from '../../kernel/time.js';
import type { PooledMemoryOptions } from './options.js';
import type { WriterProof } from './reasons.js';
import type { NeedSecondaryCause, PooledMemoryHost, PooledMemoryMode, PooledMemoryRecord } from './types.js';

/** One wish that waits for its answer: repeated after `callTimeoutMs`. */
export interface OpenCall {
  readonly effect: EffectId;
  readonly what:
    | 'persist'
    | 'move-to-pool'
    | 'attach-secondary'
    | 'checkpoint'
    | 'raise-epoch'
    | 'take-pool-lock'
    | 'promote';
  readonly since: Millis;
}

/** Everything that the controller knows about one machine. Plain JSON. */
export interface PooledMemoryState {
  readonly version: 1;
  readonly self: Omit<PooledMemoryOptions, 'record'>;
  readonly now: Millis;
  readonly booted: boolean;
  readonly mode: PooledMemoryMode;
  /** What stands on stable storage for certain, and what is being written. */
  readonly record: PooledMemoryRecord;
  readonly saving?:
    { readonly effect: EffectId; readonly record: PooledMemoryRecord; readonly retryAt?: Millis } | undefined;
  readonly hosts: readonly PooledMemoryHost[];
  readonly secondary?: { readonly host: string; readonly isAttached: boolean } | undefined;
  readonly cause?: NeedSecondaryCause | undefined;
  readonly call?: OpenCall | undefined;
  readonly checkpoint?:
    | {
        readonly effect: EffectId;
        readonly generation: number;
        readonly isLast: boolean;
        readonly since: Millis;
      }
    | undefined;
  readonly checkpointAt: Millis;
  readonly intervalMs: DurationMs;
  readonly pauseMs: DurationMs;
  readonly failures: number;
  readonly secondaryAt: Millis;
  readonly retryMs: DurationMs;
  readonly suspect?:
    { readonly heardAt: Millis; readonly silentMs: DurationMs; readonly lockAsked: boolean } | undefined;
  readonly proof?: WriterProof | undefined;
  readonly switchOver?: string | undefined;
  /** Sealed generations of this life, to which a failed promotion may go back. */
  readonly absorbed: Readonly<Record<string, number>>;
}
