import { type BlockOperation, type BlockViolation, describeOperation } from './history.js';

/**
 * All operations on one value, and what they demand. In any order that a register allows they stand together: the write, then the
 * reads. Another value's operations come wholly before or wholly after.
 */
interface Zone {
  readonly value: number;
  readonly write: BlockOperation | undefined;
  /** The first of them to have ended, and that time: whatever began later comes after some of these. */
  firstEnd: number;
  firstEnded: BlockOperation | undefined;
  /** The last of them to have begun, and that time: whatever ended before comes before some of these. */
  lastStart: number;
  lastStarted: BlockOperation | undefined;
}

/**
 * Whether the operations on one block, with a value of its own for every write, are those of a register that takes each operation at
 * one moment between its start and its end. n log n.
 *
 * Zone 1 has to come before zone 2 when one of its operations ended before one of the other's began (firstEnd 1 < lastStart 2). The
 * history is impossible exactly when two zones have to come before each other; a longer circle always contains such a pair.
 * After Gibbons and Korach, "Testing Shared Memories", SIAM Journal on Computing 26 (4), 1997.
 */
export function checkZones(block: number, operations: readonly BlockOperation[]): BlockViolation | undefined {
  const zones = new Map<number, Zone>();
  zones.set(0, {
    value: 0,
    write: undefined,
    firstEnd: -Infinity,
    firstEnded: undefined,
    lastStart: -Infinity,
    lastStarted: undefined,
  });
  for (const operation of operations) {
    if (operation.kind === 'write') zones.set(operation.value, emptyZone(operation));
  }
  for (const operation of operations) {
    const zone = zones.get(operation.value);
    if (zone === undefined) {
      return {
        block,
        reason: `${describeOperation(operation)} saw a value that nobody wrote`,
        operations: [operation],
      };
    }
    if (zone.write !== undefined && operation.endedAt < zone.write.startedAt) {
      return {
        block,
        reason: `${describeOperation(operation)} ended before its value was written by ${describeOperation(zone.write)}`,
        operations: [zone.write, operation],
      };
    }
    extend(zone, operation);
  }
  return findConflict(block, [...zones.values()]);
}

function emptyZone(write: BlockOperation): Zone {
  return {
    value: write.value,
    write,
    firstEnd: Infinity,
    firstEnded: undefined,
    lastStart: -Infinity,
    lastStarted: undefined,
  };
}

function extend(zone: Zone, operation: BlockOperation): void {
  if (operation.endedAt < zone.firstEnd) {
    zone.firstEnd = operation.endedAt;
    zone.firstEnded = operation;
  }
  if (operation.startedAt > zone.lastStart) {
    zone.lastStart = operation.startedAt;
    zone.lastStarted = operation;
  }
}

function findConflict(block: number, zones: readonly Zone[]): BlockViolation | undefined {
  // A forward zone holds the block without a gap from its first end to its last start.
  const forward = zones
    .filter((zone) => zone.firstEnd < zone.lastStart)
    .sort((a, b) => a.firstEnd - b.firstEnd);
  let latest: Zone | undefined;
  for (const zone of forward) {
    if (latest !== undefined && zone.firstEnd < latest.lastStart) return conflict(block, latest, zone);
    latest = zone;
  }
  // None of those overlap now, so of all that begin before a backward zone only the last can enclose it.
  for (const zone of zones) {
    if (zone.firstEnd < zone.lastStart) continue;
    const enclosing = lastBeginningBefore(forward, zone.lastStart);
    if (enclosing !== undefined && zone.firstEnd < enclosing.lastStart)
      return conflict(block, enclosing, zone);
  }
  return undefined;
}

function lastBeginningBefore(forward: readonly Zone[], time: number): Zone | undefined {
  let low = 0;
  let high = forward.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const zone = forward[middle];
    if (zone !== undefined && zone.firstEnd < time) low = middle + 1;
    else high = middle;
  }
  return forward[low - 1];
}

function conflict(block: number, one: Zone, other: Zone): BlockViolation {
  const shown = [
    one.write,
    one.firstEnded,
    one.lastStarted,
    other.write,
    other.firstEnded,
    other.lastStarted,
  ];
  const operations = [...new Set(shown)].filter((operation) => operation !== undefined);
  operations.sort((a, b) => a.startedAt - b.startedAt);
  return {
    block,
    reason:
      `the values ${String(one.value)} and ${String(other.value)} would each have to come before the other: ` +
      operations.map(describeOperation).join('; '),
    operations,
  };
}
