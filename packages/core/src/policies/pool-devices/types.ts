import type { EffectId, PolicyEffect, PolicyEvent } from '../../kernel/policy.js';
import type { PoolDevicesReason, PoolDevicesTrouble } from './reasons.js';
import type { PoolDevicesRefusalReason } from './refusals.js';
import type { PoolDevicesAppliance, PoolDeviceKind, PoolDevicesRef } from './views.js';

export type PoolDevicesLayout = 'striped' | 'mirrored';

/** The profile that somebody asks for. What a pool cannot do may be asked, and is refused with its reason. */
export interface PoolDevicesProfile {
  readonly log?: PoolDevicesLayout | 'raidz';
  readonly cache?: PoolDevicesLayout | 'raidz';
  /** No single point of failure: the legs of a mirror stand in different chassis. */
  readonly acrossChassis?: boolean;
}

/** Counts per chassis and kind, as an appliance's page offers them, or devices by identity. */
export type PoolDevicesSelection =
  | { readonly kind: 'counts'; readonly counts: readonly PoolDevicesCount[] }
  | { readonly kind: 'devices'; readonly devices: readonly string[] };

export interface PoolDevicesCount {
  readonly chassis: string;
  readonly kind: PoolDeviceKind;
  readonly count: number;
}

/** What somebody has read, understood and accepted. */
export type PoolDevicesConsent =
  /** Whole mirrors leave, also where that takes devices out of a chassis that was not named. */
  | 'across-chassis'
  /** The pool keeps, or gets, logs of another redundancy than it has. */
  | 'mixed-profile'
  /** The other appliance cannot see the devices yet: somebody will carry or recable them. */
  | 'by-hand'
  /** Synchronous writes that only the lost log device holds are gone. */
  | 'lose-log-records'
  /** The appliance that does not answer is known to be off. */
  | 'owner-is-fenced';

export type PoolDevicesRequest =
  | {
      readonly kind: 'remove';
      readonly from: PoolDevicesRef;
      readonly selection: PoolDevicesSelection;
      readonly consents?: readonly PoolDevicesConsent[];
    }
  | {
      readonly kind: 'add';
      readonly to: PoolDevicesRef;
      readonly logs?: readonly string[];
      readonly caches?: readonly string[];
      readonly profile?: PoolDevicesProfile;
      readonly consents?: readonly PoolDevicesConsent[];
    }
  | {
      readonly kind: 'move';
      readonly from: PoolDevicesRef;
      readonly to: PoolDevicesRef;
      readonly selection: PoolDevicesSelection;
      /** Without one the devices keep the profile that they have. */
      readonly profile?: PoolDevicesProfile;
      readonly consents?: readonly PoolDevicesConsent[];
    }
  /** One leg of a mirrored log leaves; the other stays, unmirrored. */
  | {
      readonly kind: 'detach';
      readonly from: PoolDevicesRef;
      readonly device: string;
      readonly consents?: readonly PoolDevicesConsent[];
    }
  /** Bring a pool up, with what it needs: replays its log. */
  | {
      readonly kind: 'import';
      readonly at: PoolDevicesRef;
      readonly consents?: readonly PoolDevicesConsent[];
    };

/** Devices that leave or join together, by one command: a mirror, a single log device, or one cache device. */
export interface PoolDevicesUnit {
  readonly kind: PoolDeviceKind;
  readonly layout: PoolDevicesLayout;
  readonly devices: readonly string[];
  /** Numbers that the pool has given to all members, also to legs that are not there now. */
  readonly vdevGuids: readonly string[];
  /** Legs that nobody sees: number and last path. */
  readonly absentLegs: readonly { readonly vdevGuid: string; readonly path: string }[];
  readonly how: 'whole' | 'one-leg';
}

/** What a job will do, in order. Devices of `leave` and `join` are the same when it moves. */
export interface PoolDevicesPlan {
  readonly leave: readonly PoolDevicesUnit[];
  readonly from?: PoolDevicesRef;
  readonly join: readonly PoolDevicesUnit[];
  readonly to?: PoolDevicesRef;
  readonly import?: PoolDevicesRef & { readonly poolGuid: string; readonly withoutLog: boolean };
  /** Resources to hold: `device:...` and `pool:...`. */
  readonly resources: readonly string[];
}

/** Exactly one command of one appliance, about one unit: several at once may succeed in part. None of them ever uses force. */
export type PoolDevicesCommand =
  | {
      readonly kind: 'remove-unit';
      readonly at: PoolDevicesRef;
      readonly vdev: string;
      readonly unit: PoolDevicesUnit;
    }
  | {
      readonly kind: 'detach-leg';
      readonly at: PoolDevicesRef;
      readonly vdev: string;
      readonly unit: PoolDevicesUnit;
    }
  | { readonly kind: 'add-unit'; readonly at: PoolDevicesRef; readonly unit: PoolDevicesUnit }
  /** The appliance checks that the label still has this number before it clears it. */
  | {
      readonly kind: 'clear-label';
      readonly appliance: string;
      readonly device: string;
      readonly vdevGuid: string;
    }
  | {
      readonly kind: 'import-pool';
      readonly at: PoolDevicesRef;
      readonly poolGuid: string;
      readonly withoutLog: boolean;
    };

