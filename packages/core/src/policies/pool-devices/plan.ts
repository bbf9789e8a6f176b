import { arrange, refuseJoin, unsupported, type JoinContext } from './joining.js';
import { selectLeaving, selectLeg, type Leaving } from './leaving.js';
import type { PoolDevicesSettings } from './options.js';
import type { PoolDevicesReason, PoolDevicesTrouble } from './reasons.js';
import type { PoolDevicesRefusalReason } from './refusals.js';
import type { PoolDevicesPlan, PoolDevicesRequest, PoolDevicesUnit } from './types.js';
import { poolAt, type PoolDevicesPool, type PoolDevicesRef, type PoolDevicesViews } from './views.js';

export type PoolDevicesPlanning =
  | {
      readonly kind: 'planned';
      readonly plan: PoolDevicesPlan;
      readonly notes: readonly PoolDevicesReason[];
      /** What was asked for and cannot be done, beside what can. */
      readonly trouble?: PoolDevicesTrouble;
    }
  | { readonly kind: 'refused'; readonly because: PoolDevicesRefusalReason }
  /** These did not answer, and nothing can be said without them. */
  | { readonly kind: 'silent'; readonly appliances: readonly string[] };

/** The pools that a request names. */
export function refsOf(request: PoolDevicesRequest): readonly PoolDevicesRef[] {
  switch (request.kind) {
    case 'remove':
    case 'detach':
      return [request.from];
    case 'add':
      return [request.to];
    case 'move':
      return [request.from, request.to];
    case 'import':
      return [request.at];
  }
}

/** What a request would do, from what the appliances say. Pure: the dry run is this very function. */
export function planPoolDevices(
  request: PoolDevicesRequest,
  views: PoolDevicesViews,
  settings: PoolDevicesSettings,
): PoolDevicesPlanning {
  const refs = refsOf(request);
  const stranger = refs.find(({ appliance }) => !settings.appliances.includes(appliance));
  if (stranger !== undefined) {
    return refused({
      kind: 'unknown-appliance',
      appliance: stranger.appliance,
      known: settings.appliances,
    });
  }
  const silent = refs.map(({ appliance }) => appliance).filter((appliance) => views[appliance] === undefined);
  if (silent.length > 0) return { kind: 'silent', appliances: [...new Set(silent)].sort() };
  switch (request.kind) {
    case 'remove':
    case 'detach':
      return planRemoval(request, views);
    case 'add':
      return planAddition(request, views, settings);
    case 'move':
      return planMove(request, views, settings);
    case 'import':
      return planImport(request, views, settings);
  }
}

function refused(because: PoolDevicesRefusalReason): PoolDevicesPlanning {
  return { kind: 'refused', because };
}

/** The pool, when devices can leave or join it. A suspended pool can be planned for: the job then waits. */
function usable(
  views: PoolDevicesViews,
  ref: PoolDevicesRef,
): { readonly pool: PoolDevicesPool } | { readonly because: PoolDevicesRefusalReason } {
  const pool = poolAt(views, ref);
  if (pool === undefined) return { because: { kind: 'no-such-pool', ...ref } };
  if (!pool.imported) return { because: { kind: 'pool-not-imported', ...ref } };
  if (pool.state === 'unavailable') return { because: { kind: 'pool-unavailable', ...ref } };
  return { pool };
}

function leavingFrom(
  request: Extract<PoolDevicesRequest, { kind: 'remove' | 'detach' | 'move' }>,
  views: PoolDevicesViews,
):
  | { readonly pool: PoolDevicesPool; readonly leaving: Exclude<Leaving, { kind: 'refused' }> }
  | { readonly because: PoolDevicesRefusalReason } {
  const found = usable(views, request.from);
  if ('because' in found) return found;
  const { pool } = found;
  if (pool.hasCheckpoint) return { because: { kind: 'pool-checkpoint', pool: pool.pool } };
  const leaving =
    request.kind === 'detach'
      ? selectLeg(views, request.from, pool, request.device)
      : selectLeaving(views, request.from, pool, request.selection, request.consents ?? []);
  return leaving.kind === 'refused' ? { because: leaving.because } : { pool, leaving };
}

