import { crashImages, memoryDevice, MemoryDisk, recordingDevice, type RecordedStep } from '@holdfast/testkit';
import { describe, expect, it } from 'vitest';
import { DirtyMap } from '../../src/metadata/dirty-map.js';
import { blockBytes, layoutOf, mapBitsPerPage } from '../../src/metadata/layout.js';

/** Three pages of map, so that one save is three writes of which any may be missing. */
const volumeBytes = 3 * mapBitsPerPage * blockBytes;
const layout = layoutOf(volumeBytes, 8);

const newDisk = (): MemoryDisk => new MemoryDisk({ name: 'a.meta', sizeBytes: layout.sizeBytes });

/** What was marked before each save, and how many steps had been taken when it was answered. */
interface Saved {
  readonly blocks: readonly number[];
  readonly steps: number;
}

const rounds: readonly (readonly number[])[] = [
  [1, mapBitsPerPage + 5, 2 * mapBitsPerPage + 1_000],
  [700, 2 * mapBitsPerPage + 31_000],
  [9_000, mapBitsPerPage + 20_000, 3 * mapBitsPerPage - 1],
];

async function record(
  without: 'nothing' | 'flush',
): Promise<{ steps: readonly RecordedStep[]; saves: Saved[] }> {
  const { device, steps } = recordingDevice(memoryDevice(newDisk()));
  const map = await DirtyMap.open(device, layout, volumeBytes);
  const saves: Saved[] = [];
  const blocks: number[] = [];
  const kept: RecordedStep[] = [];
  for (const round of rounds) {
    for (const block of round) map.mark(block * blockBytes, 1);
    blocks.push(...round);
    const from = steps.length;
    await map.save();
    kept.push(...steps.slice(from).filter((step) => without === 'nothing' || step !== 'flushed'));
    saves.push({ blocks: [...blocks], steps: kept.length });
  }
  return { steps: kept, saves };
}

/** A saved bit may not be lost; one that nobody marked may be there only where a page is damaged, and then all of it is. */
async function judge(bytes: Uint8Array, steps: number, saves: readonly Saved[]): Promise<string | undefined> {
  const disk = newDisk();
  await memoryDevice(disk).write(0, bytes, { forceUnitAccess: true });
  const map = await DirtyMap.open(memoryDevice(disk), layout, volumeBytes);
  const certain = saves.findLast((saved) => saved.steps <= steps)?.blocks ?? [];
  const lost = certain.find((block) => !map.isDirty(block));
  if (lost !== undefined) return `block ${String(lost)} was saved and is clean`;
  const marked = new Set(rounds.flat());
  for (let page = 0; page < layout.mapPages; page += 1) {
    const first = page * mapBitsPerPage;
    const runs = map.runs(first * blockBytes, mapBitsPerPage * blockBytes);
    const isWhole = runs.length === 1 && runs[0]?.lengthBytes === mapBitsPerPage * blockBytes;
    const strange = runs.find(
      ({ offsetBytes, lengthBytes }) => !marked.has(offsetBytes / blockBytes) || lengthBytes > blockBytes,
    );
    if (!isWhole && strange !== undefined)
      return `block ${String(strange.offsetBytes / blockBytes)} was never marked`;
  }
  return undefined;
}

async function explore(
  without: 'nothing' | 'flush',
): Promise<{ images: number; problem: string | undefined }> {
  const { steps, saves } = await record(without);
  let images = 0;
  for (const { bytes, steps: taken } of crashImages(layout.sizeBytes, steps)) {
    images += 1;
    const problem = await judge(bytes, taken, saves);
    if (problem !== undefined) return { images, problem };
  }
  return { images, problem: undefined };
}

describe('the dirty map after a loss of power', () => {
  it('has every bit that was saved, at every cut, with every subset and every torn page', async () => {
    const { images, problem } = await explore('nothing');
    expect(problem).toBeUndefined();
    expect(images).toBeGreaterThan(400);
  });

  it('would not, without the flush of a save', async () => {
    expect((await explore('flush')).problem).toMatch(/was saved and is clean/);
  });
});
