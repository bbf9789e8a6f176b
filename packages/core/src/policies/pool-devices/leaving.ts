import type { PoolDevicesReason } from './reasons.js';
import type { PoolDevicesRefusalReason } from './refusals.js';
import { chooseUnits, LARGEST_CHOICE, offeredCounts, type CountedUnit } from './profile.js';
import type { PoolDevicesConsent, PoolDevicesCount, PoolDevicesSelection, PoolDevicesUnit } from './types.js';
import type {
  PoolDeviceKind,
  PoolDeviceMember,
  PoolDevicesPool,
  PoolDevicesRef,
  PoolDevicesViews,
} from './views.js';
import { sightAt } from './views.js';

/** A unit as it stands in its pool, with what choosing and explaining need. */
export interface StandingUnit extends PoolDevicesUnit {
  readonly vdev: string;
  readonly counted: CountedUnit;
  readonly chassisOf: Readonly<Record<string, string>>;
}

export type Leaving =
  | {
      readonly kind: 'leaving';
      readonly units: readonly PoolDevicesUnit[];
      readonly notes: readonly PoolDevicesReason[];
      /** Named, but not in the pool. */
      readonly unknown: readonly string[];
    }
  | { readonly kind: 'refused'; readonly because: PoolDevicesRefusalReason };

/** Everything of the pool that can leave it. */
export function standingUnits(
  views: PoolDevicesViews,
  ref: PoolDevicesRef,
  pool: PoolDevicesPool,
): StandingUnit[] {
  const logs = pool.logs.map(({ name, legs }) => standing(views, ref.appliance, 'log', name, legs));
  const caches = pool.caches.map((member) => standing(views, ref.appliance, 'cache', member.path, [member]));
  return [...logs, ...caches];
}

function standing(
  views: PoolDevicesViews,
  appliance: string,
  kind: PoolDeviceKind,
  vdev: string,
  members: readonly PoolDeviceMember[],
): StandingUnit {
  const devices: string[] = [];
  const absentLegs: { vdevGuid: string; path: string }[] = [];
  const chassisOf: Record<string, string> = {};
  const legs: Record<string, number> = {};
  let highestSlot = -1;
  for (const { deviceId, vdevGuid, path, state } of members) {
    if (deviceId === undefined || state === 'missing') {
      absentLegs.push({ vdevGuid, path });
      continue;
    }
    devices.push(deviceId);
    const sight = sightAt(views, appliance, deviceId);
    if (sight === undefined) continue;
    chassisOf[deviceId] = sight.chassis;
    legs[sight.chassis] = (legs[sight.chassis] ?? 0) + 1;
    highestSlot = Math.max(highestSlot, sight.slot);
  }
  const healthyLegs = members.filter(({ state }) => state === 'online').length;
  return {
    kind,
    layout: members.length > 1 ? 'mirrored' : 'striped',
    devices,
    vdevGuids: members.map(({ vdevGuid }) => vdevGuid),
    absentLegs,
    how: 'whole',
    vdev,
    counted: { name: vdev, legs, healthyLegs, highestSlot },
    chassisOf,
  };
}

/** The units that a selection means: whole mirrors, never a leg of one. */
export function selectLeaving(
  views: PoolDevicesViews,
  ref: PoolDevicesRef,
  pool: PoolDevicesPool,
  selection: PoolDevicesSelection,
  consents: readonly PoolDevicesConsent[],
): Leaving {
  const all = standingUnits(views, ref, pool);
  const chosen =
    selection.kind === 'devices' ? byDevices(all, selection.devices) : byCounts(all, selection.counts);
  if (chosen.kind === 'refused') return chosen;
  const { units, named, unknown } = chosen;
  if (units.length === 0 && unknown.length === 0)
    return { kind: 'refused', because: { kind: 'nothing-selected' } };

  const notes: PoolDevicesReason[] = [];
  for (const unit of units) {
    const also = unit.devices.filter((device) => !named(unit, device));
    if (also.length === 0) continue;
    const asked = unit.devices.filter((device) => named(unit, device));
    const home = new Set(asked.map((device) => unit.chassisOf[device]));
    const strange = also.filter((device) => !home.has(unit.chassisOf[device]));
    const chassis = distinct(also.map((device) => unit.chassisOf[device] ?? 'unknown'));
    if (strange.length > 0 && !consents.includes('across-chassis'))
      return { kind: 'refused', because: { kind: 'across-chassis', also: strange, chassis } };
    notes.push({ kind: 'widened', vdev: unit.vdev, asked, also, chassis });
  }
  const redundancy = redundancyAfter(pool, all, units, consents);
  if (redundancy !== undefined) return { kind: 'refused', because: redundancy };
  if (units.some(({ kind }) => kind === 'log') && keptLogs(all, units).length === 0)
    notes.push({ kind: 'last-log', pool: pool.pool, isLatencySensitive: pool.isLatencySensitive });
  return { kind: 'leaving', units: units.map(bare), notes, unknown };
}

type Chosen =
  | {
      readonly kind: 'chosen';
      readonly units: readonly StandingUnit[];
      readonly named: (unit: StandingUnit, device: string) => boolean;
      readonly unknown: readonly string[];
    }
  | { readonly kind: 'refused'; readonly because: PoolDevicesRefusalReason };

