import { explainWith } from '../kernel/explain.js';
import { explainFailback, type LatencyFailbackReason } from '../policies/latency-failback/index.js';
import { explainMediatorFallback, type MediatorFallbackReason } from '../policies/mediator-fallback/index.js';
import { explainPlannedFailover, type PlannedFailoverReason } from '../policies/planned-failover/index.js';
import { explainSwap, type SwapRecoveryReason } from '../policies/swap-recovery/index.js';
import {
  explain as explainPolarization,
  type Because,
  type NodeId,
} from '../policies/ttl-polarization/index.js';
import type { DurationMs } from '../kernel/time.js';
import type { GroupEffect, GroupOperationKind, GroupPolicyName } from './types.js';

/** A policy's own reason, under its name. */
export type GroupPartReason =
  | { readonly policy: 'ttl-polarization'; readonly because: Because }
  | { readonly policy: 'mediator-fallback'; readonly because: MediatorFallbackReason }
  | { readonly policy: 'swap-recovery'; readonly because: SwapRecoveryReason }
  | { readonly policy: 'planned-failover'; readonly because: PlannedFailoverReason }
  | { readonly policy: 'latency-failback'; readonly because: LatencyFailbackReason };

/** Why the group itself does something. What a policy does keeps its own reason. */
export type GroupReason =
  /** A record or a gate of the group that one policy has asked for. */
  | { readonly kind: 'by-policy'; readonly part: GroupPartReason }
  | { readonly kind: 'joined'; readonly host: string; readonly strictest: string }
  | {
      readonly kind: 'lock-granted';
      readonly operation: GroupOperationKind;
      readonly operationId: string;
      readonly epoch: number;
    }
  | {
      readonly kind: 'lock-refused';
      readonly operation: GroupOperationKind;
      readonly operationId: string;
      readonly by: string;
    }
  | {
      readonly kind: 'lock-revoked';
      readonly operationId: string;
      readonly holder: GroupPolicyName;
      readonly by: GroupOperationKind;
    }
  | { readonly kind: 'held-back'; readonly wish: string; readonly epoch: number; readonly until: string }
  | { readonly kind: 'let-go'; readonly wish: string; readonly epoch: number }
  | {
      readonly kind: 'claim-by-model';
      readonly node: NodeId;
      readonly epoch: number;
      readonly models: string;
    }
  | { readonly kind: 'claim-refused'; readonly node: NodeId; readonly epoch: number; readonly detail: string }
  | { readonly kind: 'resync-waits'; readonly site: NodeId }
  | { readonly kind: 'preference-agreed'; readonly preferred: NodeId; readonly epoch: number }
  | {
      readonly kind: 'epoch-carried';
      readonly epoch: number;
      readonly fromEpoch: number;
      readonly sequencer: NodeId;
      readonly preferred: NodeId;
    }
  | {
      readonly kind: 'order-passed';
      readonly sequencer: NodeId;
      readonly epoch: number;
      readonly outOfSyncBytes: number;
    }
  | { readonly kind: 'order-taken-back'; readonly from: NodeId; readonly epoch: number }
  | { readonly kind: 'persist-failed'; readonly detail: string; readonly retryMs: DurationMs };

const say = explainWith<GroupReason>({
  'by-policy': (it) => explainGroupPart(it.part),
  joined: (it) => `Host I/O is ${it.host}, since ${it.strictest} says so and the strictest word counts.`,
  'lock-granted': (it) =>
    `The group's lock goes to ${it.operation} ${it.operationId} in epoch ${it.epoch}: nothing else has it.`,
  'lock-refused': (it) =>
    `The group's lock is refused to ${it.operation} ${it.operationId}: ${it.by} has the group.`,
  'lock-revoked': (it) =>
    `Operation ${it.operationId} of ${it.holder} has to give way: ${it.by} comes before it.`,
  'held-back': (it) => `The wish "${it.wish}" for epoch ${it.epoch} waits until ${it.until}.`,
  'let-go': (it) => `The wish "${it.wish}" for epoch ${it.epoch} goes out: nothing is in its way any more.`,
  'claim-by-model': (it) =>
    `Node ${it.node} goes on in epoch ${it.epoch} by ${it.models}, which was agreed on before the fault.`,
  'claim-refused': (it) => `Node ${it.node} does not claim epoch ${it.epoch}: ${it.detail}`,
  'resync-waits': (it) =>
    `Nothing is copied to node ${it.site} before swap-recovery has cleared its storage.`,
  'preference-agreed': (it) =>
    `Node ${it.preferred} is preferred, as the record of epoch ${it.epoch} says, which is the later one.`,
  'epoch-carried': (it) =>
    `Epoch ${it.epoch} follows epoch ${it.fromEpoch} by agreement of both nodes: node ${it.sequencer} orders writes, node ${it.preferred} is preferred, and new leases begin.`,
  'order-passed': (it) =>
    `Node ${it.sequencer} orders writes from epoch ${it.epoch} on, with ${it.outOfSyncBytes} bytes out of sync there; the complete copy stays the owner.`,
  'order-taken-back': (it) =>
    `Node ${it.from} ordered the writes and is lost, so the owner takes the order back with epoch ${it.epoch}.`,
  'persist-failed': (it) =>
    `The record could not be written (${it.detail}); the whole of it is written again in ${it.retryMs} ms, since it may stand there already.`,
});

export function explainGroupReason(because: GroupReason): string {
  return say(because);
}

/** The sentence of the policy that had the reason. */
export function explainGroupPart(part: GroupPartReason): string {
  switch (part.policy) {
    case 'ttl-polarization':
      return explainPolarization(part.because);
    case 'mediator-fallback':
      return explainMediatorFallback(part.because);
    case 'swap-recovery':
      return explainSwap(part.because);
    case 'planned-failover':
      return explainPlannedFailover(part.because);
    case 'latency-failback':
      return explainFailback(part.because);
  }
}

/** One sentence for any effect of the group. */
export function explainGroup(effect: GroupEffect): string {
  return effect.kind === 'part' ? explainGroupPart(effect) : say(effect.because);
}
