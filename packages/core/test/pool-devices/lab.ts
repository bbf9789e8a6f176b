import type {
  PoolDeviceKind,
  PoolDeviceLabel,
  PoolDeviceMember,
  PoolDevicesAppliance,
  PoolDevicesCommand,
  PoolDevicesOwner,
  PoolDevicesPool,
  PoolDevicesRef,
  PoolDevicesRefusal,
  PoolDevicesUnit,
} from '../../src/index.js';

/*
 * Appliances, pools, devices and a registry as plain data, with the habits of real pools that the policy exists for: a cache device
 * in use elsewhere is taken without a word, one leg of a mirror cannot be removed, a log of another redundancy is accepted, a device
 * that was away keeps a label that claims its pool.
 */

export interface LabDevice {
  readonly id: string;
  readonly chassis: string;
  readonly slot: number;
  readonly place: 'shelf' | 'controller';
  readonly sizeBytes: number;
  readonly sectorSizeBytes: number;
  label: PoolDeviceLabel;
  /** Appliances that see it now; none when it is pulled. */
  seenBy: string[];
  spareOf?: string;
}

interface LabMember {
  readonly vdevGuid: string;
  readonly id: string;
}

export interface LabPool {
  readonly name: string;
  readonly guid: string;
  /** More than one is the accident that must not happen. */
  importedAt: string[];
  /** What somebody set; a pool with a lost log leg is degraded by itself. */
  state: 'online' | 'suspended' | 'unavailable';
  hasCheckpoint: boolean;
  activity: 'none' | 'resilver' | 'removal';
  sectorSizeBytes: number;
  isLatencySensitive: boolean;
  logs: { readonly mirror?: number; legs: LabMember[] }[];
  caches: LabMember[];
  nextMirror: number;
}

export interface Lab {
  appliances: string[];
  /** Appliances that do not answer. */
  silent: string[];
  devices: LabDevice[];
  pools: LabPool[];
  nextGuid: number;
  claims: Record<string, string>;
  owners: Record<string, PoolDevicesRef>;
}

export const emptyLab = (appliances: readonly string[]): Lab => ({
  appliances: [...appliances],
  silent: [],
  devices: [],
  pools: [],
  nextGuid: 1,
  claims: {},
  owners: {},
});

export function deviceOf(lab: Lab, id: string): LabDevice {
  const device = lab.devices.find((each) => each.id === id);
  if (device === undefined) throw new TypeError(`There is no device ${id}.`);
  return device;
}

export function poolOf(lab: Lab, name: string): LabPool {
  const pool = lab.pools.find((each) => each.name === name);
  if (pool === undefined) throw new TypeError(`There is no pool ${name}.`);
  return pool;
}

const pathOf = (id: string): string => `/dev/${id}`;

function isPresent(lab: Lab, { id, vdevGuid }: LabMember): boolean {
  const device = lab.devices.find((each) => each.id === id);
  if (device === undefined || device.seenBy.length === 0) return false;
  return (
    (device.label.kind === 'pool' || device.label.kind === 'cache') && device.label.vdevGuid === vdevGuid
  );
}

function memberView(lab: Lab, appliance: string, member: LabMember): PoolDeviceMember {
  const { id, vdevGuid } = member;
  const device = deviceOf(lab, id);
  if (!device.seenBy.includes(appliance)) return { vdevGuid, path: pathOf(id), state: 'missing' };
  const isOwn = isPresent(lab, member);
  return { vdevGuid, deviceId: id, path: pathOf(id), state: isOwn ? 'online' : 'faulted' };
}

function poolView(lab: Lab, appliance: string, pool: LabPool): PoolDevicesPool {
  const logs = pool.logs.map(({ mirror, legs }) => ({
    name: mirror === undefined ? pathOf(legs[0]?.id ?? '') : `mirror-${String(mirror)}`,
    legs: legs.map((leg) => memberView(lab, appliance, leg)),
  }));
  const isHurt = logs.some(({ legs }) => legs.some(({ state }) => state !== 'online'));
  const imported = pool.importedAt.includes(appliance);
  const lacksLog = !imported && logs.some(({ legs }) => legs.every(({ state }) => state !== 'online'));
  return {
    pool: pool.name,
    poolGuid: pool.guid,
    imported,
    state: lacksLog ? 'unavailable' : pool.state === 'online' && isHurt ? 'degraded' : pool.state,
    missing: lacksLog ? ['log'] : [],
    hasCheckpoint: pool.hasCheckpoint,
    activity: pool.activity,
    sectorSizeBytes: pool.sectorSizeBytes,
    logs,
    caches: pool.caches.map((cache) => memberView(lab, appliance, cache)),
    isLatencySensitive: pool.isLatencySensitive,
  };
}

