import type { PoolDevicesSettings } from './options.js';
import { pairDevices } from './profile.js';
import type { PoolDevicesRefusalReason } from './refusals.js';
import type { PoolDevicesConsent, PoolDevicesLayout, PoolDevicesProfile, PoolDevicesUnit } from './types.js';
import {
  isProvedGhost,
  marksOf,
  membershipsOf,
  sightAt,
  verdictOf,
  type PoolDeviceSight,
  type PoolDevicesPool,
  type PoolDevicesRef,
  type PoolDevicesViews,
} from './views.js';

/** Where the facts about joining come from. */
export interface JoinContext {
  readonly views: PoolDevicesViews;
  readonly to: PoolDevicesRef;
  readonly pool: PoolDevicesPool;
  /** The pool that the devices leave first, when they move. */
  readonly from?: PoolDevicesRef & { readonly poolGuid: string };
  readonly consents: readonly PoolDevicesConsent[];
  readonly settings: PoolDevicesSettings;
}

/** A profile that pools can have, or why not. */
export function unsupported(profile: PoolDevicesProfile): PoolDevicesRefusalReason | undefined {
  if (profile.cache !== undefined && profile.cache !== 'striped') {
    return { kind: 'layout-unsupported', deviceKind: 'cache', layout: profile.cache, allowed: 'striped' };
  }
  if (profile.log === 'raidz') {
    return { kind: 'layout-unsupported', deviceKind: 'log', layout: 'raidz', allowed: 'striped or mirrored' };
  }
  return undefined;
}

/** The layout that new logs get when nobody says: the pool's own, else mirrored where there are two devices. */
export function layoutOf(
  profile: PoolDevicesProfile,
  pool: PoolDevicesPool,
  devices: number,
): PoolDevicesLayout {
  if (profile.log === 'striped' || profile.log === 'mirrored') return profile.log;
  const [log] = pool.logs;
  if (log !== undefined) return log.legs.length > 1 ? 'mirrored' : 'striped';
  return devices > 1 ? 'mirrored' : 'striped';
}

/** Units made of these devices by a profile. `seenBy`: the appliance whose word on chassis, slot and size counts. */
export function arrange(
  views: PoolDevicesViews,
  seenBy: string,
  pool: PoolDevicesPool,
  devices: { readonly logs: readonly string[]; readonly caches: readonly string[] },
  profile: PoolDevicesProfile,
): { readonly units: readonly PoolDevicesUnit[] } | { readonly because: PoolDevicesRefusalReason } {
  const acrossChassis = profile.acrossChassis ?? false;
  const caches = devices.caches.map((device) => unitOf('cache', [device]));
  if (layoutOf(profile, pool, devices.logs.length) === 'striped')
    return { units: [...devices.logs.map((device) => unitOf('log', [device])), ...caches] };
  const sights = devices.logs.map((device) => {
    const sight = sightAt(views, seenBy, device);
    return sight ?? { deviceId: device, chassis: 'unknown', slot: 0, sizeBytes: 0 };
  });
  const pairs = pairDevices(sights, acrossChassis);
  if (pairs === undefined) {
    const perChassis = new Map<string, number>();
    for (const { chassis } of sights) perChassis.set(chassis, (perChassis.get(chassis) ?? 0) + 1);
    return {
      because: {
        kind: 'cannot-pair',
        devices: sights.length,
        largestChassis: Math.max(...perChassis.values()),
        acrossChassis,
      },
    };
  }
  return { units: [...pairs.map((pair) => unitOf('log', pair)), ...caches] };
}

function unitOf(kind: 'log' | 'cache', devices: readonly string[]): PoolDevicesUnit {
  const layout = devices.length > 1 ? 'mirrored' : 'striped';
  return { kind, layout, devices, vdevGuids: [], absentLegs: [], how: 'whole' };
}

/** Whether these units may join the pool, as far as can be seen before anything is touched. */
export function refuseJoin(
  context: JoinContext,
  units: readonly PoolDevicesUnit[],
): PoolDevicesRefusalReason | undefined {
  const { pool, consents } = context;
  const joining = units.filter(({ kind }) => kind === 'log');
  const existing = pool.logs.map(({ legs }) => legs.length);
  const added = joining.map(({ devices }) => devices.length);
  const differs = new Set([...existing, ...added]).size > 1;
  if (joining.length > 0 && differs && !consents.includes('mixed-profile')) {
    const show = (counts: readonly number[]): string =>
      [...new Set(counts)]
        .sort()
        .map((legs) => (legs > 1 ? 'mirrored' : 'striped'))
        .join(' and ') || 'no';
    return { kind: 'profile-mismatch', pool: pool.pool, has: show(existing), asked: show(added) };
  }
  for (const unit of units) {
    for (const device of unit.devices) {
      const because = refuseDevice(context, unit, device);
      if (because !== undefined) return because;
    }
  }
  return undefined;
}

function refuseDevice(
  context: JoinContext,
  unit: PoolDevicesUnit,
  device: string,
): PoolDevicesRefusalReason | undefined {
  const { views, to, from, consents } = context;
  const sight = sightAt(views, to.appliance, device);
  if (from !== undefined && from.appliance !== to.appliance) {
    const place = sightAt(views, from.appliance, device)?.place;
    if (place === 'controller') return { kind: 'device-in-controller', device, appliance: from.appliance };
  }
  if (sight === undefined) {
    if (from !== undefined && consents.includes('by-hand')) return undefined;
    return { kind: 'device-not-seen', device, appliance: to.appliance };
  }
  return refuseShape(context, unit, sight) ?? refuseOwner(context, sight);
}

/** What the device is. */
function refuseShape(
  { pool, settings }: JoinContext,
  unit: PoolDevicesUnit,
  sight: PoolDeviceSight,
): PoolDevicesRefusalReason | undefined {
  const { deviceId: device, sizeBytes, sectorSizeBytes, spareOf } = sight;
  if (spareOf !== undefined) return { kind: 'device-is-spare', device, pool: spareOf };
  if (unit.kind === 'log' && sizeBytes < settings.logMinimumBytes)
    return { kind: 'device-too-small', device, sizeBytes, minimumBytes: settings.logMinimumBytes };
  if (sectorSizeBytes > pool.sectorSizeBytes)
    return { kind: 'sectors-too-large', device, sectorSizeBytes, poolSectorSizeBytes: pool.sectorSizeBytes };
  return undefined;
}

/** Whose the device is, by the pools that list it, and by its label. */
function refuseOwner(
  { views, from, settings }: JoinContext,
  { deviceId: device, label }: PoolDeviceSight,
): PoolDevicesRefusalReason | undefined {
  const marks = marksOf(views, device);
  const isSource = (place: PoolDevicesRef): boolean =>
    from?.appliance === place.appliance && from.pool === place.pool;
  const other = membershipsOf(views, marks).find((place) => !isSource(place));
  if (other !== undefined)
    return { kind: 'device-in-use', device, pool: other.pool, appliance: other.appliance };
  const verdict = verdictOf(label);
  if (verdict.kind === 'unreadable') return { kind: 'label-unreadable', device };
  const isSourceLabel = verdict.kind === 'claimed' && verdict.poolGuid === from?.poolGuid;
  if (verdict.kind === 'claimed' && !isSourceLabel && !isProvedGhost(views, marks, verdict.poolGuid))
    return { kind: 'label-in-use', device, pool: verdict.pool, txg: verdict.txg };
  const silent = settings.appliances.filter((appliance) => views[appliance] === undefined);
  if (label.kind === 'cache' && silent.length > 0) return { kind: 'cache-owner-unknown', device, silent };
  return undefined;
}
