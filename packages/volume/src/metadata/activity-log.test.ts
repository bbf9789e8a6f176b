import { memoryDevice, MemoryDisk } from '@holdfast/testkit';
import { describe, expect, it } from 'vitest';
import { ActivityLog } from './activity-log.js';
import { layoutOf } from './layout.js';
import { pageBytes } from './page.js';

const extents = 8;
const layout = layoutOf(64 * 1024 * 1024, extents);

function newDisk(): MemoryDisk {
  return new MemoryDisk({ name: 'a.meta', sizeBytes: layout.sizeBytes });
}

async function open(disk: MemoryDisk, roomWanted: () => void = () => undefined): Promise<ActivityLog> {
  return ActivityLog.open(memoryDevice(disk), layout, extents, roomWanted);
}

function begin(log: ActivityLog, first: number, last = first): Promise<void> {
  return new Promise((resolve, reject) => {
    log.begin(first, last, resolve, reject);
  });
}

describe('the activity log', () => {
  it('has an extent on the device before the first write to it may start', async () => {
    const disk = newDisk();
    const log = await open(disk);
    await begin(log, 3, 4);
    disk.losePower();
    expect((await open(disk)).extents().sort()).toEqual([3, 4]);
  });

  it('writes nothing for an extent that is hot already, and answers in the same turn', async () => {
    const log = await open(newDisk());
    await begin(log, 3);
    let inTheSameTurn = false;
    log.begin(
      3,
      3,
      () => (inTheSameTurn = true),
      () => undefined,
    );
    expect(inTheSameTurn).toBe(true);
  });

  it('keeps an extent as long as a write is under way there, and lets go of it when it is settled', async () => {
    const log = await open(newDisk());
    await begin(log, 1);
    await begin(log, 2);
    log.end(2, 2);
    expect(log.settle(log.mark())).toBe(1);
    expect(log.extents()).toEqual([1]);
  });

  it('asks for room only when a flush would make some: not while every extent has a write under way', async () => {
    let asked = 0;
    const log = await open(newDisk(), () => (asked += 1));
    for (let extent = 0; extent < extents; extent += 1) await begin(log, extent);
    const waits = begin(log, extents);
    await new Promise((resolve) => setImmediate(resolve));
    expect(log.settle(log.mark())).toBe(0);
    await new Promise((resolve) => setImmediate(resolve));
    // Each flush would find the same, and the next would be asked for at once: as fast as the disk can flush.
    expect(asked).toBe(0);
    log.end(3, 3);
    await new Promise((resolve) => setImmediate(resolve));
    expect(asked).toBe(1);
    expect(log.settle(log.mark())).toBe(1);
    await waits;
  });

  it('does not settle what was touched after the flush began', async () => {
    const log = await open(newDisk());
    await begin(log, 1);
    log.end(1, 1);
    const mark = log.mark();
    await begin(log, 1);
    log.end(1, 1);
    expect(log.settle(mark)).toBe(0);
  });

  it('does not settle a write that was under way when the flush began and ended during it', async () => {
    const log = await open(newDisk());
    await begin(log, 1);
    const mark = log.mark();
    log.end(1, 1);
    expect(log.settle(mark)).toBe(0);
  });

  it('never settles what it found at the start, until a resync has taken it over', async () => {
    const disk = newDisk();
    await begin(await open(disk), 5);
    disk.killProcess();
    const log = await open(disk);
    expect(log.hasUnsettled).toBe(true);
    expect(log.settle(log.mark())).toBe(0);
    log.resolve();
    expect(log.settle(log.mark())).toBe(1);
  });

  it('never settles a write that was given up', async () => {
    const log = await open(newDisk());
    await begin(log, 6);
    log.keep(6, 6);
    log.end(6, 6);
    expect(log.settle(log.mark())).toBe(0);
  });

  it('asks for room when it is full, and goes on when room is made', async () => {
    let asked = 0;
    const log = await open(newDisk(), () => {
      asked += 1;
    });
    for (let extent = 0; extent < extents; extent += 1) await begin(log, extent);
    const waiting = begin(log, 99);
    log.end(0, 0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(asked).toBeGreaterThan(0);
    log.settle(log.mark());
    await waiting;
    expect(log.extents()).toContain(99);
    expect(log.extents()).not.toContain(0);
  });

  it('takes the page before when the last one is torn, and says that it is lost when both are', async () => {
    const disk = newDisk();
    const log = await open(disk);
    await begin(log, 1);
    await begin(log, 2);
    const device = memoryDevice(disk);
    const tear = (copy: number): Promise<void> =>
      device.write(layout.logFromBytes + copy * pageBytes + 100, new Uint8Array([1, 2, 3]), {
        forceUnitAccess: true,
      });
    await tear(0);
    const after = await open(disk);
    expect(after.lost).toBe(false);
    expect(after.extents()).toEqual([1]);
    await tear(1);
    expect((await open(disk)).lost).toBe(true);
  });

  it('fails those who wait when its device fails, and every later one', async () => {
    const disk = newDisk();
    const log = await open(disk);
    disk.failNth('write', 1);
    await expect(begin(log, 1)).rejects.toThrow();
    await expect(begin(log, 2)).rejects.toThrow();
  });

  it('does not count an extent as durable that got a slot while the page with its former extent was on its way', async () => {
    const disk = newDisk();
    const log = await open(disk);
    await begin(log, 1);
    log.end(1, 1);
    // Extent 2 makes a page write begin; while it is on its way, extent 1 leaves and extent 3 gets its slot.
    const second = begin(log, 2);
    await Promise.resolve();
    log.settle(log.mark());
    const seen: string[] = [];
    const third = begin(log, 3).then(() => seen.push('third'));
    await second;
    await third;
    expect(seen).toEqual(['third']);
    disk.losePower();
    expect((await open(disk)).extents()).toContain(3);
  });

  describe('while somebody writes from front to back', () => {
    const openFor = (disk: MemoryDisk, slots: number, extentCount: number): Promise<ActivityLog> =>
      ActivityLog.open(memoryDevice(disk), layout, slots, () => undefined, extentCount);
    const writeSome = async (log: ActivityLog, extent: number): Promise<void> => {
      for (let count = 0; count < 20; count += 1) {
        await begin(log, extent);
        log.end(extent, extent);
      }
    };

    it('has the next extents on the device before they are needed, and none behind the end', async () => {
      const disk = newDisk();
      const log = await openFor(disk, 8, 6);
      await writeSome(log, 3);
      expect(log.extents().sort()).toEqual([3, 4, 5]);
      await log.save();
      disk.losePower();
      expect((await openFor(disk, 8, 6)).extents().sort()).toEqual([3, 4, 5]);
      let inTheSameTurn = false;
      log.begin(
        4,
        4,
        () => (inTheSameTurn = true),
        () => undefined,
      );
      expect(inTheSameTurn).toBe(true);
    });

    it('lets go of what was not needed after all', async () => {
      const log = await openFor(newDisk(), 8, 8);
      await writeSome(log, 0);
      await log.save();
      expect(log.settle(log.mark())).toBe(5);
      expect(log.extents()).toEqual([]);
    });

    it('takes no room that others need', async () => {
      const log = await openFor(newDisk(), 8, 100);
      for (const extent of [10, 20, 30, 40, 50]) await begin(log, extent);
      await writeSome(log, 60);
      expect(log.extents().sort()).toEqual([10, 20, 30, 40, 50, 60]);
    });

    it('does not take writes here and there for that', async () => {
      const log = await openFor(newDisk(), 8, 100);
      for (let count = 0; count < 60; count += 1) {
        const extent = (count * 7) % 3;
        await begin(log, 10 * extent);
        log.end(10 * extent, 10 * extent);
      }
      expect(log.extents().sort()).toEqual([0, 10, 20]);
    });
  });
});
