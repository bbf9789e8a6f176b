/*
 * What to do next, from the truth: which pool lists a device, and what its label says. Nothing here remembers how far a job has come,
 * so a crash at any place, a command whose outcome nobody knows and an ordinary run are one and the same case.
 */
import type { PoolDevicesSettings } from './options.js';
import { importedAt } from './plan.js';
import type { PoolDevicesReason, PoolDevicesTrouble, PoolDevicesWait } from './reasons.js';
import type { PoolDevicesRefusalReason } from './refusals.js';
import type { PoolDevicesCommand, PoolDevicesJobRecord, PoolDevicesPlan, PoolDevicesUnit } from './types.js';
import {
  isProvedGhost,
  marksOf,
  membershipsOf,
  poolAt,
  sightAt,
  verdictOf,
  type Membership,
  type PoolDevicesRef,
  type PoolDevicesViews,
} from './views.js';

export type Decision =
  | {
      readonly kind: 'command';
      readonly command: PoolDevicesCommand;
      /** The same for every try of the same thing. */
      readonly key: string;
      readonly what: string;
      /** Index into `leave`, when it is such a unit that would leave. */
      readonly leaves?: number;
      readonly because: PoolDevicesReason;
    }
  | { readonly kind: 'wait'; readonly because: PoolDevicesWait }
  | { readonly kind: 'turn-back'; readonly because: PoolDevicesTrouble }
  /** Nothing may be touched any more. */
  | { readonly kind: 'stop'; readonly because: PoolDevicesTrouble | PoolDevicesRefusalReason }
  | { readonly kind: 'finished' };

interface Facts {
  readonly plan: PoolDevicesPlan;
  readonly record: PoolDevicesJobRecord;
  readonly views: PoolDevicesViews;
  readonly settings: PoolDevicesSettings;
}

export function decide(facts: Facts): Decision {
  const { plan, record, views, settings } = facts;
  const needed = [plan.from, plan.to, plan.import].flatMap((ref) =>
    ref === undefined ? [] : [ref.appliance],
  );
  const silent = needed.filter((appliance) => views[appliance] === undefined);
  if (silent.length > 0) return waitSilent(silent);
  const torn = inTwoPools(facts);
  if (torn !== undefined) return { kind: 'stop', because: torn };
  if (record.direction === 'back') return goBack(facts);
  return (
    bringUp(facts) ??
    letLeave(facts) ??
    clearLabels(facts, plan.join.length > 0 ? plan.to : undefined) ??
    letJoin(facts, plan.join, plan.to, 'join') ??
    checkJoined(facts) ?? { kind: 'finished' }
  );

  function goBack(all: Facts): Decision {
    const home = settings.onFailure === 'restore' ? plan.from : undefined;
    // A leg that was detached cannot be added back; it stays out.
    const units = plan.leave
      .filter(({ how, devices }) => how === 'whole' && devices.length > 0)
      .map((unit): PoolDevicesUnit => ({
        ...unit,
        layout: unit.devices.length > 1 ? 'mirrored' : 'striped',
      }));
    return (
      takeBack(all) ??
      clearLabels(all, home) ??
      (home === undefined ? undefined : letJoin(all, units, home, 'put-back')) ?? { kind: 'finished' }
    );
  }
}

function waitSilent(appliances: readonly string[]): Decision {
  const names = [...new Set(appliances)].sort();
  return { kind: 'wait', because: { kind: 'wait-silent', appliances: names, detail: 'no view' } };
}

function sameRef(one: PoolDevicesRef, other: PoolDevicesRef | undefined): boolean {
  return one.appliance === other?.appliance && one.pool === other.pool;
}

/** Where a device of the plan is a member now, also when its pool knows it by number only. */
function placesOf({ plan, views }: Facts, device: string): readonly Membership[] {
  const known = plan.leave.find(({ devices }) => devices.includes(device));
  return membershipsOf(views, marksOf(views, device, known?.devices.length === 1 ? known.vdevGuids : []));
}

function devicesOf(plan: PoolDevicesPlan): readonly string[] {
  return [...new Set([...plan.leave, ...plan.join].flatMap(({ devices }) => devices))];
}

function inTwoPools(facts: Facts): PoolDevicesTrouble | PoolDevicesRefusalReason | undefined {
  const { plan } = facts;
  for (const device of devicesOf(plan)) {
    const places = placesOf(facts, device);
    const shown = places.map(({ appliance, pool }) => `${pool} on ${appliance}`);
    if (places.length > 1) return { kind: 'in-two-pools', device, places: shown };
    const [place] = places;
    if (place !== undefined && !sameRef(place, plan.from) && !sameRef(place, plan.to))
      return { kind: 'device-in-use', device, pool: place.pool, appliance: place.appliance };
  }
  return undefined;
}

