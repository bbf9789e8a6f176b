import type { EffectId, PolicyEffect, PolicyEvent } from '../../kernel/policy.js';
import type { SwapRecoveryReason } from './reasons.js';

/** `first`: where I/O began. After a full recovery the two have changed their parts, and the same rules hold the other way round. */
export type SwapSite = 'first' | 'second';

/** Codes 00 to 3F, 40 to BF, C0 to FF of a storage's health messages. */
export type SwapSeverity = 'moderate' | 'serious' | 'acute';

/**
 * - `unknown`: nothing is decided until somebody says which epoch is the highest;
 * - `duplex`: both copies are equal, a swap is possible;
 * - `swapping`: hosts are frozen, and the swap may still be undone;
 * - `committing`: past the point of no return;
 * - `waiting`: swapped, and something speaks against mirroring back;
 * - `stabilizing`: nothing is open any more, and that has to last;
 * - `approval`: only an operator's word is missing;
 * - `remirroring`: the active site copies to the other one;
 * - `down`: the only complete copy does not serve.
 */
export type SwapPhase =
  | 'unknown'
  | 'duplex'
  | 'swapping'
  | 'committing'
  | 'waiting'
  | 'stabilizing'
  | 'approval'
  | 'remirroring'
  | 'down';

/** One health condition. The token names the event across subsystems, so that hundreds of messages are one condition. */
export interface SwapCondition {
  readonly site: SwapSite;
  readonly codeClass: string;
  readonly token: string;
  readonly severity: SwapSeverity;
  /** Absent: the storage did not say. */
  readonly estimatedDelayMs?: number;
  readonly messages: number;
}

export interface TrackExtent {
  readonly startBytes: number;
  readonly lengthBytes: number;
}

/** Why nothing is restarted until an operator says `unlock`. */
export type SwapLock = 'restarts' | 'swaps';

/** What stands on stable storage. Plain JSON. */
export interface SwapRecord {
  readonly version: 1;
  readonly groupId: string;
  readonly epoch: number;
  readonly activeSite: SwapSite;
  /** `duplex`: both copies are equal. `exposed`: the other one is old. */
  readonly protection: 'duplex' | 'exposed';
  /** A swap that was begun and not committed. */
  readonly swap?: { readonly operationId: string; readonly toEpoch: number };
  /** Open conditions. */
  readonly conditions: readonly SwapCondition[];
  /** Lost or corrupted at the inactive site: always part of the next copy. */
  readonly errorTracks: readonly TrackExtent[];
  /** What has changed since the swap is not known: everything is copied. */
  readonly fullCopy: boolean;
  /** Restarts and swaps that still count. Their times do not survive a process, so after a start they count from then. */
  readonly restarts: number;
  readonly swaps: number;
  readonly lock?: SwapLock;
}

export type SwapCommand =
  | { readonly kind: 'approve' }
  | { readonly kind: 'unlock' }
  /** An operator has looked: this condition is over, although no message says so. */
  | { readonly kind: 'acknowledge'; readonly site: SwapSite; readonly token: string };

