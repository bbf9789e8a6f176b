import type { BlockDevice } from '@holdfast/core';
import { Dice, type RecordedStep } from '@holdfast/testkit';
import { describe, expect, it } from 'vitest';
import { ActivityLog } from '../../src/metadata/activity-log.js';
import { layoutOf, logPageHeadBytes, logSlotsPerPage } from '../../src/metadata/layout.js';
import { pageBytes, sealPage } from '../../src/metadata/page.js';
import { exploreImages, recorded, type Recording, withOnePlace, withoutFlush } from './explore.js';

/** Two pages of log, the second with little room: writes of one page and of both, and extents that have to wait for a slot. */
const slots = logSlotsPerPage + 6;
const layout = layoutOf(1024 * 1024, slots);
const runs = 10;

const open = (device: BlockDevice, roomWanted: () => void = () => undefined): Promise<ActivityLog> =>
  ActivityLog.open(device, layout, slots, roomWanted);
const turns = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Writes that begin, end and are settled at random, also while the log is being written. Promises the extents that are let in. */
function activity(seed: number) {
  return async (device: BlockDevice, promise: (extents: ReadonlySet<number>) => void): Promise<void> => {
    const dice = new Dice(seed);
    const log: ActivityLog = await open(device, () => {
      settle();
    });
    const underWay: [number, number][] = [];
    const letIn = new Set<number>();
    const tell = (): void => {
      promise(new Set(letIn));
    };
    const begin = (first: number, last: number, isKept = false): void => {
      const entered = (): void => {
        for (let extent = first; extent <= last; extent += 1) letIn.add(extent);
        if (!isKept) underWay.push([first, last]);
        tell();
      };
      log.begin(first, last, entered, (error) => {
        throw error;
      });
    };
    function settle(): void {
      log.settle(log.mark());
      const still = new Set(log.extents());
      for (const extent of letIn) if (!still.has(extent)) letIn.delete(extent);
      tell();
    }
    // Most of the first page has a write under way all the time.
    begin(0, logSlotsPerPage - 6, true);
    await turns();
    const beginAnywhere = (): void => {
      const first = 2_000 + dice.below(12);
      begin(first, first + dice.below(3));
    };
    for (let step = 0; step < 16; step += 1) {
      if (dice.oneIn(2)) {
        beginAnywhere();
        if (dice.oneIn(2)) {
          // While the page is being written: slots become free, and are taken again.
          settle();
          beginAnywhere();
        }
      } else if (dice.oneIn(3)) settle();
      else {
        const [range] = underWay.splice(dice.below(Math.max(1, underWay.length)), 1);
        if (range !== undefined) log.end(...range);
      }
      if (dice.oneIn(2)) await turns();
      if (dice.oneIn(6)) await log.save();
    }
    await turns();
  };
}

const pageOf = (offsetBytes: number): number =>
  Math.floor((offsetBytes - layout.logFromBytes) / (2 * pageBytes));

/** Whether the very first write of a page is under way: torn, nobody can tell it from a page that was damaged later. */
function isFirstWriteOpen(steps: readonly RecordedStep[], taken: number): boolean {
  const writes: number[][] = Array.from({ length: layout.logPages }, () => []);
  const stable = new Set<number>();
  for (const [at, step] of steps.slice(0, taken).entries()) {
    if ('stable' in step) for (const one of step.stable) stable.add(one);
    else writes[pageOf(step.offsetBytes)]?.push(at);
  }
  return writes.some(([first, second]) => first !== undefined && second === undefined && !stable.has(first));
}

/** The extents of every page that was written, by its place in the log. */
function pagesWritten(steps: readonly RecordedStep[]): Set<number>[][] {
  const versions: Set<number>[][] = Array.from({ length: layout.logPages }, () => [new Set<number>()]);
  for (const step of steps) {
    if ('stable' in step) continue;
    const view = new DataView(step.bytes.buffer, step.bytes.byteOffset);
    const extents = Array.from({ length: logSlotsPerPage }, (_, at) =>
      view.getUint32(logPageHeadBytes + 4 * at, true),
    );
    versions[pageOf(step.offsetBytes)]?.push(new Set(extents.filter((extent) => extent !== 0xffff_ffff)));
  }
  return versions;
}

/**
 * An extent that a write was let into, and that no flush has settled, stands in the log, or the log says that it is lost. What stands
 * there is of each page what was once written, whole: never a mix of two. Lost it is only when the first write of a page was torn.
 */
function judgeOf({ steps }: Recording<ReadonlySet<number>>) {
  const versions = pagesWritten(steps);
  return async (
    device: BlockDevice,
    letIn: ReadonlySet<number> | undefined,
    taken: number,
  ): Promise<string | undefined> => {
    const log = await open(device);
    if (log.lost) return isFirstWriteOpen(steps, taken) ? undefined : 'the log is lost';
    const found = new Set(log.extents());
    for (const extent of letIn ?? [])
      if (!found.has(extent)) return `extent ${String(extent)} was let in and is not in the log`;
    const explained = new Set<number>();
    for (const page of versions) {
      const fitting = page.filter((extents) => [...extents].every((extent) => found.has(extent)));
      if (fitting.length === 0) return 'a page is none that was ever written';
      for (const extents of fitting) for (const extent of extents) explained.add(extent);
    }
    const strange = [...found].find((extent) => !explained.has(extent));
    return strange === undefined ? undefined : `extent ${String(strange)} stands there and in no page`;
  };
}

async function explore(
  mutate?: (device: BlockDevice) => BlockDevice,
  alter?: (bytes: Uint8Array) => void,
): Promise<{ images: number; problem: string | undefined }> {
  let images = 0;
  for (let seed = 1; seed <= runs; seed += 1) {
    const recording = await recorded(layout.sizeBytes, activity(seed), mutate);
    const explored = await exploreImages(layout.sizeBytes, recording, judgeOf(recording), alter);
    images += explored.images;
    if (explored.problem !== undefined)
      return { images, problem: `seed ${String(seed)}, ${explored.problem}` };
  }
  return { images, problem: undefined };
}

function believeAll(bytes: Uint8Array): void {
  for (let page = 0; page < 2 * layout.logPages; page += 1) {
    const from = layout.logFromBytes + page * pageBytes;
    const one = bytes.subarray(from, from + pageBytes);
    if (one.some((byte) => byte !== 0)) sealPage(one, 0x4c41_4648);
  }
}

describe('the activity log after a loss of power', () => {
  it('has every extent that a write was let into, or says that it is lost, and is never a mix', async () => {
    const { images, problem } = await explore();
    process.stdout.write(`activity log: ${String(images)} images\n`);
    expect(problem).toBeUndefined();
    expect(images).toBeGreaterThan(2_500);
  });

  it('would not, if its pages were not forced', async () => {
    expect((await explore(withoutFlush)).problem).toMatch(/was let in and is not in the log|lost/);
  });

  it('would be lost, if each page had one place', async () => {
    const first = (offsetBytes: number): number => {
      const page = Math.floor((offsetBytes - layout.logFromBytes) / pageBytes);
      return offsetBytes - (page % 2) * pageBytes;
    };
    expect((await explore(withOnePlace(first))).problem).toMatch(/the log is lost/);
  });

  it('would not, if nobody looked at checksums', async () => {
    expect((await explore(undefined, believeAll)).problem).toMatch(/let in|mix|page/);
  });
});
