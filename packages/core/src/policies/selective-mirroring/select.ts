import { heatLeft, mirroringHeatFlags, type MirroringHeatSnapshot } from './heat.js';
import type { MirroringTuning } from './options.js';

/** What a choice is made by, beside the heat itself. */
export interface HotBlockRules {
  readonly tuning: Pick<
    MirroringTuning,
    | 'halfLifeMs'
    | 'writeWeight'
    | 'hysteresisFactor'
    | 'classWeights'
    | 'qualityWeights'
    | 'minimumHistoryMs'
    | 'essentialClasses'
    | 'allowedLabels'
  >;
  readonly budgetBytes: number;
  /** Whether a block is in the mirror set already: only a clearly hotter one takes its place. */
  readonly isMirrored: (block: number) => boolean;
}

export interface HotBlocks {
  /** Rows of the snapshot, the most worthy first. */
  readonly rows: Uint32Array;
  readonly sizeBytes: number;
  /** Part of all counted reads that the chosen blocks serve. */
  readonly expectedWarmShare: number;
  /** How many blocks would have deserved a place, had there been room for all. */
  readonly candidates: number;
}

interface Worth {
  /** Per byte, in single precision; 0 for blocks that may not or need not be mirrored. */
  readonly worth: Float32Array;
  /** All reads of the volume, as far as they are not forgotten. */
  readonly readsLeft: number;
}

function scoreBlocks(snapshot: MirroringHeatSnapshot, rules: HotBlockRules): Worth {
  const { heat, reads, writes, lastAt, sizeBytes, classOf, qualityOf, labelOf, flags } = snapshot;
  const { tuning } = rules;
  const isYoung = heat.observedMs < tuning.minimumHistoryMs;
  // Without history only what every start needs is worth a place.
  const classWeights = snapshot.classes.map((name) =>
    isYoung && !tuning.essentialClasses.includes(name) ? 0 : (tuning.classWeights[name] ?? 1),
  );
  const floors = snapshot.classes.map((name) => (tuning.essentialClasses.includes(name) ? 1 : 0));
  const qualityWeights = snapshot.qualities.map((name) => tuning.qualityWeights[name] ?? 1);
  const mayLeave = snapshot.labels.map((label) => tuning.allowedLabels.includes(label));
  const never = mirroringHeatFlags.sequential | mirroringHeatFlags.fastThere;
  const worth = new Float32Array(snapshot.block.length);
  let readsLeft = 0;
  for (let row = 0; row < worth.length; row += 1) {
    const left = heatLeft(heat.takenAt - (lastAt[row] ?? 0), tuning.halfLifeMs);
    const readsHere = (reads[row] ?? 0) * left;
    readsLeft += readsHere;
    if (((flags[row] ?? 0) & never) !== 0 || mayLeave[labelOf[row] ?? -1] !== true) continue;
    const kind = classOf[row] ?? -1;
    // Metadata that nobody has touched yet still counts as touched once.
    const used = Math.max(readsHere + tuning.writeWeight * (writes[row] ?? 0) * left, floors[kind] ?? 0);
    const weight = (classWeights[kind] ?? 1) * (qualityWeights[qualityOf[row] ?? -1] ?? 1);
    worth[row] = (used * weight) / Math.max(sizeBytes[row] ?? 1, 1);
  }
  return { worth, readsLeft };
}

/**
 * The blocks that deserve a place: greedily by worth per byte until the budget is full, pinned ones first. A block that is in the set
 * already is ranked as if it were worth `hysteresisFactor` times as much, so another takes its place only if it is worth more
 * than that. Worths are compared in single precision; of two equal ones the block in the set, then the lower number, wins.
 *
 * Takes O(n) time and about 30 bytes of memory per block of the snapshot: scores, then two passes of a radix sort.
 */
