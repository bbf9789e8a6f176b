import { type BlockDevice, HoldfastError } from '@holdfast/core';
import { describe, expect, it } from 'vitest';
import { type LegLabel, readLabel, writeLabel } from '../../src/metadata/label.js';
import { pageBytes, sealPage } from '../../src/metadata/page.js';
import { exploreImages, recorded, replacing, withOnePlace, withoutFlush } from './explore.js';

const sizeBytes = 2 * pageBytes;

/** Long enough to lie in several sectors: a torn page has a beginning and no end. */
const labelOf = (nodeId: string): LegLabel => ({
  version: 1,
  clusterId: 'c'.repeat(600),
  groupId: 'g'.repeat(600),
  volumeId: 'v'.repeat(600),
  nodeId,
  sizeBytes: 1024 * 1024,
  activityLogExtentBytes: 4096,
  activityLogExtents: 8,
  content: 'zeros',
});

const labels = [labelOf('a'), labelOf('b'), labelOf('c')];

/** Promises how many labels have been written. A leg is labelled once; later ones show that an old one is never half replaced. */
async function writes(device: BlockDevice, promise: (count: number) => void): Promise<void> {
  let count = 0;
  for (const label of labels) {
    await writeLabel(device, label);
    count += 1;
    promise(count);
  }
}

/**
 * What is read is the label that was written last or the one under way, whole, and nothing else. Before the first one has been answered
 * for, it may also be none, or damaged beyond doubt: such a leg is refused, and its data is untouched.
 */
async function judge(device: BlockDevice, written = 0): Promise<string | undefined> {
  try {
    const found = await readLabel(device);
    const index = labels.findIndex((label) => JSON.stringify(label) === JSON.stringify(found));
    if (found !== undefined && index < 0) return 'a label that nobody wrote';
    if (found === undefined && written > 0) return 'the label is gone';
    return index >= 0 && index < written - 1 ? `label ${String(index)} has come back` : undefined;
  } catch (error) {
    if (!HoldfastError.is(error, 'CORRUPT')) return `the label cannot be read: ${String(error)}`;
    return written > 0 ? 'both copies are damaged' : undefined;
  }
}

function believeAll(bytes: Uint8Array): void {
  for (const from of [0, pageBytes]) {
    const page = bytes.subarray(from, from + pageBytes);
    if (page.some((byte) => byte !== 0)) sealPage(page, 0x424c_4648);
  }
}

describe('the label after a loss of power', () => {
  it('is the last one or the one under way, whole; before the first it may be none, or refused as damaged', async () => {
    const { images, problem } = await exploreImages(sizeBytes, await recorded(sizeBytes, writes), judge);
    process.stdout.write(`label: ${String(images)} images\n`);
    expect(problem).toBeUndefined();
    expect(images).toBeGreaterThan(90);
  });

  it('would be gone if it were not forced', async () => {
    const { problem } = await exploreImages(
      sizeBytes,
      await recorded(sizeBytes, writes, withoutFlush),
      judge,
    );
    expect(problem).toMatch(/is gone|damaged/);
  });

  it('would be damaged if there were one copy', async () => {
    const recording = await recorded(
      sizeBytes,
      writes,
      withOnePlace(() => 0),
    );
    expect((await exploreImages(sizeBytes, recording, judge)).problem).toMatch(/damaged/);
  });

  it('would be damaged if both copies were written at once', async () => {
    const atOnce = (device: BlockDevice): BlockDevice =>
      replacing(device, (inner) => {
        let first: Promise<void> = Promise.resolve();
        return {
          write: async (offsetBytes, data) => {
            const done = inner.write(offsetBytes, data);
            if (offsetBytes === 0) {
              first = done;
              return;
            }
            await Promise.all([first, done]);
            await inner.flush();
          },
        };
      });
    const recording = await recorded(sizeBytes, writes, atOnce);
    const { problem } = await exploreImages(sizeBytes, recording, judge, undefined, 200);
    expect(problem).toMatch(/damaged/);
  });

  it('would be a mix of two if nobody looked at checksums', async () => {
    const recording = await recorded(sizeBytes, writes);
    expect((await exploreImages(sizeBytes, recording, judge, believeAll)).problem).toMatch(
      /label|cannot be read/,
    );
  });
});