export function viewOf(lab: Lab, appliance: string): PoolDevicesAppliance | undefined {
  if (lab.silent.includes(appliance)) return undefined;
  const devices = lab.devices.filter(({ seenBy }) => seenBy.includes(appliance));
  return {
    appliance,
    pools: lab.pools.map((pool) => poolView(lab, appliance, pool)),
    devices: devices.map(({ id, seenBy: _seenBy, ...device }) => ({
      ...device,
      deviceId: id,
      path: pathOf(id),
    })),
  };
}

const refuse = (code: PoolDevicesRefusal['code'], detail: string, pool?: string): PoolDevicesRefusal => ({
  code,
  retryable: code === 'pool-busy',
  detail,
  ...(pool === undefined ? {} : { pool }),
});

/** Carries out one command as a pool does, without force. Gives back its refusal. */
export function execute(lab: Lab, command: PoolDevicesCommand): PoolDevicesRefusal | undefined {
  switch (command.kind) {
    case 'remove-unit':
      return removeVdev(lab, command.at, command.vdev);
    case 'detach-leg':
      return detach(lab, command.at, command.unit.devices[0] ?? '');
    case 'add-unit':
      return addUnit(lab, command.at, command.unit);
    case 'clear-label': {
      const device = deviceOf(lab, command.device);
      const { label } = device;
      const guid = label.kind === 'pool' || label.kind === 'cache' ? label.vdevGuid : '';
      if (guid !== command.vdevGuid) return refuse('unknown', 'the label has changed');
      device.label = { kind: 'none' };
      return undefined;
    }
    case 'import-pool': {
      const pool = poolOf(lab, command.at.pool);
      const view = poolView(lab, command.at.appliance, pool);
      if (view.missing.includes('log') && !command.withoutLog)
        return refuse('pool-needs-log', 'one or more devices is currently unavailable');
      pool.importedAt.push(command.at.appliance);
      if (command.withoutLog)
        pool.logs = pool.logs.filter(({ legs }) => legs.some((leg) => isPresent(lab, leg)));
      return undefined;
    }
  }
}

function ready(pool: LabPool): PoolDevicesRefusal | undefined {
  if (pool.state !== 'online') return refuse('pool-busy', `pool I/O is currently ${pool.state}`);
  if (pool.hasCheckpoint) return refuse('pool-busy', 'a checkpoint exists');
  return undefined;
}

export function removeVdev(lab: Lab, at: PoolDevicesRef, vdev: string): PoolDevicesRefusal | undefined {
  const pool = poolOf(lab, at.pool);
  const held = ready(pool);
  if (held !== undefined) return held;
  const { logs } = poolView(lab, at.appliance, pool);
  const index = logs.findIndex(({ name }) => name === vdev);
  if (index >= 0) {
    for (const leg of pool.logs[index]?.legs ?? []) letGo(lab, leg);
    pool.logs.splice(index, 1);
    return undefined;
  }
  if (pool.logs.some(({ legs }) => legs.some(({ id }) => pathOf(id) === vdev)))
    return refuse('mirror-leg-only', 'operation not supported on this type of pool');
  const cache = pool.caches.findIndex(({ id }) => pathOf(id) === vdev);
  if (cache < 0) return refuse('no-such-device', 'no such device in pool');
  pool.caches.splice(cache, 1);
  return undefined;
}

/** A log device that is there learns that it is free; one that is away does not. */
function letGo(lab: Lab, leg: LabMember): void {
  const device = deviceOf(lab, leg.id);
  if (isPresent(lab, leg) && device.label.kind === 'pool') device.label = { ...device.label, txg: 0 };
}

function detach(lab: Lab, at: PoolDevicesRef, id: string): PoolDevicesRefusal | undefined {
  const pool = poolOf(lab, at.pool);
  const index = pool.logs.findIndex(({ legs }) => legs.some((leg) => leg.id === id));
  const log = pool.logs[index];
  if (log === undefined || log.legs.length < 2) return refuse('no-such-device', 'only mirrored legs detach');
  for (const leg of log.legs.filter((each) => each.id === id)) letGo(lab, leg);
  const legs = log.legs.filter((each) => each.id !== id);
  pool.logs[index] = legs.length === 1 ? { legs } : { ...log, legs };
  return undefined;
}

export function addUnit(lab: Lab, at: PoolDevicesRef, unit: PoolDevicesUnit): PoolDevicesRefusal | undefined {
  const pool = poolOf(lab, at.pool);
  if (pool.state !== 'online') return refuse('pool-busy', `pool I/O is currently ${pool.state}`);
  for (const id of unit.devices) {
    const because = refuseAddition(lab, at, unit.kind, id);
    if (because !== undefined) return because;
  }
  const legs = unit.devices.map((id) => join(lab, pool, unit.kind, id));
  if (unit.kind === 'cache') pool.caches.push(...legs);
  else if (legs.length === 1) pool.logs.push({ legs });
  else pool.logs.push({ mirror: (pool.nextMirror += 1), legs });
  return undefined;
}

