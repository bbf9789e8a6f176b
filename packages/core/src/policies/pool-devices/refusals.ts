import type { Sentences } from '../../kernel/explain.js';
import type { PoolDeviceKind } from './views.js';

/** Why a request, or what it would have done next, is not allowed. Each comes from a pool that was harmed, or would have been. */
export type PoolDevicesRefusalReason =
  | { readonly kind: 'nothing-selected' }
  | { readonly kind: 'same-pool'; readonly pool: string }
  | { readonly kind: 'unknown-appliance'; readonly appliance: string; readonly known: readonly string[] }
  | { readonly kind: 'no-such-pool'; readonly appliance: string; readonly pool: string }
  | { readonly kind: 'pool-not-imported'; readonly appliance: string; readonly pool: string }
  | { readonly kind: 'pool-already-imported'; readonly appliance: string; readonly pool: string }
  | { readonly kind: 'pool-imported-elsewhere'; readonly pool: string; readonly appliance: string }
  | { readonly kind: 'pool-owner-silent'; readonly pool: string; readonly silent: readonly string[] }
  | { readonly kind: 'pool-needs-log'; readonly pool: string; readonly canImportWithoutLog: boolean }
  | { readonly kind: 'pool-needs-data'; readonly pool: string }
  | { readonly kind: 'pool-unavailable'; readonly pool: string; readonly appliance: string }
  | { readonly kind: 'pool-checkpoint'; readonly pool: string }
  | { readonly kind: 'device-not-in-pool'; readonly devices: readonly string[]; readonly pool: string }
  | { readonly kind: 'device-named-twice'; readonly device: string }
  | {
      readonly kind: 'counts-not-offered';
      readonly deviceKind: PoolDeviceKind;
      readonly counts: string;
      readonly offered: string;
    }
  | { readonly kind: 'choice-too-large'; readonly cells: number; readonly limit: number }
  | { readonly kind: 'across-chassis'; readonly also: readonly string[]; readonly chassis: readonly string[] }
  | { readonly kind: 'leg-absent'; readonly vdev: string; readonly legs: readonly string[] }
  | { readonly kind: 'leg-not-in-mirror'; readonly device: string; readonly pool: string }
  | { readonly kind: 'last-healthy-leg'; readonly device: string; readonly vdev: string }
  | {
      readonly kind: 'weaker-log';
      readonly pool: string;
      readonly legsBefore: number;
      readonly legsAfter: number;
    }
  | { readonly kind: 'profile-mismatch'; readonly pool: string; readonly has: string; readonly asked: string }
  | {
      readonly kind: 'layout-unsupported';
      readonly deviceKind: PoolDeviceKind;
      readonly layout: string;
      readonly allowed: string;
    }
  | {
      readonly kind: 'cannot-pair';
      readonly devices: number;
      readonly largestChassis: number;
      readonly acrossChassis: boolean;
    }
  | { readonly kind: 'device-not-seen'; readonly device: string; readonly appliance: string }
  | { readonly kind: 'device-in-controller'; readonly device: string; readonly appliance: string }
  | { readonly kind: 'device-is-spare'; readonly device: string; readonly pool: string }
  | {
      readonly kind: 'device-too-small';
      readonly device: string;
      readonly sizeBytes: number;
      readonly minimumBytes: number;
    }
  | {
      readonly kind: 'sectors-too-large';
      readonly device: string;
      readonly sectorSizeBytes: number;
      readonly poolSectorSizeBytes: number;
    }
  | {
      readonly kind: 'device-in-use';
      readonly device: string;
      readonly pool: string;
      readonly appliance: string;
    }
  | { readonly kind: 'label-in-use'; readonly device: string; readonly pool: string; readonly txg: number }
  | { readonly kind: 'label-unreadable'; readonly device: string }
  | { readonly kind: 'cache-owner-unknown'; readonly device: string; readonly silent: readonly string[] }
  | {
      readonly kind: 'registry-differs';
      readonly resource: string;
      readonly owner: string;
    }
  | { readonly kind: 'claim-held'; readonly resource: string; readonly holder: string }
  | { readonly kind: 'job-on-pool'; readonly pool: string; readonly jobId: string }
  | { readonly kind: 'too-many-jobs'; readonly underWay: number; readonly limit: number }
  | { readonly kind: 'plan-changed'; readonly before: string; readonly after: string }
  | {
      readonly kind: 'rehearsal-refused';
      readonly pool: string;
      readonly code: string;
      readonly detail: string;
    };

const list = (names: readonly string[]): string => names.join(', ');

