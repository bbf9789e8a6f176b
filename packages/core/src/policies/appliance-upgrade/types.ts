import type { EffectId, PolicyEffect, PolicyEvent } from '../../kernel/policy.js';
import type { DeltaPass } from './delta.js';
import type { UpgradeReason } from './reasons.js';

export type UpgradeAppliance = 'first' | 'second';

export interface UpgradePlan {
  readonly upgradeId: string;
  readonly fromVersion: string;
  readonly toVersion: string;
  /** Logical volumes with configuration and databases, databases before configuration: the order of the snapshots. */
  readonly volumes: readonly string[];
  /** Scripts that make the data of the first appliance fit both versions, in order. They only add. */
  readonly scripts: readonly string[];
  /** The pair is highly available: that is taken apart before the switchover and put together after it, or after a revert. */
  readonly isHighlyAvailable: boolean;
}

/** What is carried out, one at a time. With a `:name` where it is per volume, script or pass. */
export type UpgradeAction =
  | 'take-lock'
  | 'precheck'
  | 'deploy-second'
  | 'snapshot'
  | 'sync-base'
  | 'expand'
  | 'self-test-first'
  | 'send-delta'
  | 'undeploy-ha'
  | 'quiesce-first'
  | 'send-final-delta'
  | 'verify-replica'
  | 'take-identity'
  | 'start-second'
  | 'check-second'
  | 'contract-second'
  | 'redeploy-ha'
  | 'clean-up'
  | 'release-lock'
  | 'stop-second'
  | 'fence-second'
  | 'return-identity'
  | 'stop-first'
  | 'revert-volume'
  | 'contract-first'
  | 'start-first'
  | 'check-first'
  | 'discard-second'
  | 'discard-snapshots';

/** An action and what it is about: `expand:add-column`. Waiting for the operator is a step as well. */
export type UpgradeStep = string;

export type UpgradeDirection = 'forward' | 'back';

export type UpgradeEnd = 'completed' | 'reverted' | 'refused';

/** Why it goes back, or why it was refused. */
export interface UpgradeFailure {
  readonly step: UpgradeStep;
  readonly detail: string;
}

/**
 * Everything that must survive a crash. It lies outside the volumes, or a revert would erase the memory of why. Times are not in it.
 * `begun`: may have happened; `done`: has happened.
 */
export interface UpgradeRecord {
  readonly version: 1;
  readonly kind: 'upgrade';
  readonly plan: UpgradePlan;
  readonly attempt: number;
  readonly direction: UpgradeDirection;
  readonly begun: readonly UpgradeStep[];
  readonly done: readonly UpgradeStep[];
  /** What was undone on the way back. */
  readonly undone: readonly UpgradeStep[];
  /** The second appliance did not confirm its end: it is cut off instead. */
  readonly isFencing: boolean;
  /** Volumes that were copied whole again because a delta had nothing to build on. */
  readonly wholeCopies: number;
  readonly passes: readonly DeltaPass[];
  /** Fencing token of the network identity: rises with each move. */
  readonly identityEpoch: number;
  readonly isCommitted: boolean;
  readonly invalidSnapshots: readonly string[];
  readonly lost: readonly UpgradeAppliance[];
  readonly failure?: UpgradeFailure;
  readonly end?: UpgradeEnd;
  /** How earlier attempts failed: a new plan may do it differently. */
  readonly history: readonly (UpgradeFailure & { readonly attempt: number })[];
}

interface Fact<Kind extends string> extends PolicyEvent {
  readonly kind: Kind;
}

export type UpgradeCommand =
  | { readonly kind: 'start'; readonly plan: UpgradePlan }
  | { readonly kind: 'confirm' }
  /** `acceptLoss`: writes that the new version has accepted may go. */
  | { readonly kind: 'abort'; readonly acceptLoss: boolean };

export type UpgradeEvent =
  | Fact<'tick'>
  | (Fact<'persisted'> & { readonly effect: EffectId })
  | (Fact<'persist-failed'> & { readonly effect: EffectId; readonly detail: string })
  | (Fact<'command'> & { readonly commandId: string; readonly command: UpgradeCommand })
  /** A step has succeeded. `movedBytes` of a delta; `tookMs` of what moved them. */
  | (Fact<'step-done'> & {
      readonly effect: EffectId;
      readonly movedBytes?: number;
      readonly tookMs?: number;
    })
  /**
   * A step has failed. `retry`: the same again may succeed. `partial-replica`: what arrived is no replica and was deleted.
   * `parent-missing`: the delta has nothing to build on, the volume is copied whole. `final`: it will not succeed.
   */
  | (Fact<'step-failed'> & {
      readonly effect: EffectId;
      readonly cause: 'retry' | 'partial-replica' | 'parent-missing' | 'final';
      /** With `parent-missing`: the volume, otherwise all of them. */
      readonly volume?: string;
      readonly detail: string;
    })
  /** A long step is alive. */
  | (Fact<'step-progress'> & { readonly effect: EffectId })
  | (Fact<'snapshot-invalid'> & { readonly volume: string; readonly detail: string })
  /** An appliance is gone for certain: none of its services runs. */
  | (Fact<'appliance-lost'> & { readonly appliance: UpgradeAppliance });

type Effect<Kind extends string, Fields = unknown> = PolicyEffect & {
  readonly kind: Kind;
  readonly because: UpgradeReason;
} & Fields;

export type UpgradeEffect =
  /** Make this the record on stable storage, outside the volumes. Later ones never overtake. */
  | Effect<'persist', { readonly record: UpgradeRecord }>
  /**
   * Carry this out. Doing again what was done is a success: a step is repeated when its answer was lost. On one appliance the steps come
   * one after the other: a later one waits for what still runs there, or ends it. `subject` is the volume, the script or the pass.
   * `identityEpoch` fences: a move of the identity needs a higher one than the last, and a start with a lower one is refused.
   */
  | Effect<
      'run',
      {
        readonly action: UpgradeAction;
        readonly subject?: string;
        readonly identityEpoch: number;
        readonly volumes: readonly string[];
      }
    >
  | Effect<'answer', { readonly commandId: string; readonly ok: boolean; readonly detail: string }>
  | Effect<'report', { readonly level: 'info' | 'warning' | 'alarm' }>;
