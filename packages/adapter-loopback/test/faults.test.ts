import { type BlockDevice, Prng } from '@holdfast/core';
import fc from 'fast-check';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FaultControls, faultyDevice, openFileDevice, powerLossDevice } from '../src/index.js';
import { applyToBoth, commands, type DeviceCommand } from './device-model.js';
import { pattern, temporaryFolder } from './temporary.js';
import { InstantClock } from './instant-clock.js';

const size = 256 * 1024;

describe('a faulty device', () => {
  async function stage(folder: string) {
    const clock = new InstantClock();
    const controls = new FaultControls(clock);
    const inside = await openFileDevice(join(folder, 'leg'), { create: 'exclusive', sizeBytes: size });
    return { clock, controls, device: faultyDevice(inside, controls) };
  }

  it('fails the operations that were named, as often as was said', async () => {
    await using folder = await temporaryFolder();
    const { controls, device } = await stage(folder.path);
    await using _ = device;
    controls.fail('write', { after: 1, times: 2, code: 'NO_SPACE' });
    await device.write(0, pattern(10, 1));
    await expect(device.write(0, pattern(10, 2))).rejects.toMatchObject({ code: 'NO_SPACE' });
    await expect(device.writeZeroes(0, 10)).rejects.toMatchObject({ code: 'NO_SPACE' });
    expect((await device.read(0, 10)).bytes).toEqual(pattern(10, 1));
    await device.write(0, pattern(10, 3));
    controls.fail('read');
    await expect(device.read(0, 10)).rejects.toMatchObject({ code: 'IO_FAILED' });
    controls.clear();
    expect((await device.read(0, 10)).bytes).toEqual(pattern(10, 3));
  });

  it('tears a write in the middle', async () => {
    await using folder = await temporaryFolder();
    const { controls, device } = await stage(folder.path);
    await using _ = device;
    controls.fail('write', { times: 1, torn: true });
    await expect(device.write(0, new Uint8Array(8).fill(7))).rejects.toMatchObject({ code: 'IO_FAILED' });
    expect([...(await device.read(0, 8)).bytes]).toEqual([7, 7, 7, 7, 0, 0, 0, 0]);
  });

  it('keeps a flush failed after it has failed once, also for forced unit access', async () => {
    await using folder = await temporaryFolder();
    const { controls, device } = await stage(folder.path);
    await using _ = device;
    controls.fail('flush', { times: 1 });
    await expect(device.write(0, pattern(1, 1), { forceUnitAccess: true })).rejects.toMatchObject({
      code: 'IO_FAILED',
    });
    controls.clear();
    await expect(device.flush()).rejects.toMatchObject({ code: 'IO_FAILED' });
    await device.write(0, pattern(1, 1));
  });

  it('takes its time when it was told to', async () => {
    await using folder = await temporaryFolder();
    const { clock, controls, device } = await stage(folder.path);
    await using _ = device;
    controls.delay('flush', 5000, { times: 1 }).delay('read', 20);
    await device.flush();
    await device.flush();
    await device.read(0, 1);
    expect(clock.waits).toEqual([5000, 20]);
  });

  it('is an array of bytes while no fault is set', async () => {
    await using folder = await temporaryFolder();
    const { device } = await stage(folder.path);
    await using _ = device;
    const reference = new Uint8Array(size);
    await fc.assert(
      fc.asyncProperty(commands(size, 20), async (list) => {
        for (const command of list) await applyToBoth(device, reference, command);
      }),
      { numRuns: 20 },
    );
  });
});

