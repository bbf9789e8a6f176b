import type { EffectId, PolicyEffect, PolicyEvent } from '../../kernel/policy.js';
import type { IoSums, SiteProbe } from './estimator.js';
import type { LatencyFailbackReason } from './reasons.js';

/** `primary`: where I/O belongs. `secondary`: where a fault has sent it. Site and sequencer are one: who is active orders writes. */
export type FailbackSite = 'primary' | 'secondary';

/** Which copy holds every acknowledged write. Only such a copy may survive alone. */
export type FailbackCopy = FailbackSite | 'both';

/**
 * - `unknown`: closed, until somebody says which epoch is the highest;
 * - `primary`: home, nothing out of sync;
 * - `onSecondary`: the primary is not being copied to;
 * - `resync`, `synced`: the secondary serves, blocks are copied home, and latencies are compared;
 * - `preparing`, `quiescing`: a redirect is under way and may still be given up;
 * - `committing`: past the point of no return, until the record is known to be durable;
 * - `readThrough`: the primary serves, and fetches what is out of sync from the secondary;
 * - `awaiting`: the primary has stopped, and the secondary has to take over;
 * - `partial`: the secondary has ended for certain: only blocks in sync can be read.
 */
export type FailbackPhase =
  | 'unknown'
  | 'primary'
  | 'onSecondary'
  | 'resync'
  | 'synced'
  | 'preparing'
  | 'quiescing'
  | 'committing'
  | 'readThrough'
  | 'awaiting'
  | 'partial';

/** Why nothing is redirected until an operator says `unlock`: too many changes of site, too many redirects or recoveries in vain. */
export type FailbackLock = 'moves' | 'aborts' | 'recoveries';

/** What stands on stable storage. Plain JSON. */
export interface FailbackRecord {
  readonly version: 1;
  readonly groupId: string;
  readonly epoch: number;
  readonly activeSite: FailbackSite;
  readonly completeCopy: FailbackCopy;
  /** A redirect that was begun and not committed: whoever finds it after a start knows that the secondary still owns. */
  readonly redirect?: { readonly operationId: string; readonly toEpoch: number };
  /** Changes of site that still count. Their times do not survive a process, so after a start they count from then. */
  readonly moves: number;
  /** Redirects given up in a row. */
  readonly aborts: number;
  readonly lock?: FailbackLock;
}

/** What the data path may do, until the next gate. `routeRead` and `routeWrite` say what it means for one block. */
export interface FailbackGate {
  readonly site: FailbackSite;
  readonly epoch: number;
  readonly host: 'open' | 'held' | 'closed';
  /**
   * `local`: this site's copy. `read-through`: this site's copy where it is in sync, else the secondary's. `secondary`: always the
   * secondary's, since the map is lost. `in-sync`: what is in sync; the rest waits.
   */
  readonly reads: 'local' | 'read-through' | 'secondary' | 'in-sync' | 'none';
  /** `both`: acknowledged when both copies have it. `tracked`: when the secondary has it and its out-of-sync bit is covered. */
  readonly writes: 'both' | 'tracked' | 'none';
}

export type FailbackCommand =
  /** Send I/O home without asking the latencies. All other guards stand. */
  | { readonly kind: 'redirect'; readonly expectedEpoch: number }
  /** Give up a redirect that is not yet committed. */
  | { readonly kind: 'abort' }
  | { readonly kind: 'unlock' };