/** A pool whose members can be changed now; otherwise what to wait for. */
function unready(views: PoolDevicesViews, ref: PoolDevicesRef, leaves: boolean): Decision | undefined {
  const pool = poolAt(views, ref);
  const wait = (state: string): Decision => ({
    kind: 'wait',
    because: { kind: 'wait-pool', pool: ref.pool, appliance: ref.appliance, state },
  });
  if (pool?.imported !== true) return wait('not imported');
  if (pool.state === 'suspended' || pool.state === 'unavailable') return wait(pool.state);
  if (leaves && pool.hasCheckpoint) return wait('held by a checkpoint');
  if (leaves && pool.activity !== 'none') return wait(`busy with a ${pool.activity}`);
  return undefined;
}

function bringUp({ plan, views }: Facts): Decision | undefined {
  const { import: bring } = plan;
  if (bring === undefined) return undefined;
  const at = importedAt(views, bring.poolGuid);
  if (at === bring.appliance) return undefined;
  const { pool, appliance, poolGuid, withoutLog } = bring;
  if (at !== undefined)
    return { kind: 'stop', because: { kind: 'pool-imported-elsewhere', pool, appliance: at } };
  return {
    kind: 'command',
    command: { kind: 'import-pool', at: { appliance, pool }, poolGuid, withoutLog },
    key: 'import',
    what: `the import of pool ${pool}`,
    because: { kind: 'bring-up', pool, appliance, withoutLog },
  };
}

/** The vdev of the pool that holds a part of this unit; its name may have changed since the plan. */
function standingVdev(facts: Facts, unit: PoolDevicesUnit, ref: PoolDevicesRef): string | undefined {
  const pool = poolAt(facts.views, ref);
  if (pool?.imported !== true) return undefined;
  const holds = (vdevGuid: string, deviceId: string | undefined): boolean =>
    unit.vdevGuids.includes(vdevGuid) || (deviceId !== undefined && unit.devices.includes(deviceId));
  if (unit.kind === 'cache')
    return pool.caches.find(({ vdevGuid, deviceId }) => holds(vdevGuid, deviceId))?.path;
  return pool.logs.find(({ legs }) => legs.some(({ vdevGuid, deviceId }) => holds(vdevGuid, deviceId)))?.name;
}

/** One unit at a time: several in one command may leave in part, and nobody would know which. */
function letLeave(facts: Facts): Decision | undefined {
  const { plan, record, views } = facts;
  const { from, to, leave } = plan;
  if (from === undefined) return undefined;
  for (const [index, unit] of leave.entries()) {
    if (record.givenUp.includes(index)) continue;
    const vdev = standingVdev(facts, unit, from);
    if (vdev === undefined) continue;
    // Nothing leaves for a pool that could not take it now.
    const held = unready(views, from, true) ?? (to === undefined ? undefined : unready(views, to, false));
    if (held !== undefined) return held;
    const names = unit.devices.length > 0 ? unit.devices : unit.absentLegs.map(({ path }) => path);
    const isLeg = unit.how === 'one-leg';
    const { kind: deviceKind, layout } = unit;
    return {
      kind: 'command',
      command: { kind: isLeg ? 'detach-leg' : 'remove-unit', at: from, vdev, unit },
      key: `leave ${String(index)}`,
      what: `the removal of ${names.join(', ')} from pool ${from.pool}`,
      leaves: index,
      because: isLeg
        ? { kind: 'leg-leaves', device: names.join(', '), pool: from.pool, vdev }
        : {
            kind: 'leave',
            deviceKind,
            layout,
            devices: names,
            ...from,
            unit: index + 1,
            units: leave.length,
          },
    };
  }
  return undefined;
}