function planRemoval(
  request: Extract<PoolDevicesRequest, { kind: 'remove' | 'detach' }>,
  views: PoolDevicesViews,
): PoolDevicesPlanning {
  const found = leavingFrom(request, views);
  if ('because' in found) return refused(found.because);
  const { pool, leaving } = found;
  const { units, unknown } = leaving;
  const trouble: PoolDevicesTrouble = { kind: 'devices-unknown', devices: unknown, pool: pool.pool };
  if (units.length === 0) return refused({ kind: 'device-not-in-pool', devices: unknown, pool: pool.pool });
  const absent = units
    .filter(({ absentLegs }) => absentLegs.length > 0)
    .map(({ devices, absentLegs }): PoolDevicesReason => ({
      kind: 'absent-legs',
      vdev: devices.length > 0 ? `the unit of ${devices.join(', ')}` : 'a missing device',
      legs: absentLegs.map(({ path }) => path),
    }));
  return {
    kind: 'planned',
    plan: { leave: units, from: request.from, join: [], resources: resourcesOf(units, [pool]) },
    notes: [...leaving.notes, ...absent],
    ...(unknown.length === 0 ? {} : { trouble }),
  };
}

function planAddition(
  request: Extract<PoolDevicesRequest, { kind: 'add' }>,
  views: PoolDevicesViews,
  settings: PoolDevicesSettings,
): PoolDevicesPlanning {
  const { to, logs = [], caches = [], profile = {}, consents = [] } = request;
  const devices = [...logs, ...caches];
  if (devices.length === 0) return refused({ kind: 'nothing-selected' });
  const twice = devices.find((device, index) => devices.indexOf(device) !== index);
  if (twice !== undefined) return refused({ kind: 'device-named-twice', device: twice });
  const found = usable(views, to);
  if ('because' in found) return refused(found.because);
  const impossible = unsupported(profile);
  if (impossible !== undefined) return refused(impossible);
  const arranged = arrange(views, to.appliance, found.pool, { logs, caches }, profile);
  if ('because' in arranged) return refused(arranged.because);
  const because = refuseJoin({ views, to, pool: found.pool, consents, settings }, arranged.units);
  if (because !== undefined) return refused(because);
  return {
    kind: 'planned',
    plan: { leave: [], join: arranged.units, to, resources: resourcesOf(arranged.units, [found.pool]) },
    notes: [],
  };
}

function planMove(
  request: Extract<PoolDevicesRequest, { kind: 'move' }>,
  views: PoolDevicesViews,
  settings: PoolDevicesSettings,
): PoolDevicesPlanning {
  const { from, to, profile, consents = [] } = request;
  if (from.appliance === to.appliance && from.pool === to.pool)
    return refused({ kind: 'same-pool', pool: from.pool });
  const found = leavingFrom(request, views);
  if ('because' in found) return refused(found.because);
  const { pool: source, leaving } = found;
  const destination = usable(views, to);
  if ('because' in destination) return refused(destination.because);
  const { units: leave, unknown } = leaving;
  if (unknown.length > 0) return refused({ kind: 'device-not-in-pool', devices: unknown, pool: source.pool });
  const torn = leave.find(({ absentLegs }) => absentLegs.length > 0);
  if (torn !== undefined) {
    const legs = torn.absentLegs.map(({ path }) => path);
    return refused({ kind: 'leg-absent', vdev: `the mirror of ${torn.devices.join(', ')}`, legs });
  }
  const joining =
    profile === undefined ? { units: leave } : rearranged(request, views, destination.pool, leave);
  if ('because' in joining) return refused(joining.because);
  const context: JoinContext = {
    views,
    to,
    pool: destination.pool,
    from: { ...from, poolGuid: source.poolGuid },
    consents,
    settings,
  };
  const because = refuseJoin(context, joining.units);
  if (because !== undefined) return refused(because);
  const join = joining.units.map((unit): PoolDevicesUnit => ({ ...unit, vdevGuids: [] }));
  const resources = resourcesOf(leave, [source, destination.pool]);
  return { kind: 'planned', plan: { leave, from, join, to, resources }, notes: leaving.notes };
}

