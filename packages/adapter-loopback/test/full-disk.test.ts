import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { attachLoopDevice, openDirectoryStore, openFileDevice } from '../src/index.js';
import { pattern, temporaryFolder } from './temporary.js';

const run = promisify(execFile);

describe('with the rights of root', () => {
  it('says that no space is left, in a leg and in a store, and keeps the old record', async ({ skip }) => {
    await using folder = await temporaryFolder();
    const mount = join(folder.path, 'small');
    await mkdir(mount);
    try {
      await run('/usr/bin/mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', mount]);
    } catch {
      missing('mounting a tmpfs (needs root)', skip);
    }
    try {
      await using store = await openDirectoryStore(join(mount, 'store'));
      await store.save('k', pattern(1000, 1));
      await using device = await openFileDevice(join(mount, 'leg'), {
        create: 'exclusive',
        sizeBytes: 4 * 1024 * 1024,
      });
      const writes = Array.from({ length: 64 }, (_, index) =>
        device.write(index * 65_536, pattern(65_536, index)),
      );
      const failures = (await Promise.allSettled(writes)).filter((result) => result.status === 'rejected');
      expect(failures.length).toBeGreaterThan(50);
      for (const failure of failures) {
        expect(failure.reason).toMatchObject({
          code: 'NO_SPACE',
          message: expect.stringContaining('small/leg') as string,
        });
      }
      await expect(device.writeZeroes(0, 4 * 1024 * 1024)).rejects.toMatchObject({ code: 'NO_SPACE' });
      await expect(store.save('k', pattern(100_000, 2))).rejects.toMatchObject({ code: 'NO_SPACE' });
      expect(await store.load('k')).toEqual(pattern(1000, 1));
    } finally {
      await run('/usr/bin/umount', [mount]);
    }
  });

  it('serves a leg on a block device, and finds its size', async ({ skip }) => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'image');
    await (
      await openFileDevice(file, { create: 'exclusive', sizeBytes: 1024 * 1024 })
    )[Symbol.asyncDispose]();
    const loop = await attachLoopDevice(file).catch(() => missing('losetup with the rights of root', skip));
    await using _ = loop;
    const device = await openFileDevice(loop.path, { sizeBytes: 1024 * 1024 });
    await device.write(1000, pattern(5000, 1), { forceUnitAccess: true });
    await expect(openFileDevice(loop.path)).rejects.toMatchObject({
      code: expect.stringMatching(/ALREADY_OPEN|IO_FAILED/) as string,
    });
    await device[Symbol.asyncDispose]();
    await using again = await openFileDevice(loop.path);
    expect((await again.read(1000, 5000)).bytes).toEqual(pattern(5000, 1));
    await rm(file);
  });
});

/** A missing piece of the machine is named; where everything must be there, it is a failure. */
function missing(what: string, skip: (note: string) => never): never {
  if (process.env['HOLDFAST_REQUIRE_CLIENTS'] === '1') throw new Error(`missing: ${what}`);
  return skip(`missing: ${what}`);
}
