import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BlockDevice } from '@holdfast/core';
import { MemoryDisk, VirtualClock, memoryDevice } from '../src/index.js';

const KIB = 1024;
const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

async function contents(device: BlockDevice, offset: number, length: number): Promise<number[]> {
  const buffer = await device.read(offset, length);
  const values = [...new Set(buffer.bytes)];
  buffer.release();
  return values;
}

describe('a device in memory', () => {
  it('begins as zeros and reads back what was written, at any alignment', async () => {
    const device = memoryDevice({ sizeBytes: 256 * KIB });
    expect(await contents(device, 0, 256 * KIB)).toEqual([0]);
    await device.write(65_530, filled(13, 7));
    const read = await device.read(65_529, 15);
    expect([...read.bytes]).toEqual([0, ...filled(13, 7), 0]);
    await device.writeZeroes(65_531, 11);
    expect([...(await device.read(65_530, 13)).bytes]).toEqual([7, ...filled(11, 0), 7]);
  });

  it('agrees with a plain array on any writes (property)', async () => {
    const size = 200 * KIB;
    const operation = fc.record({
      offset: fc.nat({ max: size }),
      length: fc.nat({ max: 70 * KIB }),
      value: fc.integer({ min: 0, max: 255 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 12 }), async (operations) => {
        const device = memoryDevice({ sizeBytes: size });
        const plain = new Uint8Array(size);
        for (const { offset, length, value } of operations) {
          const fits = Math.min(length, size - offset);
          if (value === 0) await device.writeZeroes(offset, fits);
          else await device.write(offset, filled(fits, value));
          plain.fill(value, offset, offset + fits);
        }
        const read = await device.read(0, size);
        expect(Buffer.compare(read.bytes, plain)).toBe(0);
      }),
      { numRuns: 30 },
    );
  });

  it('refuses what does not fit, and everything once closed', async () => {
    const device = memoryDevice({ sizeBytes: 4 * KIB });
    await expect(device.read(4 * KIB, 1)).rejects.toMatchObject({ code: 'OUT_OF_RANGE' });
    await expect(device.write(-1, filled(1, 1))).rejects.toMatchObject({ code: 'OUT_OF_RANGE' });
    await expect(device.writeZeroes(0.5, 1)).rejects.toMatchObject({ code: 'OUT_OF_RANGE' });
    await device[Symbol.asyncDispose]();
    await expect(device.flush()).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('writes over a buffer that was given back, so that a late reader is seen', async () => {
    const device = memoryDevice({ sizeBytes: 4 * KIB });
    const buffer = await device.read(0, 16);
    buffer.release();
    expect(buffer.bytes[0]).toBe(0xdb);
    expect(() => buffer.release()).toThrow(TypeError);
  });

  it('counts overlapping writes that were outstanding together', async () => {
    const clock = new VirtualClock();
    const device = memoryDevice({ sizeBytes: 64 * KIB, clock, latencyMs: 5 });
    const both = Promise.all([device.write(0, filled(4096, 1)), device.write(4096, filled(4096, 2))]);
    await clock.run(both);
    expect(device.disk.overlappingWrites).toBe(0);
    const clash = Promise.all([device.write(0, filled(4096, 1)), device.write(4095, filled(4096, 2))]);
    await clock.run(clash);
    expect(device.disk.overlappingWrites).toBe(1);
  });
});

describe('what survives', () => {
  it('the death of the process: all that was written, flushed or not', async () => {
    const device = memoryDevice({ sizeBytes: 64 * KIB });
    await device.write(0, filled(KIB, 5));
    device.disk.killProcess();
    const next = memoryDevice(device.disk);
    expect(await contents(next, 0, KIB)).toEqual([5]);
    expect(device.disk.unflushedBytes).toBe(KIB);
  });

  it('the loss of power: what was flushed or forced, and nothing else for certain', async () => {
    const device = memoryDevice({ sizeBytes: 64 * KIB });
    await device.write(0, filled(KIB, 1));
    await device.flush();
    await device.write(0, filled(KIB, 2));
    await device.write(KIB, filled(KIB, 3), { forceUnitAccess: true });
    device.disk.losePower('nothing');
    const next = memoryDevice(device.disk);
    expect(await contents(next, 0, KIB)).toEqual([1]);
    expect(await contents(next, KIB, KIB)).toEqual([3]);
  });

  it('a forced write stays, although older unforced ones to the same place are lost or flushed later', async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const device = memoryDevice({ sizeBytes: 64 * KIB, seed });
      await device.write(0, filled(4 * KIB, 1));
      await device.write(KIB, filled(KIB, 9), { forceUnitAccess: true });
      device.disk.losePower();
      expect(await contents(memoryDevice(device.disk), KIB, KIB)).toEqual([9]);
    }
  });

  it('each 512-byte sector is one of the values that were written there since the flush, or the flushed one (property)', async () => {
    const sectors = 16;
    const write = fc.record({
      first: fc.nat({ max: sectors - 1 }),
      count: fc.integer({ min: 1, max: 6 }),
      flush: fc.boolean(),
    });
    let kept = 0;
    let lost = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(write, { maxLength: 20 }), fc.nat(), async (writes, seed) => {
        const device = memoryDevice({ sizeBytes: sectors * 512, seed });
        const possible = Array.from({ length: sectors }, () => new Set([0]));
        for (const [index, { first, count, flush }] of writes.entries()) {
          const value = index + 1;
          const end = Math.min(sectors, first + count);
          await device.write(first * 512, filled((end - first) * 512, value));
          for (let sector = first; sector < end; sector += 1) possible[sector]!.add(value);
          if (!flush) continue;
          await device.flush();
          const visible = await device.read(0, sectors * 512);
          possible.forEach((values, sector) => {
            values.clear();
            values.add(visible.bytes[sector * 512]!);
          });
        }
        device.disk.losePower();
        const after = await memoryDevice(device.disk).read(0, sectors * 512);
        for (let sector = 0; sector < sectors; sector += 1) {
          const found = new Set(after.bytes.subarray(sector * 512, (sector + 1) * 512));
          expect(found.size).toBe(1);
          const [value] = [...found];
          expect(possible[sector]!.has(value!)).toBe(true);
          if (possible[sector]!.size === 1) continue;
          if (value === Math.max(...possible[sector]!)) kept += 1;
          else lost += 1;
        }
      }),
      { numRuns: 100 },
    );
    expect(kept).toBeGreaterThan(0);
    expect(lost).toBeGreaterThan(0);
  });

  it('operations under way never answer, and the old device is dead', async () => {
    const clock = new VirtualClock();
    const device = memoryDevice({ sizeBytes: 64 * KIB, clock, latencyMs: 10 });
    let answered = false;
    void device.write(0, filled(KIB, 1)).then(() => (answered = true));
    await clock.advance(5);
    device.disk.losePower();
    void device.flush().then(() => (answered = true));
    await clock.runUntilIdle();
    expect(answered).toBe(false);
  });
});

