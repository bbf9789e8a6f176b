/*
 * The arithmetic of data profiles. People choose counts per chassis ("2 log devices of chassis 0"); what leaves are whole units: a
 * mirror with all its legs, or a single device. Pure functions of small tables, each with a plain reference in the tests.
 */

/** A unit as far as counting goes. */
export interface CountedUnit {
  readonly name: string;
  /** Legs per chassis. */
  readonly legs: Readonly<Record<string, number>>;
  readonly healthyLegs: number;
  readonly highestSlot: number;
}

export interface ChassisCount {
  readonly chassis: string;
  readonly count: number;
}

/** Cells of the largest table that a choice may need; above it, devices have to be named. */
export const LARGEST_CHOICE = 4_000_000;

/** Weakest first: fewest healthy legs, then the highest slot, then the name. */
export function byPreference(one: CountedUnit, other: CountedUnit): number {
  return (
    one.healthyLegs - other.healthyLegs ||
    other.highestSlot - one.highestSlot ||
    (one.name < other.name ? -1 : one.name > other.name ? 1 : 0)
  );
}

/** Counts of this chassis that whole units add up to, ascending, 0 included. Time: units x devices of the chassis. */
export function offeredCounts(units: readonly CountedUnit[], chassis: string): readonly number[] {
  const sums = new Set([0]);
  for (const { legs } of units) {
    const own = legs[chassis] ?? 0;
    if (own > 0) for (const sum of [...sums]) sums.add(sum + own);
  }
  return [...sums].sort((one, other) => one - other);
}

export type UnitChoice =
  | { readonly kind: 'chosen'; readonly units: readonly number[] }
  | { readonly kind: 'not-offered' }
  | { readonly kind: 'too-large'; readonly cells: number };

/**
 * The units, as indices, whose legs are exactly the counts asked for in each chassis that is named. Legs in other chassis come along
 * and are not counted. Of several choices it takes the one with the unit that comes first by preference, then the second, and so on.
 *
 * For every unit, from the last to the first, a table says which remainders the units behind it can still add up to; one pass from
 * the front then takes whatever leaves a remainder that is possible. Time and memory: units x product of (count + 1).
 */
export function chooseUnits(units: readonly CountedUnit[], counts: readonly ChassisCount[]): UnitChoice {
  const asked = counts.filter(({ count }) => count > 0);
  const order = units.map((_, index) => index).sort((one, other) => compareAt(units, one, other));
  const radix: number[] = [];
  let size = 1;
  for (const { count } of asked) {
    radix.push(size);
    size *= count + 1;
  }
  const cells = size * (order.length + 1);
  if (cells > LARGEST_CHOICE) return { kind: 'too-large', cells };

  const fits = (index: number, remainder: number): number | undefined => {
    let weight = 0;
    for (const [place, { chassis, count }] of asked.entries()) {
      const own = units[index]?.legs[chassis] ?? 0;
      const digit = Math.floor(remainder / (radix[place] ?? 1)) % (count + 1);
      if (own > digit) return undefined;
      weight += own * (radix[place] ?? 1);
    }
    return weight === 0 ? undefined : weight;
  };

  const behind: Uint8Array[] = [Uint8Array.of(1, ...new Uint8Array(size - 1))];
  for (let place = order.length - 1; place >= 0; place -= 1) {
    const after = behind[0] ?? new Uint8Array(size);
    const here = after.slice();
    for (let remainder = 1; remainder < size; remainder += 1) {
      const weight = fits(order[place] ?? 0, remainder);
      if (weight !== undefined && after[remainder - weight] === 1) here[remainder] = 1;
    }
    behind.unshift(here);
  }

  let remainder = size - 1;
  if (behind[0]?.[remainder] !== 1) return { kind: 'not-offered' };
  const chosen: number[] = [];
  for (const [place, index] of order.entries()) {
    const weight = fits(index, remainder);
    if (weight === undefined || behind[place + 1]?.[remainder - weight] !== 1) continue;
    chosen.push(index);
    remainder -= weight;
  }
  return { kind: 'chosen', units: chosen };
}

function compareAt(units: readonly CountedUnit[], one: number, other: number): number {
  const [first, second] = [units[one], units[other]];
  return first === undefined || second === undefined ? 0 : byPreference(first, second) || one - other;
}

export interface PairedDevice {
  readonly deviceId: string;
  readonly chassis: string;
  readonly slot: number;
  readonly sizeBytes: number;
}

/**
 * Pairs for mirrors, or undefined when there are none.
 *
 * `acrossChassis`: both legs of every pair stand in different chassis. That works exactly when the number is even and no chassis has
 * more than half of the devices; taking one of each of the two fullest chassis keeps it so. Otherwise a pair stays within its chassis,
 * and what is left over, one device per chassis at most, is paired in order. Like sizes meet. Time: devices x chassis.
 */
export function pairDevices(
  devices: readonly PairedDevice[],
  acrossChassis: boolean,
): readonly (readonly [string, string])[] | undefined {
  if (devices.length % 2 === 1) return undefined;
  const racks = new Map<string, PairedDevice[]>();
  for (const device of [...devices].sort(bySize)) {
    const rack = racks.get(device.chassis);
    if (rack === undefined) racks.set(device.chassis, [device]);
    else rack.push(device);
  }
  const groups = [...racks.keys()].sort().map((chassis) => racks.get(chassis) ?? []);
  const pairs: [string, string][] = [];
  if (!acrossChassis) {
    for (const group of groups) {
      while (group.length > 1) takeTwo(group, group, pairs);
    }
  }
  for (;;) {
    groups.sort((one, other) => other.length - one.length);
    const [fullest = [], second = []] = groups;
    if (fullest.length === 0) return pairs;
    if (second.length === 0) return undefined;
    takeTwo(fullest, second, pairs);
  }
}

function takeTwo(from: PairedDevice[], other: PairedDevice[], pairs: [string, string][]): void {
  const one = from.shift();
  const two = other.shift();
  if (one !== undefined && two !== undefined) pairs.push([one.deviceId, two.deviceId]);
}

function bySize(one: PairedDevice, other: PairedDevice): number {
  return one.sizeBytes - other.sizeBytes || one.slot - other.slot || (one.deviceId < other.deviceId ? -1 : 1);
}
