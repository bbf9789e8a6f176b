import { describe, expect, it } from 'vitest';
import { crashImages, memoryDevice, MemoryDisk, recordingDevice, type RecordedStep } from '../src/index.js';

const page = 1_024;
const write = (at: number, mark: number, lengthBytes = page): RecordedStep => ({
  offsetBytes: at * page,
  bytes: new Uint8Array(lengthBytes).fill(mark),
});

/** Each page as its two sectors: `ab` is a page whose first sector holds a, and whose second holds b. */
function shown(steps: readonly RecordedStep[], taken: number, pages = 2): string[] {
  const images = [...crashImages(pages * page, steps, { randomSubsets: 0 })].filter(
    (image) => image.steps === taken,
  );
  const show = (bytes: Uint8Array): string =>
    Array.from({ length: pages }, (_, at) => `${bytes[at * page] ?? ''}${bytes[at * page + 512] ?? ''}`).join(
      ' ',
    );
  return [...new Set(images.map(({ bytes }) => show(bytes)))].sort();
}

describe('the images that a loss of power may leave', () => {
  it('have each open write, or not, or torn, in every combination', () => {
    expect(shown([write(0, 1), write(1, 2)], 2)).toEqual(
      // Both torn at once is left to chance: one torn write at a time is what the exploration is exhaustive in.
      [
        '00 00',
        '00 02',
        '00 20',
        '00 22',
        '01 00',
        '01 22',
        '10 00',
        '10 22',
        '11 00',
        '11 02',
        '11 20',
        '11 22',
      ],
    );
  });

  it('have all that was made stable, and nothing older over it', () => {
    const steps = [write(0, 1), write(0, 2), { stable: [1] }];
    expect(shown(steps, 2, 1)).toEqual(['00', '01', '02', '10', '11', '12', '20', '21', '22']);
    expect(shown(steps, 3, 1)).toEqual(['22']);
  });

  it('are as many as the arithmetic says', () => {
    const steps = [write(0, 1), write(1, 2), write(2, 3)];
    // After three: 8 subsets, and in them 12 writes of which each is torn in two ways.
    const images = [...crashImages(3 * page, steps, { randomSubsets: 5 })];
    expect(images.filter((image) => image.steps === 3)).toHaveLength(8 + 24 + 1 + 5);
  });

  it('hold more than three writes at once too', () => {
    const steps = Array.from({ length: 6 }, (_, at) => write(at, at + 1));
    const images = [...crashImages(6 * page, steps)].filter((image) => image.steps === 6);
    const marks = images.map(
      ({ bytes }) =>
        steps.filter((_, at) => bytes.subarray(at * page, (at + 1) * page).some((byte) => byte !== 0)).length,
    );
    expect(Math.max(...marks)).toBe(6);
    expect(marks.some((count) => count === 4 || count === 5)).toBe(true);
  });
});

describe('a device that records', () => {
  it('takes a forced write as stable, and of a flush only what was answered when it began', async () => {
    const { device, steps } = recordingDevice(memoryDevice(new MemoryDisk({ sizeBytes: 4 * page })));
    await device.write(0, new Uint8Array(page).fill(1));
    const flushed = device.flush();
    const late = device.write(page, new Uint8Array(page).fill(2));
    await Promise.all([flushed, late]);
    await device.write(2 * page, new Uint8Array(page).fill(3), { forceUnitAccess: true });
    await device.writeZeroes(0, page);
    expect(steps.map((step) => ('stable' in step ? step.stable : step.bytes[0]))).toEqual([
      1,
      2,
      [0],
      3,
      [3],
      0,
    ]);
  });
});
