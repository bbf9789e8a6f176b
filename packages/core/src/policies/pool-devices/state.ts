import type { EffectId } from '../../kernel/policy.js';
import type { DurationMs, Millis } from '../../kernel/time.js';
import type { PoolDevicesSettings } from './options.js';
import type { PoolDevicesReason, PoolDevicesWait } from './reasons.js';
import type { PoolDevicesJobRecord, PoolDevicesOwner, PoolDevicesRefusal } from './types.js';
import type { PoolDevicesViews } from './views.js';

/** What one job is doing. All but the record is a thought of a living process. */
export type PoolDevicesStage =
  /** A record that has to be durable before anybody is told. */
  | {
      readonly kind: 'saving';
      readonly effect: EffectId;
      readonly then: 'accept' | 'release' | 'finish';
      readonly retryAt?: Millis;
    }
  | {
      readonly kind: 'looking';
      readonly since: Millis;
      readonly before: string;
      /** Inspections without an answer, by appliance. */
      readonly open: Readonly<Record<string, EffectId>>;
      readonly views: PoolDevicesViews;
    }
  | {
      readonly kind: 'claiming';
      readonly effect: EffectId;
      readonly since: Millis;
      readonly after?: EffectId;
    }
  | { readonly kind: 'rehearsing'; readonly effect: EffectId; readonly since: Millis }
  | {
      readonly kind: 'commanding';
      readonly effect: EffectId;
      readonly since: Millis;
      readonly after?: EffectId;
      readonly key: string;
      readonly what: string;
      readonly donePercent: number;
      readonly toldSlow: boolean;
    }
  | { readonly kind: 'waiting'; readonly until: Millis; readonly because: PoolDevicesWait }
  | { readonly kind: 'releasing'; readonly effect: EffectId; readonly since: Millis }
  | { readonly kind: 'ended' };

/** The job's claim at the registry, as this controller may count on it. */
export interface PoolDevicesClaim {
  /** Counted from the sending of the claim that was granted. */
  readonly until: Millis;
  readonly renewAt: Millis;
  readonly renewal?: { readonly effect: EffectId; readonly sentAt: Millis };
  readonly owners: readonly PoolDevicesOwner[];
}

export interface PoolDevicesJob {
  readonly record: PoolDevicesJobRecord;
  readonly stage: PoolDevicesStage;
  readonly claim?: PoolDevicesClaim;
  readonly rehearsed: boolean;
  /** What the other pool said to the dry run. */
  readonly rehearsal?: readonly PoolDevicesRefusal[];
  /** The record in here is newer than what is known to be on its way to the disk. */
  readonly unsaved: boolean;
  /** Tries of the command that was sent last. */
  readonly attempt?: { readonly key: string; readonly tries: number; readonly refusal?: PoolDevicesRefusal };
  /** What was last reported, to report it once. */
  readonly told: string;
}

export interface PoolDevicesState {
  readonly version: 1;
  readonly self: { readonly groupId: string; readonly nodeId: string; readonly incarnation: number };
  readonly settings: PoolDevicesSettings;
  readonly now: Millis;
  /** False until the first event: `init` may wish nothing. */
  readonly booted: boolean;
  /** In the order of their requests. */
  readonly jobs: readonly PoolDevicesJob[];
  /** Facts that no job was waiting for: late answers, answers of a former life, requests without a job. */
  readonly absorbed: number;
}

export function isUnderWay(job: PoolDevicesJob): boolean {
  return job.stage.kind !== 'ended';
}

export function withoutClaim(job: PoolDevicesJob): PoolDevicesJob {
  const { claim: _claim, ...rest } = job;
  return rest;
}

/** For operators: what one job is doing, as plain JSON. */
export interface PoolDevicesJobStatus {
  readonly jobId: string;
  readonly job: string;
  readonly doing: PoolDevicesStage['kind'];
  readonly direction: 'forward' | 'back';
  readonly begun: boolean;
  readonly command?: string;
  readonly donePercent?: number;
  readonly runningForMs?: DurationMs;
  readonly waitsFor?: string;
  readonly outcome?: string;
  readonly because?: PoolDevicesReason;
}