describe('a device that can lose its power', () => {
  it('forgets what was not flushed, and nothing else', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'leg');
    const inside = await openFileDevice(path, { create: 'exclusive', sizeBytes: size });
    const device = powerLossDevice(inside);
    await device.write(100, pattern(5000, 1));
    await device.flush();
    await device.write(100, pattern(5000, 2));
    await device.write(100_000, pattern(500, 3), { forceUnitAccess: true });
    expect((await device.read(100, 5000)).bytes).toEqual(pattern(5000, 2));
    await device.losePower();
    await expect(device.read(0, 1)).rejects.toMatchObject({ code: 'CLOSED' });
    const file = await readFile(path);
    expect(file.subarray(100, 5100).equals(pattern(5000, 1))).toBe(true);
    expect(file.subarray(100_000, 100_500).equals(pattern(500, 3))).toBe(true);
  });

  it('stays within its cache and lets blocks go early, chosen at random', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'leg');
    const inside = await openFileDevice(path, { create: 'exclusive', sizeBytes: size });
    const device = powerLossDevice(inside, { cacheBytes: 64 * 1024, seed: 7 });
    for (let block = 0; block < 64; block += 1)
      await device.write(block * 4096, new Uint8Array(4096).fill(1));
    expect(device.unflushedBytes).toBeLessThanOrEqual(64 * 1024);
    await device.losePower();
    const file = await readFile(path);
    const kept = Array.from({ length: 64 }, (_, block) => file[block * 4096] ?? 0);
    expect(kept.filter((byte) => byte === 1).length).toBeGreaterThanOrEqual(48);
    expect(kept).toContain(0);
    // Not simply the oldest ones.
    expect(kept.indexOf(0)).toBeLessThan(48);
  });

  it.each([[undefined], [16 * 1024]])(
    'keeps each block as last flushed or newer (cache of %s bytes)',
    async (cacheBytes) => {
      await using folder = await temporaryFolder();
      let run = 0;
      await fc.assert(
        fc.asyncProperty(commands(size, 40), fc.nat(1000), async (list, seed) => {
          run += 1;
          const path = join(folder.path, `leg-${run}`);
          const inside = await openFileDevice(path, { create: 'exclusive', sizeBytes: size, workers: 1 });
          const device = powerLossDevice(inside, cacheBytes === undefined ? { seed } : { seed, cacheBytes });
          const versions = await runAlone(device, list);
          await device.losePower();
          const file = await readFile(path);
          for (const [block, allowed] of versions.entries()) {
            const found = file.subarray(block * 4096, (block + 1) * 4096);
            expect(
              allowed.some((version) => found.equals(version)),
              `block ${block}`,
            ).toBe(true);
          }
        }),
        { numRuns: 12 },
      );
    },
    30_000,
  );

  it('keeps concurrent writes to parts of one block apart from each other and from flushes', async () => {
    await using folder = await temporaryFolder();
    const inside = await openFileDevice(join(folder.path, 'leg'), { create: 'exclusive', sizeBytes: size });
    await using device = powerLossDevice(inside, { cacheBytes: 8192 });
    const random = new Prng(3);
    const reference = new Uint8Array(size);
    for (let round = 0; round < 30; round += 1) {
      const parts = Array.from({ length: 32 }, (_, index) => index * 512);
      await Promise.all(
        parts.map(async (offset) => {
          const data = pattern(512, random.below(250));
          reference.set(data, offset);
          await device.write(offset, data, { forceUnitAccess: random.below(8) === 0 });
          if (random.below(8) === 0) await device.flush();
        }),
      );
      const buffer = await device.read(0, 32 * 512);
      expect(Buffer.compare(buffer.bytes, reference.subarray(0, 32 * 512))).toBe(0);
      buffer.release();
    }
  });
});

/** Runs one command after the other; gives for each block all versions that a loss of power may leave. */
async function runAlone(device: BlockDevice, list: readonly DeviceCommand[]): Promise<Uint8Array[][]> {
  const reference = new Uint8Array(size);
  const block = (index: number): Uint8Array => reference.slice(index * 4096, (index + 1) * 4096);
  const versions = Array.from({ length: size / 4096 }, (_, index) => [block(index)]);
  for (const command of list) {
    await applyToBoth(device, reference, command);
    if (command.kind === 'read') continue;
    const stableFrom = command.kind === 'flush' ? 0 : command.offset;
    const stableTo = command.kind === 'flush' ? size : command.offset + command.length;
    const isStable = command.kind === 'flush' || command.fua;
    versions.forEach((allowed, index) => {
      const touched = stableTo > stableFrom && index * 4096 < stableTo && (index + 1) * 4096 > stableFrom;
      if (!touched) return;
      if (isStable) allowed.length = 0;
      allowed.push(block(index));
    });
  }
  return versions;
}