function byDevices(all: readonly StandingUnit[], devices: readonly string[]): Chosen {
  const twice = devices.find((device, index) => devices.indexOf(device) !== index);
  if (twice !== undefined) return { kind: 'refused', because: { kind: 'device-named-twice', device: twice } };
  const units = all.filter((unit) => unit.devices.some((device) => devices.includes(device)));
  const unknown = devices.filter((device) => !units.some((unit) => unit.devices.includes(device)));
  return { kind: 'chosen', units, named: (_unit, device) => devices.includes(device), unknown };
}

function byCounts(all: readonly StandingUnit[], counts: readonly PoolDevicesCount[]): Chosen {
  const units: StandingUnit[] = [];
  const kinds: readonly PoolDeviceKind[] = ['log', 'cache'];
  for (const deviceKind of kinds) {
    const asked = mergeCounts(counts.filter(({ kind, count }) => kind === deviceKind && count !== 0));
    if (asked.length === 0) continue;
    const pool = all.filter(({ kind }) => kind === deviceKind);
    const isCount = asked.every(({ count }) => Number.isSafeInteger(count) && count > 0);
    const choice = isCount
      ? chooseUnits(
          pool.map(({ counted }) => counted),
          asked,
        )
      : ({ kind: 'not-offered' } as const);
    if (choice.kind === 'too-large') {
      return {
        kind: 'refused',
        because: { kind: 'choice-too-large', cells: choice.cells, limit: LARGEST_CHOICE },
      };
    }
    if (choice.kind === 'not-offered')
      return { kind: 'refused', because: notOffered(deviceKind, pool, asked) };
    for (const index of choice.units) {
      const unit = pool[index];
      if (unit !== undefined) units.push(unit);
    }
  }
  const named = (unit: StandingUnit, device: string): boolean =>
    counts.some(
      ({ chassis, kind, count }) => count > 0 && kind === unit.kind && chassis === unit.chassisOf[device],
    );
  return { kind: 'chosen', units, named, unknown: [] };
}

function notOffered(
  deviceKind: PoolDeviceKind,
  pool: readonly StandingUnit[],
  asked: readonly { chassis: string; count: number }[],
): PoolDevicesRefusalReason {
  const show = asked.map(({ chassis, count }) => `${String(count)} of chassis ${chassis}`).join(' and ');
  const offered = asked
    .map(({ chassis }) => {
      const each = offeredCounts(
        pool.map(({ counted }) => counted),
        chassis,
      );
      return `${each.join(', ')} of chassis ${chassis}`;
    })
    .join('; ');
  return { kind: 'counts-not-offered', deviceKind, counts: show, offered };
}

/** The same chassis named twice is one count. */
function mergeCounts(counts: readonly PoolDevicesCount[]): { chassis: string; count: number }[] {
  const sums = new Map<string, number>();
  for (const { chassis, count } of counts) sums.set(chassis, (sums.get(chassis) ?? 0) + count);
  return [...sums].map(([chassis, count]) => ({ chassis, count }));
}

function keptLogs(all: readonly StandingUnit[], leave: readonly PoolDevicesUnit[]): StandingUnit[] {
  const gone = new Set(leave.flatMap(({ vdevGuids }) => vdevGuids));
  return all.filter(({ kind, vdevGuids }) => kind === 'log' && !vdevGuids.some((guid) => gone.has(guid)));
}

/** No logs, or logs as redundant as before. */
function redundancyAfter(
  pool: PoolDevicesPool,
  all: readonly StandingUnit[],
  leave: readonly PoolDevicesUnit[],
  consents: readonly PoolDevicesConsent[],
): PoolDevicesRefusalReason | undefined {
  const kept = keptLogs(all, leave);
  if (kept.length === 0 || !leave.some(({ kind }) => kind === 'log')) return undefined;
  const legsBefore = Math.max(...pool.logs.map(({ legs }) => legs.length));
  const legsAfter = Math.min(...kept.map(({ vdevGuids }) => vdevGuids.length));
  if (legsAfter >= legsBefore || consents.includes('mixed-profile')) return undefined;
  return { kind: 'weaker-log', pool: pool.pool, legsBefore, legsAfter };
}

/** One leg, by an explicit word: the only way to leave a log unmirrored that was mirrored. */
export function selectLeg(
  views: PoolDevicesViews,
  ref: PoolDevicesRef,
  pool: PoolDevicesPool,
  device: string,
): Leaving {
  const log = pool.logs.find(({ legs }) => legs.some(({ deviceId }) => deviceId === device));
  const leg = log?.legs.find(({ deviceId }) => deviceId === device);
  if (log === undefined || leg === undefined || log.legs.length < 2)
    return { kind: 'refused', because: { kind: 'leg-not-in-mirror', device, pool: pool.pool } };
  const others = log.legs.filter((other) => other !== leg && other.state === 'online');
  if (others.length === 0)
    return { kind: 'refused', because: { kind: 'last-healthy-leg', device, vdev: log.name } };
  const unit = bare(standing(views, ref.appliance, 'log', log.name, [leg]));
  return { kind: 'leaving', units: [{ ...unit, how: 'one-leg' }], notes: [], unknown: [] };
}

function bare({
  vdev: _vdev,
  counted: _counted,
  chassisOf: _chassisOf,
  ...unit
}: StandingUnit): PoolDevicesUnit {
  return unit;
}

function distinct(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}
