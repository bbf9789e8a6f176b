import type { BlockDevice } from '@holdfast/core';
import { describe, expect, it } from 'vitest';
import { DirtyMap } from '../../src/metadata/dirty-map.js';
import { blockBytes, layoutOf, mapBitsPerPage } from '../../src/metadata/layout.js';
import { exploreImages, recorded, withoutFlush } from './explore.js';

/** Five pages of map, so that one save is more writes than are tried in every combination. */
const mapPages = 5;
const volumeBytes = mapPages * mapBitsPerPage * blockBytes;
const layout = layoutOf(volumeBytes, 8);

const rounds: readonly (readonly number[])[] = [
  [1, mapBitsPerPage + 5, 2 * mapBitsPerPage + 1_000],
  [700, 2 * mapBitsPerPage + 31_000],
  [9_000, mapBitsPerPage + 20_000, 3 * mapBitsPerPage - 1],
  [40, mapBitsPerPage + 60, 2 * mapBitsPerPage + 70, 3 * mapBitsPerPage + 8, 4 * mapBitsPerPage + 9],
];

/** Promises the blocks that a save has answered for. */
async function saves(device: BlockDevice, promise: (blocks: readonly number[]) => void): Promise<void> {
  const map = await DirtyMap.open(device, layout, volumeBytes);
  const blocks: number[] = [];
  for (const round of rounds) {
    for (const block of round) map.mark(block * blockBytes, 1);
    blocks.push(...round);
    await map.save();
    promise([...blocks]);
  }
}

/** A saved bit may not be lost; one that nobody marked may be there only where a page is damaged, and then all of it is. */
async function judge(device: BlockDevice, saved: readonly number[] | undefined): Promise<string | undefined> {
  const map = await DirtyMap.open(device, layout, volumeBytes);
  const lost = saved?.find((block) => !map.isDirty(block));
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

describe('the dirty map after a loss of power', () => {
  it('has every bit that was saved; one that nobody marked only where a whole page counts as dirty', async () => {
    const { images, problem } = await exploreImages(
      layout.sizeBytes,
      await recorded(layout.sizeBytes, saves),
      judge,
    );
    process.stdout.write(`dirty map: ${String(images)} images\n`);
    expect(problem).toBeUndefined();
    expect(images).toBeGreaterThan(2_000);
  });

  it('would not, without the flush of a save', async () => {
    const recording = await recorded(layout.sizeBytes, saves, withoutFlush);
    expect((await exploreImages(layout.sizeBytes, recording, judge)).problem).toMatch(/saved and is clean/);
  });
});