function refuseAddition(
  lab: Lab,
  at: PoolDevicesRef,
  kind: PoolDeviceKind,
  id: string,
): PoolDevicesRefusal | undefined {
  const { seenBy, label, sizeBytes } = deviceOf(lab, id);
  if (!seenBy.includes(at.appliance)) return refuse('device-not-seen', `${pathOf(id)}: no such file`);
  if (kind === 'log' && sizeBytes < 64 * 1024 * 1024) return refuse('too-small', 'device is too small');
  if (label.kind === 'pool' && label.txg > 0 && label.poolState === 'active')
    return refuse(
      'device-in-use',
      `${pathOf(id)} is part of potentially active pool '${label.pool}'`,
      label.pool,
    );
  const own = poolOf(lab, at.pool);
  const isOwn = [...own.caches, ...own.logs.flatMap(({ legs }) => legs)].some((member) => member.id === id);
  // The label of a cache device names no owner: another pool's device is taken without a word.
  return isOwn ? refuse('device-in-use', 'one or more vdevs refer to the same device', at.pool) : undefined;
}

export function join(lab: Lab, pool: LabPool, kind: PoolDeviceKind, id: string): LabMember {
  const vdevGuid = `v${String((lab.nextGuid += 1))}`;
  const device = deviceOf(lab, id);
  device.label =
    kind === 'cache'
      ? { kind: 'cache', vdevGuid }
      : { kind: 'pool', pool: pool.name, poolGuid: pool.guid, vdevGuid, poolState: 'active', txg: 123 };
  return { vdevGuid, id };
}

/** A dry run: prints no word about caches, and checks nothing across appliances. */
export function rehearse(
  lab: Lab,
  at: PoolDevicesRef,
  units: readonly PoolDevicesUnit[],
): PoolDevicesRefusal[] {
  return units
    .filter(({ kind }) => kind === 'log')
    .flatMap(({ kind, devices }) => devices.map((id) => refuseAddition(lab, at, kind, id)))
    .filter((refusal) => refusal !== undefined);
}

export type ClaimAnswer =
  | { readonly kind: 'granted'; readonly owners: readonly PoolDevicesOwner[] }
  | { readonly kind: 'refused'; readonly resource: string; readonly holder: string };

/** All or nothing, to one job at a time; a claim ends with its job's release and not before. */
export function claimAt(lab: Lab, jobId: string, resources: readonly string[]): ClaimAnswer {
  for (const resource of resources) {
    const holder = lab.claims[resource];
    if (holder !== undefined && holder !== jobId)
      return { kind: 'refused', resource, holder: `job ${holder}` };
  }
  for (const resource of resources) lab.claims[resource] = jobId;
  return {
    kind: 'granted',
    owners: resources.map((resource) => ({ resource, owner: lab.owners[resource] ?? null })),
  };
}

export function releaseAt(lab: Lab, jobId: string, owners: readonly PoolDevicesOwner[]): void {
  for (const { resource, owner } of owners) {
    if (lab.claims[resource] !== jobId) continue;
    if (owner === null) Reflect.deleteProperty(lab.owners, resource);
    else lab.owners[resource] = owner;
  }
  for (const resource of Object.keys(lab.claims)) {
    if (lab.claims[resource] === jobId) Reflect.deleteProperty(lab.claims, resource);
  }
}

/** What must hold of pools, labels and registry at every moment. Undefined when it does. */
export function brokenIn(lab: Lab): string | undefined {
  for (const { id, label } of lab.devices) {
    const pools = lab.pools.filter(({ logs, caches }) =>
      [...caches, ...logs.flatMap(({ legs }) => legs)].some((member) => member.id === id),
    );
    if (pools.length > 1) return `device ${id} is in ${pools.map(({ name }) => name).join(' and ')}`;
    const isFree = lab.claims[`device:${id}`] === undefined && lab.owners[`device:${id}`] === undefined;
    const isGhost = label.kind === 'pool' && label.txg > 0 && pools.length === 0;
    if (isFree && isGhost) return `device ${id} was given up although its label is not free`;
  }
  for (const { name, importedAt, logs } of lab.pools) {
    if (importedAt.length > 1) return `pool ${name} is imported on ${importedAt.join(' and ')}`;
    for (const leg of logs.flatMap(({ legs }) => legs)) {
      const { label, seenBy } = deviceOf(lab, leg.id);
      const isOwn = label.kind === 'pool' && label.vdevGuid === leg.vdevGuid && label.txg > 0;
      if (seenBy.length > 0 && !isOwn) return `pool ${name} needs log ${leg.id}, whose label is not its own`;
    }
  }
  return undefined;
}
