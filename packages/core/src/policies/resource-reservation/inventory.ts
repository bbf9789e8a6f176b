import { HoldfastError } from '../../errors/index.js';

/** Condition of a host, as the cluster sees it. Only a `healthy` host is given anything to run. */
export type ReservationHostCondition =
  'healthy' | 'disconnected' | 'maintenance' | 'quarantine' | 'isolated' | 'error';

export interface ReservationHost {
  readonly hostId: string;
  /** Capacity of the host's root resource pool, not of its hardware. Safe integers. */
  readonly cpuMHz: number;
  readonly memoryMiB: number;
  readonly condition: ReservationHostCondition;
  /** What a machine can reach from here: `datastore:gold`, `network:vlan-12`, `device:gpu`, `datastore:local-h7`. */
  readonly offers: readonly string[];
  /** The coordinator's epoch in which this host last told what runs on it; room of a host that has not told is not granted. */
  readonly reportedEpoch: number;
}

/** 0: lowest, 4: highest. */
export type RestartPriority = 0 | 1 | 2 | 3 | 4;

/** A virtual machine, or any workload, by what it asks of a host. */
export interface ReservationMachine {
  readonly machineId: string;
  readonly priority: RestartPriority;
  /** Guaranteed share; below `minimumCpuMHz` of the options that minimum counts. Safe integers. */
  readonly cpuReservationMHz: number;
  readonly memoryReservationMiB: number;
  /** What the host itself needs to run it, on top of the reservation. */
  readonly memoryOverheadMiB: number;
  /** Everything its serving path uses. A host has to offer all of it. */
  readonly needs: readonly string[];
  /** No two machines with a group in common share a host. */
  readonly antiAffinityGroups: readonly string[];
  /** Only these hosts, when given. */
  readonly hostsAllowed?: readonly string[];
}

export interface InventoryMachine extends ReservationMachine {
  /** Where it runs, or ran last. */
  readonly hostId: string;
  /** `failed`: down, and waiting to be restarted by somebody. */
  readonly power: 'running' | 'failed' | 'off';
}

/**
 * What the cluster looks like at one moment: plain JSON that nobody changes. States and journals name it by version and digest only;
 * the next one follows by a delta.
 */
export interface ClusterInventory {
  readonly version: number;
  /** Sum of the hashes of all entries: finds a mistake, not an attacker. */
  readonly digest: string;
  readonly hosts: readonly ReservationHost[];
  readonly machines: readonly InventoryMachine[];
}

export interface InventoryDelta {
  readonly fromVersion: number;
  readonly hosts?: readonly ReservationHost[];
  readonly hostsGone?: readonly string[];
  readonly machines?: readonly InventoryMachine[];
  readonly machinesGone?: readonly string[];
}

/** Two sums of 32 bits. The order of the entries does not matter, so that a delta costs what it changes. */
interface Sums {
  readonly low: number;
  readonly high: number;
}

/** @throws HoldfastError REFUSED when two entries have one name or a number is no safe integer. */
export function createInventory(
  hosts: readonly ReservationHost[],
  machines: readonly InventoryMachine[],
  version = 1,
): ClusterInventory {
  let sums: Sums = { low: 0, high: 0 };
  const names = new Set<string>();
  for (const entry of [...hosts, ...machines]) {
    const name = nameOf(entry);
    if (names.has(name)) throw new HoldfastError('REFUSED', `The inventory has two entries ${name}.`);
    names.add(name);
    checkNumbers(entry);
    sums = add(sums, entry, 1);
  }
  return { version, digest: shown(sums), hosts, machines };
}

/**
 * The next snapshot. The one before stays as it is.
 * @throws HoldfastError REFUSED when the delta was made for another version.
 */
export function changeInventory(inventory: ClusterInventory, delta: InventoryDelta): ClusterInventory {
  if (delta.fromVersion !== inventory.version) {
    throw new HoldfastError(
      'REFUSED',
      `The delta is for version ${String(delta.fromVersion)} of the inventory, and this is ${String(inventory.version)}. Read it anew.`,
    );
  }
  let sums = read(inventory.digest);
  const replace = <Entry extends ReservationHost | InventoryMachine>(
    entries: readonly Entry[],
    set: readonly Entry[] = [],
    gone: readonly string[] = [],
    kind: string,
  ): readonly Entry[] => {
    if (set.length === 0 && gone.length === 0) return entries;
    const news = new Map(set.map((entry) => [nameOf(entry), entry]));
    const leaving = new Set(gone.map((id) => `${kind} ${id}`));
    const kept: Entry[] = [];
    for (const entry of entries) {
      const name = nameOf(entry);
      const next = news.get(name);
      if (next === undefined && !leaving.has(name)) {
        kept.push(entry);
        continue;
      }
      sums = add(sums, entry, -1);
      if (next !== undefined) kept.push(next);
    }
    const known = new Set(kept.map(nameOf));
    for (const entry of news.values()) {
      checkNumbers(entry);
      sums = add(sums, entry, 1);
      if (!known.has(nameOf(entry))) kept.push(entry);
    }
    return kept;
  };
  const hosts = replace(inventory.hosts, delta.hosts, delta.hostsGone, 'host');
  const machines = replace(inventory.machines, delta.machines, delta.machinesGone, 'machine');
  return { version: inventory.version + 1, digest: shown(sums), hosts, machines };
}

function nameOf(entry: ReservationHost | InventoryMachine): string {
  return 'machineId' in entry ? `machine ${entry.machineId}` : `host ${entry.hostId}`;
}

function checkNumbers(entry: ReservationHost | InventoryMachine): void {
  const numbers =
    'machineId' in entry
      ? [entry.cpuReservationMHz, entry.memoryReservationMiB, entry.memoryOverheadMiB]
      : [entry.cpuMHz, entry.memoryMiB];
  if (numbers.every((value) => Number.isSafeInteger(value) && value >= 0)) return;
  throw new HoldfastError(
    'REFUSED',
    `Sizes of ${nameOf(entry)} are no safe integers: ${numbers.join(', ')}.`,
  );
}

function add(sums: Sums, entry: ReservationHost | InventoryMachine, sign: 1 | -1): Sums {
  const text = canonical(entry);
  let low = 0x811c9dc5;
  let high = 0x2f0b4c47;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ unit, 0x85ebca6b);
  }
  return { low: (sums.low + sign * (low >>> 0)) >>> 0, high: (sums.high + sign * (high >>> 0)) >>> 0 };
}

/** The fields in one order, whatever order the caller built them in. */
function canonical(entry: ReservationHost | InventoryMachine): string {
  if (!('machineId' in entry)) {
    const { hostId, cpuMHz, memoryMiB, condition, offers, reportedEpoch } = entry;
    return JSON.stringify([hostId, cpuMHz, memoryMiB, condition, reportedEpoch, offers]);
  }
  const { machineId, hostId, power, priority, needs, antiAffinityGroups, hostsAllowed } = entry;
  const sizes = [entry.cpuReservationMHz, entry.memoryReservationMiB, entry.memoryOverheadMiB];
  return JSON.stringify([
    machineId,
    hostId,
    power,
    priority,
    sizes,
    needs,
    antiAffinityGroups,
    hostsAllowed ?? null,
  ]);
}

function shown({ low, high }: Sums): string {
  return `${high.toString(16).padStart(8, '0')}${low.toString(16).padStart(8, '0')}`;
}

function read(digest: string): Sums {
  return { high: Number.parseInt(digest.slice(0, 8), 16), low: Number.parseInt(digest.slice(8), 16) };
}