export function selectHotBlocks(snapshot: MirroringHeatSnapshot, rules: HotBlockRules): HotBlocks {
  const { worth, readsLeft } = scoreBlocks(snapshot, rules);
  const rows = rank(snapshot, worth, rules);
  const chosen = new Uint32Array(rows.length);
  let remaining = rules.budgetBytes;
  let count = 0;
  let smallest = Number.MAX_SAFE_INTEGER;
  for (let index = 0; index < rows.length; index += 1) {
    smallest = Math.min(smallest, snapshot.sizeBytes[rows[index] ?? 0] ?? 0);
  }
  for (let index = 0; index < rows.length && remaining >= smallest; index += 1) {
    const row = rows[index] ?? 0;
    const sizeBytes = snapshot.sizeBytes[row] ?? 0;
    if (sizeBytes > remaining) continue;
    remaining -= sizeBytes;
    chosen[count] = row;
    count += 1;
  }
  const picked = chosen.slice(0, count);
  return {
    rows: picked,
    sizeBytes: rules.budgetBytes - remaining,
    expectedWarmShare: readsLeft === 0 ? 0 : readsOf(snapshot, picked, rules) / readsLeft,
    candidates: rows.length,
  };
}

/** Lifts pinned blocks above all others: the sign bit, which a worth never uses. */
const pinnedKey = 0x8000_0000;

/** Rows worth something, in the order in which they are taken. */
function rank(snapshot: MirroringHeatSnapshot, worth: Float32Array, rules: HotBlockRules): Uint32Array {
  const bits = new Uint32Array(worth.buffer);
  const keys = new Uint32Array(worth.length);
  const rows = new Uint32Array(worth.length);
  const isIn = new Uint8Array(worth.length);
  const { hysteresisFactor } = rules.tuning;
  for (let row = 0; row < worth.length; row += 1) {
    if (!rules.isMirrored(snapshot.block[row] ?? 0)) continue;
    isIn[row] = 1;
    worth[row] = (worth[row] ?? 0) * hysteresisFactor;
  }
  let count = 0;
  // Those in the set go first, and the sort is stable: that is how they win a tie.
  for (const wanted of [1, 0]) {
    for (let row = 0; row < worth.length; row += 1) {
      if (isIn[row] !== wanted) continue;
      const isPinned =
        ((snapshot.flags[row] ?? 0) & mirroringHeatFlags.pinned) !== 0 && mayLeave(snapshot, row, rules);
      if (!isPinned && worth[row] === 0) continue;
      // The bits of positive single-precision numbers rise with the numbers.
      keys[count] = (bits[row] ?? 0) + (isPinned ? pinnedKey : 0);
      rows[count] = row;
      count += 1;
    }
  }
  return sortDescending(keys.subarray(0, count), rows.subarray(0, count));
}

function mayLeave(snapshot: MirroringHeatSnapshot, row: number, rules: HotBlockRules): boolean {
  const label = snapshot.labels[snapshot.labelOf[row] ?? -1];
  return label !== undefined && rules.tuning.allowedLabels.includes(label);
}

const digits = 0x1_0000;

/** A stable radix sort of rows by their keys, two digits of 16 bits, the greatest first. */
function sortDescending(keys: Uint32Array, rows: Uint32Array): Uint32Array {
  let fromKeys = keys;
  let fromRows = rows;
  for (const shift of [0, 16]) {
    const starts = new Uint32Array(digits);
    for (let index = 0; index < fromKeys.length; index += 1) {
      const digit = digits - 1 - (((fromKeys[index] ?? 0) >>> shift) & 0xffff);
      starts[digit] = (starts[digit] ?? 0) + 1;
    }
    let before = 0;
    for (let digit = 0; digit < digits; digit += 1) {
      const here = starts[digit] ?? 0;
      starts[digit] = before;
      before += here;
    }
    const toKeys = new Uint32Array(keys.length);
    const toRows = new Uint32Array(keys.length);
    for (let index = 0; index < fromKeys.length; index += 1) {
      const key = fromKeys[index] ?? 0;
      const digit = digits - 1 - ((key >>> shift) & 0xffff);
      const place = starts[digit] ?? 0;
      starts[digit] = place + 1;
      toKeys[place] = key;
      toRows[place] = fromRows[index] ?? 0;
    }
    fromKeys = toKeys;
    fromRows = toRows;
  }
  return fromRows;
}

function readsOf(snapshot: MirroringHeatSnapshot, rows: Uint32Array, rules: HotBlockRules): number {
  const { heat, reads, lastAt } = snapshot;
  let sum = 0;
  for (const row of rows) {
    sum += (reads[row] ?? 0) * heatLeft(heat.takenAt - (lastAt[row] ?? 0), rules.tuning.halfLifeMs);
  }
  return sum;
}