/** A label that still claims its old pool is cleared, once that pool is seen not to list the device. */
function clearLabels(facts: Facts, needed: PoolDevicesRef | undefined): Decision | undefined {
  const { plan, record, views } = facts;
  const kept = new Set(record.givenUp.flatMap((index) => plan.leave[index]?.devices ?? []));
  for (const device of devicesOf(plan)) {
    if (kept.has(device) || placesOf(facts, device).length > 0) continue;
    const appliances = [needed?.appliance, ...Object.keys(views).sort()];
    const appliance = appliances.find(
      (name) => name !== undefined && sightAt(views, name, device) !== undefined,
    );
    const sight = appliance === undefined ? undefined : sightAt(views, appliance, device);
    if (appliance === undefined || sight === undefined) continue;
    const verdict = verdictOf(sight.label);
    if (verdict.kind === 'unreadable') return { kind: 'stop', because: { kind: 'label-unreadable', device } };
    if (verdict.kind === 'free') continue;
    const { pool, poolGuid, txg, vdevGuid } = verdict;
    if (!isProvedGhost(views, marksOf(views, device), poolGuid)) {
      const silent = facts.settings.appliances.filter((name) => views[name] === undefined);
      if (silent.length > 0) return waitSilent(silent);
      return { kind: 'stop', because: { kind: 'label-in-use', device, pool, txg } };
    }
    return {
      kind: 'command',
      command: { kind: 'clear-label', appliance, device, vdevGuid },
      key: `clear ${device}`,
      what: `the clearing of the label of ${device}`,
      because: { kind: 'ghost', device, pool, txg, answered: Object.keys(views).sort() },
    };
  }
  return undefined;
}

function letJoin(
  facts: Facts,
  units: readonly PoolDevicesUnit[],
  ref: PoolDevicesRef | undefined,
  why: 'join' | 'put-back',
): Decision | undefined {
  if (ref === undefined) return undefined;
  for (const [index, unit] of units.entries()) {
    if (unit.devices.some((device) => placesOf(facts, device).some((place) => sameRef(place, ref)))) continue;
    const held = unready(facts.views, ref, false) ?? notAtHand(facts, unit, ref);
    if (held !== undefined) return held;
    const { kind: deviceKind, layout, devices } = unit;
    return {
      kind: 'command',
      command: { kind: 'add-unit', at: ref, unit },
      key: `${why} ${String(index)}`,
      what: `the addition of ${devices.join(', ')} to pool ${ref.pool}`,
      because: { kind: why, deviceKind, layout, devices, ...ref, unit: index + 1, units: units.length },
    };
  }
  return undefined;
}

/** All legs are there, and nobody who has not answered could have them as a cache. */
function notAtHand(facts: Facts, unit: PoolDevicesUnit, ref: PoolDevicesRef): Decision | undefined {
  const { views, settings } = facts;
  const sights = unit.devices.map((device) => sightAt(views, ref.appliance, device));
  const unseen = unit.devices.filter((_, index) => sights[index] === undefined);
  if (unseen.length > 0)
    return { kind: 'wait', because: { kind: 'wait-hands', devices: unseen, appliance: ref.appliance } };
  const silent = settings.appliances.filter((name) => views[name] === undefined);
  const isUnowned = sights.some((sight) => sight?.label.kind === 'cache');
  return silent.length > 0 && isUnowned ? waitSilent(silent) : undefined;
}

/** What has joined is as this job adds it, and works. */
function checkJoined(facts: Facts): Decision | undefined {
  const { to, join } = facts.plan;
  if (to === undefined) return undefined;
  for (const { devices } of join) {
    const places = devices.flatMap((device) => placesOf(facts, device).filter((place) => sameRef(place, to)));
    const isTogether = places.length === devices.length && new Set(places.map(({ vdev }) => vdev)).size === 1;
    if (!isTogether)
      return { kind: 'turn-back', because: { kind: 'joined-otherwise', devices, pool: to.pool } };
    if (places.some(({ state }) => state === 'faulted' || state === 'missing'))
      return { kind: 'turn-back', because: { kind: 'joined-faulted', devices, pool: to.pool } };
  }
  return undefined;
}

/** What this job added leaves again. The plan was made while none of it was in that pool, so whatever is there now is its own. */
function takeBack(facts: Facts): Decision | undefined {
  const { plan, views } = facts;
  const { to, join } = plan;
  if (to === undefined) return undefined;
  for (const [index, unit] of join.entries()) {
    const vdev = standingVdev(facts, unit, to);
    if (vdev === undefined) continue;
    const held = unready(views, to, true);
    if (held !== undefined) return held;
    const { kind: deviceKind, layout, devices } = unit;
    return {
      kind: 'command',
      command: { kind: 'remove-unit', at: to, vdev, unit },
      key: `take-back ${String(index)}`,
      what: `the removal of ${devices.join(', ')} from pool ${to.pool}`,
      because: { kind: 'take-back', deviceKind, layout, devices, ...to, unit: index + 1, units: join.length },
    };
  }
  return undefined;
}