export const refusalSentences: Sentences<PoolDevicesRefusalReason> = {
  'nothing-selected': () => 'no device was selected',
  'same-pool': (it) => `pool ${it.pool} is both the source and the destination`,
  'unknown-appliance': (it) =>
    `appliance ${it.appliance} is not one of those that this controller watches (${list(it.known)})`,
  'no-such-pool': (it) => `appliance ${it.appliance} knows no pool ${it.pool}`,
  'pool-not-imported': (it) =>
    `pool ${it.pool} is not imported on ${it.appliance}; import it first, which replays its log`,
  'pool-already-imported': (it) => `pool ${it.pool} is already imported on ${it.appliance}`,
  'pool-imported-elsewhere': (it) =>
    `pool ${it.pool} is imported on ${it.appliance}; a second import would write to it from two sides`,
  'pool-owner-silent': (it) =>
    `${list(it.silent)} did not answer and may have pool ${it.pool} imported; consent to owner-is-fenced when it is off for certain`,
  'pool-needs-log': (it) =>
    it.canImportWithoutLog
      ? `pool ${it.pool} lacks its log device; attach it again, or consent to lose-log-records`
      : `pool ${it.pool} lacks its log device and cannot be imported without it; attach the device again`,
  'pool-needs-data': (it) => `pool ${it.pool} lacks data devices`,
  'pool-unavailable': (it) => `pool ${it.pool} on ${it.appliance} is unavailable`,
  'pool-checkpoint': (it) => `pool ${it.pool} has a checkpoint, and no device may leave it; discard it first`,
  'device-not-in-pool': (it) => `pool ${it.pool} lists no log or cache device ${list(it.devices)}`,
  'device-named-twice': (it) => `device ${it.device} is named twice`,
  'counts-not-offered': (it) =>
    `no whole ${it.deviceKind} units add up to ${it.counts}; offered: ${it.offered}`,
  'choice-too-large': (it) =>
    `choosing by these counts takes a table of ${it.cells} cells, more than ${it.limit}; name the devices`,
  'across-chassis': (it) =>
    `whole mirrors leave, so ${list(it.also)} of chassis ${list(it.chassis)} would leave as well; consent to across-chassis`,
  'leg-absent': (it) =>
    `${it.vdev} has legs that nobody sees (${list(it.legs)}); a profile moves with all its legs or not at all`,
  'leg-not-in-mirror': (it) => `device ${it.device} is no leg of a mirrored log of pool ${it.pool}`,
  'last-healthy-leg': (it) => `device ${it.device} is the last healthy leg of ${it.vdev}`,
  'weaker-log': (it) =>
    `pool ${it.pool} would keep logs of ${it.legsAfter} leg(s) after having ${it.legsBefore}; take all, or consent to mixed-profile`,
  'profile-mismatch': (it) =>
    `pool ${it.pool} has ${it.has} logs and would get ${it.asked} ones; consent to mixed-profile`,
  'layout-unsupported': (it) => `a ${it.deviceKind} cannot be ${it.layout}, only ${it.allowed}`,
  'cannot-pair': (it) =>
    `no mirrors${it.acrossChassis ? ' across chassis' : ''} can be made of ${it.devices} device(s), ${it.largestChassis} of them in one chassis`,
  'device-not-seen': (it) => `appliance ${it.appliance} does not see device ${it.device}`,
  'device-in-controller': (it) =>
    `device ${it.device} sits in a slot of controller ${it.appliance}, and no other one reaches it`,
  'device-is-spare': (it) => `device ${it.device} is a hot spare of pool ${it.pool}`,
  'device-too-small': (it) =>
    `device ${it.device} has ${it.sizeBytes} bytes, and a log needs ${it.minimumBytes}`,
  'sectors-too-large': (it) =>
    `device ${it.device} has sectors of ${it.sectorSizeBytes} bytes, and the pool's are ${it.poolSectorSizeBytes}`,
  'device-in-use': (it) => `device ${it.device} is in pool ${it.pool} on ${it.appliance}`,
  'label-in-use': (it) =>
    `the label of device ${it.device} says that pool ${it.pool} uses it since transaction group ${it.txg}, and nobody proves otherwise`,
  'label-unreadable': (it) => `the label of device ${it.device} cannot be read`,
  'cache-owner-unknown': (it) =>
    `a cache label names no owner, and ${list(it.silent)} did not answer: device ${it.device} may be in use there`,
  'registry-differs': (it) =>
    `the registry says that ${it.resource} belongs to ${it.owner}, and nothing proves otherwise`,
  'claim-held': (it) => `${it.resource} is claimed by ${it.holder}`,
  'job-on-pool': (it) => `job ${it.jobId} is under way on pool ${it.pool}`,
  'too-many-jobs': (it) => `${it.underWay} jobs are under way, and ${it.limit} may be`,
  'plan-changed': (it) =>
    `what was planned (${it.before}) is not what would be done now (${it.after}); ask again`,
  'rehearsal-refused': (it) =>
    `pool ${it.pool} would not take the devices (${it.code}: ${it.detail}), so none leaves`,
};