export type SwapRecoveryFact =
  | { readonly kind: 'tick' }
  | {
      readonly kind: 'epoch-known';
      readonly epoch: number;
      readonly activeSite: SwapSite;
      readonly duplex: boolean;
    }
  | {
      readonly kind: 'health-reported';
      readonly site: SwapSite;
      readonly report: 'open' | 'update' | 'resolved';
      readonly codeClass: string;
      readonly token: string;
      readonly severity: SwapSeverity;
      readonly estimatedDelayMs?: number;
    }
  /** Result of `list-health`: everything that is open at that site now. */
  | {
      readonly kind: 'health-listed';
      readonly effect: EffectId;
      readonly open: readonly Omit<SwapCondition, 'site' | 'messages'>[];
    }
  | { readonly kind: 'health-list-failed'; readonly effect: EffectId; readonly detail: string }
  /** `replaced`: other hardware, or other contents than before: what is equal there is not known. */
  | {
      readonly kind: 'site-changed';
      readonly site: SwapSite;
      readonly reachable: boolean;
      readonly inService: boolean;
      readonly replaced: boolean;
    }
  | { readonly kind: 'link-changed'; readonly up: boolean }
  | { readonly kind: 'members-changed'; readonly volumes: number; readonly mirrored: number }
  /** Share of this node's groups that look lost at the same time. */
  | { readonly kind: 'losses-counted'; readonly lostShare: number }
  | { readonly kind: 'tracks-lost'; readonly site: SwapSite; readonly extents: readonly TrackExtent[] }
  | { readonly kind: 'change-map-lost' }
  | { readonly kind: 'operation-granted'; readonly effect: EffectId }
  | { readonly kind: 'operation-refused'; readonly effect: EffectId; readonly by: string }
  | { readonly kind: 'io-frozen'; readonly effect: EffectId }
  | { readonly kind: 'freeze-failed'; readonly effect: EffectId; readonly detail: string }
  /** Every host but the failed ones now goes to the other site. */
  | { readonly kind: 'hosts-switched'; readonly effect: EffectId; readonly failedHosts: readonly string[] }
  | { readonly kind: 'switch-failed'; readonly effect: EffectId; readonly detail: string }
  | { readonly kind: 'hosts-fenced'; readonly effect: EffectId }
  | { readonly kind: 'fence-failed'; readonly effect: EffectId; readonly detail: string }
  | { readonly kind: 'tracks-marked'; readonly effect: EffectId }
  | {
      readonly kind: 'mirror-changed';
      readonly effect: EffectId;
      readonly mirror: 'copying' | 'duplex' | 'failed';
    }
  | { readonly kind: 'persisted'; readonly effect: EffectId }
  | { readonly kind: 'persist-failed'; readonly effect: EffectId; readonly detail: string }
  | { readonly kind: 'command'; readonly commandId: string; readonly command: SwapCommand };

export type SwapRecoveryEvent = SwapRecoveryFact & PolicyEvent;

type Effect<Kind extends string, Fields = unknown> = PolicyEffect & {
  readonly kind: Kind;
  readonly because: SwapRecoveryReason;
} & Fields;

export type SwapRecoveryEffect =
  /** Answered by `persisted` or `persist-failed`. Later persists never overtake. */
  | Effect<'persist', { readonly record: SwapRecord }>
  | Effect<'request-operation', { readonly operationId: string; readonly epoch: number }>
  | Effect<'release-operation', { readonly operationId: string; readonly outcome: 'committed' | 'aborted' }>
  /** Hold all I/O of all hosts at all volumes. Answered by `io-frozen` or `freeze-failed`. */
  | Effect<'freeze-io', { readonly epoch: number }>
  /** All hosts, all volumes. They stay frozen. Answered by `hosts-switched` or `switch-failed`. */
  | Effect<'switch-hosts', { readonly to: SwapSite; readonly epoch: number }>
  /** Those hosts can no longer write anywhere. Answered by `hosts-fenced` or `fence-failed`. */
  | Effect<'fence-hosts', { readonly hosts: readonly string[]; readonly epoch: number }>
  /** Hosts go on at this site, and only there. */
  | Effect<'release-io', { readonly site: SwapSite; readonly epoch: number }>
  | Effect<'close-io', { readonly epoch: number }>
  | Effect<'list-health', { readonly site: SwapSite }>
  /** Answered by `tracks-marked`: durable in the change map of the active site. */
  | Effect<'mark-tracks', { readonly extents: readonly TrackExtent[] }>
  /** The copy set is the change map with the marked tracks and what was in flight at the swap; everything when `full`. */
  | Effect<
      'start-mirror',
      { readonly from: SwapSite; readonly to: SwapSite; readonly full: boolean; readonly epoch: number }
    >
  /** The change map is kept. */
  | Effect<'suspend-mirror'>
  | Effect<'set-swap', { readonly enabled: boolean; readonly from: SwapSite; readonly to: SwapSite }>
  | Effect<'answer', { readonly commandId: string; readonly ok: boolean; readonly detail: string }>
  | Effect<'report', { readonly level: 'info' | 'warning' | 'alarm' }>;