export type LatencyFailbackFact =
  | { readonly kind: 'tick' }
  /**
   * The highest epoch that the group's fault handling, the peer (in a session of this start) or the witness knows, and who is active
   * in it. A higher one than our own is adopted, an equal or lower one confirms ours.
   */
  | {
      readonly kind: 'epoch-known';
      readonly epoch: number;
      readonly activeSite: FailbackSite;
      readonly completeCopy: FailbackCopy;
      readonly from: 'group' | 'peer' | 'witness';
    }
  /** `ok` at the primary: whoever watches its health has cleared it for copying and for service. */
  | {
      readonly kind: 'health-changed';
      readonly site: FailbackSite;
      readonly ok: boolean;
      readonly detail: string;
    }
  | { readonly kind: 'link-changed'; readonly up: boolean }
  /** Certain evidence that the secondary's instance neither writes nor replies any more. */
  | { readonly kind: 'secondary-ended'; readonly how: 'exit-observed' | 'power-off-verified' }
  /** Results of `start-recovery`. `generation` numbers the out-of-sync map: a rebuilt map has a higher one. */
  | {
      readonly kind: 'recovery-started';
      readonly effect: EffectId;
      readonly generation: number;
      readonly outOfSyncBytes: number;
      readonly totalBytes: number;
    }
  | { readonly kind: 'recovery-failed'; readonly effect: EffectId; readonly detail: string }
  /** Since the last report: copied home, made dirty by hosts, blocks that could not be copied. And what is left. */
  | {
      readonly kind: 'recovery-progress';
      readonly generation: number;
      readonly outOfSyncBytes: number;
      readonly copiedBytes: number;
      readonly dirtiedBytes: number;
      readonly copyErrors: number;
    }
  | { readonly kind: 'map-lost'; readonly site: FailbackSite }
  /** I/O of hosts that ended since the last report, at the site where they ran. One or ten thousand. */
  | { readonly kind: 'io-sampled'; readonly site: FailbackSite; readonly sums: IoSums }
  /** A host with its latencies is gone: what remains is another mix. */
  | { readonly kind: 'host-lost'; readonly hostId: string }
  | { readonly kind: 'probe-answered'; readonly effect: EffectId; readonly probe: SiteProbe }
  | { readonly kind: 'probe-failed'; readonly effect: EffectId; readonly detail: string }
  | { readonly kind: 'operation-granted'; readonly effect: EffectId }
  | { readonly kind: 'operation-refused'; readonly effect: EffectId; readonly by: string }
  /** Something of higher priority wants the group. Answered by `release-operation`, at once or after the commit. */
  | { readonly kind: 'operation-revoked'; readonly by: string }
  | { readonly kind: 'survivor-pinned'; readonly effect: EffectId }
  | { readonly kind: 'pin-failed'; readonly effect: EffectId; readonly detail: string }
  | { readonly kind: 'drained'; readonly effect: EffectId }
  /** The final map is on stable storage at both sites, under a number of its own: from now on nothing is added to it. */
  | {
      readonly kind: 'map-handed-over';
      readonly effect: EffectId;
      readonly generation: number;
      readonly outOfSyncBytes: number;
    }
  | { readonly kind: 'map-handover-failed'; readonly effect: EffectId; readonly detail: string }
  | { readonly kind: 'persisted'; readonly effect: EffectId }
  | { readonly kind: 'persist-failed'; readonly effect: EffectId; readonly detail: string }
  | { readonly kind: 'command'; readonly commandId: string; readonly command: FailbackCommand };

export type LatencyFailbackEvent = LatencyFailbackFact & PolicyEvent;

type Effect<Kind extends string, Fields = unknown> = PolicyEffect & {
  readonly kind: Kind;
  readonly because: LatencyFailbackReason;
} & Fields;

export type LatencyFailbackEffect =
  /** Make this the record on stable storage. Answered by `persisted` or `persist-failed`. Later persists never overtake. */
  | Effect<'persist', { readonly record: FailbackRecord }>
  /** Copy what is out of sync from the secondary home, beside host I/O; everything when `full`. */
  | Effect<'start-recovery', { readonly full: boolean; readonly epoch: number }>
  | Effect<'stop-recovery'>
  /** Time a few reads and writes at the primary, the secondary, and a round trip between them. */
  | Effect<'probe'>
  /** Ask for the group's one operation lock. Answered by `operation-granted` or `operation-refused`. */
  | Effect<'request-operation', { readonly operationId: string; readonly epoch: number }>
  | Effect<
      'release-operation',
      { readonly operationId: string; readonly outcome: 'committed' | 'aborted' | 'found-after-start' }
    >
  /** While blocks are out of sync, only the secondary may survive, whoever is preferred. Durable where survivors are chosen. */
  | Effect<'pin-survivor', { readonly site: 'secondary'; readonly epoch: number }>
  /** Both copies are complete: preference counts again. */
  | Effect<'unpin-survivor', { readonly epoch: number }>
  /** Hold host I/O at the secondary and finish what is in flight. Answered by `drained`. Ends with the next gate that is not `held`. */
  | Effect<'hold-io', { readonly site: 'secondary'; readonly epoch: number }>
  /** Bring the final map to the primary and put it on stable storage at both sites. */
  | Effect<'hand-over-map', { readonly generation: number; readonly epoch: number }>
  | Effect<'set-gate', { readonly gate: FailbackGate }>
  /** The primary cannot go on: whoever handles faults should let the complete secondary take over. */
  | Effect<'fail-over', { readonly to: 'secondary'; readonly fromEpoch: number }>
  | Effect<'answer', { readonly commandId: string; readonly ok: boolean; readonly detail: string }>
  | Effect<'report', { readonly level: 'info' | 'warning' | 'alarm' }>;