describe('faults', () => {
  it('fail the one operation they name', async () => {
    const device = memoryDevice({ sizeBytes: 64 * KIB });
    device.disk.failNth('write', 2, 'NO_SPACE');
    await device.write(0, filled(512, 1));
    await expect(device.write(512, filled(512, 1))).rejects.toMatchObject({ code: 'NO_SPACE' });
    await device.write(512, filled(512, 2));
    expect(await contents(device, 0, 1024)).toEqual([1, 2]);
  });

  it('delay and hang on the clock', async () => {
    const clock = new VirtualClock();
    const device = memoryDevice({
      sizeBytes: 64 * KIB,
      clock,
      latencyMs: (operation) => (operation.kind === 'read' ? 1 : 2),
    });
    device.disk.faults = ({ kind }) =>
      kind === 'flush' ? { delayMs: 5_000 } : kind === 'read' ? { hang: true } : undefined;
    await clock.run(device.write(0, filled(1, 1)));
    expect(clock.now()).toBe(2);
    await clock.run(device.flush());
    expect(clock.now()).toBe(5_004);
    await expect(clock.run(device.read(0, 1))).rejects.toThrow(/no timer is left/);
  });

  it('a failed flush is final: no later one of this device succeeds, and what it should have saved is lost with the power', async () => {
    const device = memoryDevice({ sizeBytes: 64 * KIB });
    await device.write(0, filled(KIB, 1));
    device.disk.failNth('flush', 1);
    await expect(device.flush()).rejects.toMatchObject({ code: 'IO_FAILED' });
    await expect(device.flush()).rejects.toMatchObject({ code: 'IO_FAILED' });
    const reopened = memoryDevice(device.disk);
    await reopened.flush();
    expect(await contents(reopened, 0, KIB)).toEqual([1]);
    device.disk.losePower('nothing');
    expect(await contents(memoryDevice(device.disk), 0, KIB)).toEqual([0]);
  });

  it('a flush covers what was written before it began and not what came while it ran', async () => {
    const clock = new VirtualClock();
    const disk = new MemoryDisk({
      sizeBytes: 64 * KIB,
      clock,
      latencyMs: ({ kind }) => (kind === 'flush' ? 100 : 0),
    });
    const device = memoryDevice(disk);
    await device.write(0, filled(KIB, 1));
    const flushing = device.flush();
    await clock.advance(50);
    await device.write(KIB, filled(KIB, 2));
    await device.write(512, filled(512, 3), { forceUnitAccess: true });
    await clock.run(flushing);
    expect([...new Set(disk.readStable(0, 2 * KIB))]).toEqual([1, 3, 0]);
  });

  it('does not let what a failed flush left behind come back over what was flushed later', async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const disk = new MemoryDisk({ sizeBytes: 8192, seed });
      const first = memoryDevice(disk);
      await first.write(0, new Uint8Array(512).fill(1));
      disk.failNth('flush', 1);
      await expect(first.flush()).rejects.toMatchObject({ code: 'IO_FAILED' });
      disk.killProcess();
      const second = memoryDevice(disk);
      await second.write(0, new Uint8Array(512).fill(2));
      await second.flush();
      disk.losePower();
      expect(disk.readStable(0, 512)).toEqual(new Uint8Array(512).fill(2));
    }
  });
});