/** How an appliance refuses. Anything that an adapter cannot map is `unknown`. */
export interface PoolDevicesRefusal {
  readonly code:
    | 'device-in-use'
    | 'device-not-seen'
    | 'ghost-label'
    | 'mirror-leg-only'
    | 'no-such-device'
    | 'pool-busy'
    | 'pool-needs-log'
    | 'profile-mismatch'
    | 'too-small'
    | 'unsupported'
    | 'unknown';
  readonly retryable: boolean;
  readonly detail: string;
  /** With `device-in-use`: the pool that the appliance names. */
  readonly pool?: string;
}

/** Whose a device or pool is, as the registry has it. A pool's owner is the appliance that has it imported. */
export interface PoolDevicesOwner {
  readonly resource: string;
  readonly owner: PoolDevicesRef | null;
}

export type PoolDevicesFact =
  | { readonly kind: 'tick' }
  /** `requestId` is the caller's: asking twice is asking once. */
  | { readonly kind: 'requested'; readonly requestId: string; readonly request: PoolDevicesRequest }
  | { readonly kind: 'cancelled'; readonly requestId: string }
  | { readonly kind: 'persisted'; readonly effect: EffectId }
  | { readonly kind: 'persist-failed'; readonly effect: EffectId; readonly detail: string }
  | { readonly kind: 'inspected'; readonly effect: EffectId; readonly view: PoolDevicesAppliance }
  | { readonly kind: 'inspect-failed'; readonly effect: EffectId; readonly detail: string }
  | {
      readonly kind: 'claim-granted';
      readonly effect: EffectId;
      readonly owners: readonly PoolDevicesOwner[];
    }
  | {
      readonly kind: 'claim-refused';
      readonly effect: EffectId;
      readonly resource: string;
      readonly holder: string;
    }
  | { readonly kind: 'claim-failed'; readonly effect: EffectId; readonly detail: string }
  | { readonly kind: 'released'; readonly effect: EffectId }
  | { readonly kind: 'release-failed'; readonly effect: EffectId; readonly detail: string }
  | {
      readonly kind: 'rehearsed';
      readonly effect: EffectId;
      readonly refusals: readonly PoolDevicesRefusal[];
    }
  | { readonly kind: 'command-done'; readonly effect: EffectId }
  | { readonly kind: 'command-progress'; readonly effect: EffectId; readonly donePercent: number }
  | { readonly kind: 'command-refused'; readonly effect: EffectId; readonly refusal: PoolDevicesRefusal }
  /** Nobody knows whether it took effect; the next inspection does. */
  | { readonly kind: 'command-unknown'; readonly effect: EffectId; readonly detail: string };

export type PoolDevicesEvent = PoolDevicesFact & PolicyEvent;

type Wish<Kind extends string, Fields = unknown> = PolicyEffect & {
  readonly kind: Kind;
  readonly because: PoolDevicesReason;
} & Fields;

export type PoolDevicesEffect =
  /** Answered by `persisted` or `persist-failed`. Later ones never overtake. */
  | Wish<'persist', { readonly record: PoolDevicesRecord }>
  /** To whoever asked: accepted is a promise to report how it ends, not that it succeeds. */
  | Wish<'answer', { readonly requestId: string; readonly accepted: boolean }>
  | Wish<'inspect', { readonly appliance: string }>
  /** Grants all or nothing; the same job asking again renews. */
  | Wish<'claim', { readonly jobId: string; readonly resources: readonly string[]; readonly ttlMs: number }>
  /** Ends every claim of the job and writes down whose the resources are now. */
  | Wish<'release', { readonly jobId: string; readonly owners: readonly PoolDevicesOwner[] }>
  /** A dry run of the additions: says what would be refused, changes nothing. */
  | Wish<'rehearse', { readonly at: PoolDevicesRef; readonly units: readonly PoolDevicesUnit[] }>
  | Wish<'command', { readonly jobId: string; readonly command: PoolDevicesCommand }>
  | Wish<'report', { readonly level: 'info' | 'warning' | 'alarm'; readonly jobId: string }>;

export type PoolDevicesOutcome =
  /** Everything that was asked for. */
  | 'done'
  /** Some units did what was asked for, the others stayed as they were. */
  | 'partial'
  /** Nothing was changed. */
  | 'unchanged'
  /** Everything is back where it was, with the profile that it had. */
  | 'restored'
  /** The devices are in no pool. */
  | 'left-free'
  /** Neither forward nor back: a person has to look. */
  | 'stuck';

/** What survives a crash of the controller about one job. */
export interface PoolDevicesJobRecord {
  readonly jobId: string;
  readonly request: PoolDevicesRequest;
  readonly plan?: PoolDevicesPlan;
  /** A command may have been sent. */
  readonly begun: boolean;
  readonly direction: 'forward' | 'back';
  /** Why it turned back, or why it is not complete. */
  readonly trouble?: PoolDevicesTrouble | PoolDevicesRefusalReason;
  /** Units (index into `leave`) that would not leave; only a removal goes on without them. */
  readonly givenUp: readonly number[];
  readonly ended?: { readonly outcome: PoolDevicesOutcome; readonly owners: readonly PoolDevicesOwner[] };
  /** The registry has confirmed that the claims are ended. */
  readonly released: boolean;
}

/** Everything that the controller has on stable storage. Plain JSON. */
export interface PoolDevicesRecord {
  readonly version: 1;
  readonly groupId: string;
  readonly jobs: readonly PoolDevicesJobRecord[];
}
