/*
 * What the appliances say: the facts that plans and decisions rest on. Plain JSON, filled in by an adapter, one view per appliance.
 */

export type PoolDeviceKind = 'log' | 'cache';

/** A pool as one appliance knows it, by name. The same pool has the same `poolGuid` everywhere. */
export interface PoolDevicesRef {
  readonly appliance: string;
  readonly pool: string;
}

/**
 * What stands on the device itself. A log device is in use while its label names a pool and a transaction group other than 0; a cache
 * label names no owner at all, so that only the pools and the registry can tell whose it is.
 */
export type PoolDeviceLabel =
  | { readonly kind: 'none' }
  | { readonly kind: 'cache'; readonly vdevGuid: string }
  | {
      readonly kind: 'pool';
      readonly pool: string;
      readonly poolGuid: string;
      readonly vdevGuid: string;
      readonly poolState: 'active' | 'exported' | 'destroyed';
      /** Transaction group of the label; 0 on a device that its pool has let go of. */
      readonly txg: number;
    }
  | { readonly kind: 'unreadable' };

/** One device as one appliance sees it. */
export interface PoolDeviceSight {
  /** The same on every appliance: a serial number or world wide name, never a path. */
  readonly deviceId: string;
  /** Full path on this appliance. */
  readonly path: string;
  readonly chassis: string;
  readonly slot: number;
  /** A device in a controller's own slot is reached by that controller only. */
  readonly place: 'shelf' | 'controller';
  readonly sizeBytes: number;
  readonly sectorSizeBytes: number;
  readonly label: PoolDeviceLabel;
  /** Pool that lists the device as a hot spare. */
  readonly spareOf?: string;
}

/** A member of a pool, as the pool lists it. A missing leg is listed by its number and its last path only. */
export interface PoolDeviceMember {
  readonly vdevGuid: string;
  readonly deviceId?: string;
  readonly path: string;
  readonly state: 'online' | 'degraded' | 'faulted' | 'missing';
}

/** A top-level log device: one leg is a striped log, several are a mirror. */
export interface PoolDevicesLog {
  /** As the pool calls it now, `mirror-1`; the pool may call it otherwise after the next change. */
  readonly name: string;
  readonly legs: readonly PoolDeviceMember[];
}

export interface PoolDevicesPool {
  readonly pool: string;
  readonly poolGuid: string;
  /** False: seen on its devices only, and importable or not. */
  readonly imported: boolean;
  readonly state: 'online' | 'degraded' | 'suspended' | 'unavailable';
  /** What an import lacks. The pool may be whole without it or not; nobody can know whether a lost log held records. */
  readonly missing: readonly PoolDeviceKindOrData[];
  readonly hasCheckpoint: boolean;
  readonly activity: 'none' | 'resilver' | 'removal';
  /** A device that joins may not have larger sectors. */
  readonly sectorSizeBytes: number;
  readonly logs: readonly PoolDevicesLog[];
  readonly caches: readonly PoolDeviceMember[];
  /** Some data set of the pool answers synchronous writes from its log device. */
  readonly isLatencySensitive: boolean;
}

export type PoolDeviceKindOrData = PoolDeviceKind | 'data';

/**
 * Everything that one appliance sees, at one moment after every command that this controller ever sent to it has ended. Without that
 * barrier a late command could act after a decision that counted on its absence.
 */
export interface PoolDevicesAppliance {
  readonly appliance: string;
  readonly pools: readonly PoolDevicesPool[];
  readonly devices: readonly PoolDeviceSight[];
}

/** Views by appliance; an appliance that did not answer is not in here, and its silence means nothing. */
export type PoolDevicesViews = Readonly<Record<string, PoolDevicesAppliance>>;

export function poolAt(views: PoolDevicesViews, ref: PoolDevicesRef): PoolDevicesPool | undefined {
  return views[ref.appliance]?.pools.find(({ pool }) => pool === ref.pool);
}

export function sightAt(
  views: PoolDevicesViews,
  appliance: string,
  deviceId: string,
): PoolDeviceSight | undefined {
  return views[appliance]?.devices.find((device) => device.deviceId === deviceId);
}

/** One place where a device is a member. */
export interface Membership extends PoolDevicesRef {
  readonly kind: PoolDeviceKind;
  /** Name of the top-level device that a removal has to name. */
  readonly vdev: string;
  readonly state: PoolDeviceMember['state'];
}

/** What finds a device again: its own identity, and the numbers that pools have given it. */
export interface DeviceMarks {
  readonly deviceId: string;
  readonly vdevGuids: readonly string[];
}

export function marksOf(
  views: PoolDevicesViews,
  deviceId: string,
  known: readonly string[] = [],
): DeviceMarks {
  const guids = new Set(known);
  for (const { devices } of Object.values(views)) {
    for (const { deviceId: id, label } of devices) {
      if (id === deviceId && (label.kind === 'pool' || label.kind === 'cache')) guids.add(label.vdevGuid);
    }
  }
  return { deviceId, vdevGuids: [...guids].sort() };
}

/** Every imported pool of every appliance that answered which lists the device, by identity or by number. */
export function membershipsOf(views: PoolDevicesViews, marks: DeviceMarks): readonly Membership[] {
  const found: Membership[] = [];
  const is = (member: PoolDeviceMember): boolean =>
    member.deviceId === marks.deviceId ||
    (member.deviceId === undefined && marks.vdevGuids.includes(member.vdevGuid));
  for (const appliance of Object.keys(views).sort()) {
    for (const { pool, imported, logs, caches } of views[appliance]?.pools ?? []) {
      if (!imported) continue;
      for (const log of logs) {
        const leg = log.legs.find(is);
        if (leg !== undefined) found.push({ appliance, pool, kind: 'log', vdev: log.name, state: leg.state });
      }
      const cache = caches.find(is);
      if (cache !== undefined)
        found.push({ appliance, pool, kind: 'cache', vdev: cache.path, state: cache.state });
    }
  }
  return found;
}

/** What the label says about taking the device. */
export type LabelVerdict =
  | { readonly kind: 'free' }
  /** The label claims a pool that may or may not list the device. */
  | {
      readonly kind: 'claimed';
      readonly pool: string;
      readonly poolGuid: string;
      readonly vdevGuid: string;
      readonly txg: number;
    }
  | { readonly kind: 'unreadable' };

/**
 * A log device is free without a label, with transaction group 0, or when its pool was destroyed. A cache label is free as far as the
 * label goes. The label of an exported pool is not: its pool comes back and wants the device.
 */
export function verdictOf(label: PoolDeviceLabel): LabelVerdict {
  switch (label.kind) {
    case 'none':
    case 'cache':
      return { kind: 'free' };
    case 'unreadable':
      return { kind: 'unreadable' };
    case 'pool':
      return label.txg === 0 || label.poolState === 'destroyed'
        ? { kind: 'free' }
        : {
            kind: 'claimed',
            pool: label.pool,
            poolGuid: label.poolGuid,
            vdevGuid: label.vdevGuid,
            txg: label.txg,
          };
  }
}

/** A claiming label is a ghost when the pool that it names is imported where somebody answered, and does not list the device. */
export function isProvedGhost(views: PoolDevicesViews, marks: DeviceMarks, poolGuid: string): boolean {
  const isImported = Object.values(views).some(({ pools }) =>
    pools.some((pool) => pool.imported && pool.poolGuid === poolGuid),
  );
  return isImported && membershipsOf(views, marks).length === 0;
}