/** The same devices under another profile: changed only because somebody said so. */
function rearranged(
  request: Extract<PoolDevicesRequest, { kind: 'move' }>,
  views: PoolDevicesViews,
  pool: PoolDevicesPool,
  leave: readonly PoolDevicesUnit[],
): ReturnType<typeof arrange> {
  const profile = request.profile ?? {};
  const because = unsupported(profile);
  if (because !== undefined) return { because };
  const of = (kind: PoolDevicesUnit['kind']): string[] =>
    leave.filter((unit) => unit.kind === kind).flatMap(({ devices }) => devices);
  // Without a word on logs their old layout goes with them, not the other pool's.
  const layout = leave.some((unit) => unit.layout === 'mirrored') ? 'mirrored' : 'striped';
  return arrange(
    views,
    request.from.appliance,
    pool,
    { logs: of('log'), caches: of('cache') },
    { ...profile, log: profile.log ?? layout },
  );
}

function planImport(
  request: Extract<PoolDevicesRequest, { kind: 'import' }>,
  views: PoolDevicesViews,
  settings: PoolDevicesSettings,
): PoolDevicesPlanning {
  const { at, consents = [] } = request;
  const pool = poolAt(views, at);
  if (pool === undefined) return refused({ kind: 'no-such-pool', ...at });
  if (pool.imported) return refused({ kind: 'pool-already-imported', ...at });
  const elsewhere = importedAt(views, pool.poolGuid);
  if (elsewhere !== undefined)
    return refused({ kind: 'pool-imported-elsewhere', pool: pool.pool, appliance: elsewhere });
  const silent = settings.appliances.filter((appliance) => views[appliance] === undefined);
  if (silent.length > 0 && !consents.includes('owner-is-fenced'))
    return refused({ kind: 'pool-owner-silent', pool: pool.pool, silent });
  if (pool.missing.includes('data')) return refused({ kind: 'pool-needs-data', pool: pool.pool });
  const lacksLog = pool.missing.includes('log');
  const withoutLog = lacksLog && settings.canImportWithoutLog && consents.includes('lose-log-records');
  if (lacksLog && !withoutLog) {
    return refused({
      kind: 'pool-needs-log',
      pool: pool.pool,
      canImportWithoutLog: settings.canImportWithoutLog,
    });
  }
  const legs = pool.logs
    .flatMap((log) => log.legs)
    .filter(({ state }) => state !== 'online')
    .map(({ path }) => path);
  const caches = pool.caches.filter(({ state }) => state !== 'online').map(({ path }) => path);
  const missing = [...legs, ...caches];
  const { poolGuid } = pool;
  const members = [...pool.caches, ...pool.logs.flatMap((log) => log.legs)];
  const devices = members.flatMap(({ deviceId }) => (deviceId === undefined ? [] : [`device:${deviceId}`]));
  const resources = [...devices, `pool:${poolGuid}`].sort();
  return {
    kind: 'planned',
    plan: { leave: [], join: [], import: { ...at, poolGuid, withoutLog }, resources },
    notes: missing.length === 0 ? [] : [{ kind: 'import-degraded', pool: pool.pool, missing }],
  };
}

/** The appliance that has the pool imported, of those that answered. */
export function importedAt(views: PoolDevicesViews, poolGuid: string): string | undefined {
  return Object.keys(views)
    .sort()
    .find((appliance) => views[appliance]?.pools.some((pool) => pool.imported && pool.poolGuid === poolGuid));
}

function resourcesOf(
  units: readonly PoolDevicesUnit[],
  pools: readonly PoolDevicesPool[],
): readonly string[] {
  const devices = units.flatMap((unit) => unit.devices).map((device) => `device:${device}`);
  return [...new Set([...devices, ...pools.map(({ poolGuid }) => `pool:${poolGuid}`)])].sort();
}

/** The steps of a plan in words, for people and for comparing two plans. */
export function stepsOf(plan: PoolDevicesPlan): readonly string[] {
  const { leave, from, join, to } = plan;
  const unit = ({ kind, layout, devices, absentLegs }: PoolDevicesUnit): string =>
    `${layout} ${kind} ${[...devices, ...absentLegs.map(({ path }) => `(${path})`)].join('+')}`;
  const bring = plan.import;
  return [
    ...leave.map((each) =>
      each.how === 'one-leg'
        ? `leg ${each.devices.join()} leaves ${from?.pool ?? ''}`
        : `${unit(each)} leaves ${from?.pool ?? ''}`,
    ),
    ...join.map((each) => `${unit(each)} joins ${to?.pool ?? ''}`),
    ...(bring === undefined ? [] : [`${bring.pool} is imported on ${bring.appliance}`]),
  ];
}
