import { memoryDevice, MemoryDisk, VirtualClock } from '@holdfast/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DirtyMap } from './dirty-map.js';
import { blockBytes, layoutOf, metadataSizeBytes } from './layout.js';

const volumeBytes = 300 * blockBytes - 100;
const layout = layoutOf(volumeBytes, 8);

function newDisk(): MemoryDisk {
  return new MemoryDisk({ name: 'a.meta', sizeBytes: layout.sizeBytes });
}

function open(disk: MemoryDisk): Promise<DirtyMap> {
  return DirtyMap.open(memoryDevice(disk), layout, volumeBytes);
}

function dirtyBlocks(map: DirtyMap): number[] {
  const found: number[] = [];
  for (let block = map.nextDirty(0); block !== undefined; block = map.nextDirty(block + 1)) found.push(block);
  return found;
}

describe('the dirty map', () => {
  it('marks every block that a write touches and clears those that a copy covers whole', () => {
    const map = DirtyMap.inMemory(volumeBytes);
    map.mark(blockBytes - 1, 2);
    expect(dirtyBlocks(map)).toEqual([0, 1]);
    map.clear(10, 2 * blockBytes - 10, volumeBytes);
    expect(dirtyBlocks(map)).toEqual([0]);
  });

  it('counts the cut last block of a volume as covered when the copy reaches the end', () => {
    const map = DirtyMap.inMemory(volumeBytes);
    map.mark(volumeBytes - 1, 1);
    map.clear(299 * blockBytes, volumeBytes - 299 * blockBytes, volumeBytes);
    expect(map.isClean).toBe(true);
  });

  it('never lets an older save end over a newer one', async () => {
    const clock = new VirtualClock();
    const disk = new MemoryDisk({ name: 'a.meta', sizeBytes: layout.sizeBytes, clock });
    // The first page takes longer than the second one would.
    disk.faults = ({ kind, nth }) => (kind === 'write' && nth === 1 ? { delayMs: 50 } : undefined);
    const map = await open(disk);
    map.mark(0, blockBytes);
    const first = map.save();
    map.mark(7 * blockBytes, blockBytes);
    const second = map.save();
    await clock.advance(100);
    await Promise.all([first, second]);
    expect(dirtyBlocks(await open(disk))).toEqual([0, 7]);
  });

  it('is after a start what was last saved', async () => {
    const disk = newDisk();
    const map = await open(disk);
    map.mark(0, 5 * blockBytes);
    await map.save();
    map.mark(100 * blockBytes, 1);
    disk.losePower();
    expect(dirtyBlocks(await open(disk))).toEqual([0, 1, 2, 3, 4]);
  });

  it('counts a damaged page as all dirty', async () => {
    const disk = newDisk();
    const map = await open(disk);
    map.mark(0, 1);
    await map.save();
    await memoryDevice(disk).write(layout.mapFromBytes + 77, new Uint8Array([9]), { forceUnitAccess: true });
    expect((await open(disk)).dirtyBytes).toBe(300 * blockBytes);
  });

  it('needs less than 64 MiB beside a TiB', () => {
    expect(metadataSizeBytes(2 ** 40)).toBeLessThan(64 * 2 ** 20);
  });

  it('agrees with an array of booleans', () => {
    const range = fc.tuple(fc.nat(volumeBytes - 1), fc.integer({ min: 1, max: 40 * blockBytes }));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('mark', 'clear'), range), { maxLength: 40 }), (steps) => {
        const map = DirtyMap.inMemory(volumeBytes);
        const dumb = new Array<boolean>(300).fill(false);
        for (const [what, [offset, wanted]] of steps) {
          const length = Math.min(wanted, volumeBytes - offset);
          for (let block = 0; block < 300; block += 1) {
            const from = block * blockBytes;
            const to = Math.min(from + blockBytes, volumeBytes);
            if (what === 'mark' && offset < to && offset + length > from) dumb[block] = true;
            if (what === 'clear' && offset <= from && offset + length >= to) dumb[block] = false;
          }
          if (what === 'mark') map.mark(offset, length);
          else map.clear(offset, length, volumeBytes);
        }
        expect(dirtyBlocks(map)).toEqual(dumb.flatMap((dirty, block) => (dirty ? [block] : [])));
        expect(map.dirtyBytes).toBe(dumb.filter(Boolean).length * blockBytes);
        const runs = map.runs(0, volumeBytes).reduce((sum, run) => sum + run.lengthBytes, 0);
        expect(runs).toBe(
          dumb.reduce(
            (sum, dirty, block) => sum + (dirty ? Math.min(blockBytes, volumeBytes - block * blockBytes) : 0),
            0,
          ),
        );
      }),
    );
  });
});
