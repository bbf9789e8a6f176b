import { Dice } from '../fuzz/dice.js';
import type { RecordedStep, RecordedWrite } from './recording-device.js';

/** What a disk writes whole, or not at all. */
const sectorBytes = 512;

/** What a device may hold after its power went. */
export interface CrashImage {
  readonly bytes: Uint8Array;
  /** So many steps had been taken. */
  readonly steps: number;
}

export interface CrashImageOptions {
  /** What the device held before. Default: zeros. */
  readonly before?: Uint8Array;
  /** Of the writes that nothing has made stable, so many survive together in every combination. Default 3. */
  readonly togetherMax?: number;
  /** Where more than one is open: so many further subsets after each step, each write in any of its sectors. Default 20. */
  readonly randomSubsets?: number;
  /** Decides those. Default 1. */
  readonly seed?: number;
}

/**
 * Every image that a loss of power may leave, within bounds. After each step: all that was made stable, and of the rest every subset of
 * up to `togetherMax` writes, and the same with each write of the subset torn at every 512 bytes, from the front and from the back;
 * where more than one write is open, also all of them, and random subsets of which several are torn at once.
 */
export function* crashImages(
  sizeBytes: number,
  steps: readonly RecordedStep[],
  { before, togetherMax = 3, randomSubsets = 20, seed = 1 }: CrashImageOptions = {},
): Generator<CrashImage> {
  const dice = new Dice(seed);
  const medium = new Medium(sizeBytes, before);
  for (let taken = 0; taken <= steps.length; taken += 1) {
    const { open } = medium;
    for (const kept of subsets(open, togetherMax)) {
      yield { bytes: medium.image(whole(kept)), steps: taken };
      for (const parts of torn(kept)) yield { bytes: medium.image(parts), steps: taken };
    }
    if (open.length > 1) {
      yield { bytes: medium.image(whole(open)), steps: taken };
      for (let drawn = 0; drawn < randomSubsets; drawn += 1)
        yield { bytes: medium.image(anySectors(open, dice)), steps: taken };
    }
    const step = steps[taken];
    if (step !== undefined) medium.take(taken, step);
  }
}

interface Held extends RecordedWrite {
  readonly step: number;
  isStable: boolean;
}

/** Of a write, the parts that arrived. */
type Arrived = Map<Held, readonly RecordedWrite[]>;

class Medium {
  private readonly base: Uint8Array;
  /** In order. A stable write stays while an older one is open: the older one must not come back over it. */
  private held: Held[] = [];

  constructor(sizeBytes: number, before: Uint8Array | undefined) {
    this.base = new Uint8Array(sizeBytes);
    if (before !== undefined) this.base.set(before);
  }

  get open(): readonly Held[] {
    return this.held.filter(({ isStable }) => !isStable);
  }

  take(number: number, step: RecordedStep): void {
    if (!('stable' in step)) {
      this.held.push({ ...step, step: number, isStable: false });
      return;
    }
    const stable = new Set(step.stable);
    for (const write of this.held) if (stable.has(write.step)) write.isStable = true;
    const firstOpen = this.held.findIndex(({ isStable }) => !isStable);
    const settled = this.held.splice(0, firstOpen < 0 ? this.held.length : firstOpen);
    for (const { offsetBytes, bytes } of settled) this.base.set(bytes, offsetBytes);
  }

  image(arrived: Arrived): Uint8Array {
    const image = this.base.slice();
    for (const write of this.held)
      for (const part of write.isStable ? [write] : (arrived.get(write) ?? []))
        image.set(part.bytes, part.offsetBytes);
    return image;
  }
}

function whole(kept: readonly Held[]): Arrived {
  return new Map(kept.map((write) => [write, [write]]));
}

function* subsets(open: readonly Held[], most: number, from = 0): Generator<readonly Held[]> {
  yield [];
  if (most === 0) return;
  for (let at = from; at < open.length; at += 1) {
    const first = open[at];
    if (first === undefined) return;
    for (const rest of subsets(open, most - 1, at + 1)) yield [first, ...rest];
  }
}

/** One of the kept writes in part, the others whole. */
function* torn(kept: readonly Held[]): Generator<Arrived> {
  for (const write of kept) {
    for (let at = sectorBytes; at < write.bytes.length; at += sectorBytes) {
      yield whole(kept).set(write, [part(write, 0, at)]);
      yield whole(kept).set(write, [part(write, at, write.bytes.length)]);
    }
  }
}

function anySectors(open: readonly Held[], dice: Dice): Arrived {
  const arrived: Arrived = new Map();
  for (const write of open) {
    if (dice.oneIn(2)) continue;
    const isTorn = dice.oneIn(2);
    const parts: RecordedWrite[] = [];
    for (let at = 0; at < write.bytes.length; at += sectorBytes)
      if (!isTorn || dice.oneIn(2)) parts.push(part(write, at, at + sectorBytes));
    arrived.set(write, parts);
  }
  return arrived;
}

function part({ offsetBytes, bytes }: RecordedWrite, from: number, to: number): RecordedWrite {
  return { offsetBytes: offsetBytes + from, bytes: bytes.subarray(from, to) };
}
