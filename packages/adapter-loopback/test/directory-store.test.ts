import fc from 'fast-check';
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDirectoryStore } from '../src/index.js';
import { pattern, temporaryFolder } from './temporary.js';

describe('a store in a directory', () => {
  it('keeps records over a restart, under any name', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'not/yet/there');
    const first = await openDirectoryStore(path);
    await first.save('epoch', pattern(10, 1));
    await first.save('group/../α: 1', pattern(0, 1));
    await first.save('epoch', pattern(20, 2));
    await first.save('gone', pattern(1, 1));
    await first.delete('gone');
    await first.delete('never there');
    await first[Symbol.asyncDispose]();
    await using second = await openDirectoryStore(path);
    expect(await second.keys()).toEqual(['epoch', 'group/../α: 1']);
    expect(await second.load('epoch')).toEqual(pattern(20, 2));
    expect(await second.load('group/../α: 1')).toEqual(new Uint8Array(0));
    expect(await second.load('gone')).toBeUndefined();
  });

  it('ends with the later of two saves that were under way together', async () => {
    await using folder = await temporaryFolder();
    await using store = await openDirectoryStore(folder.path);
    await Promise.all([1, 2, 3, 4, 5].map((seed) => store.save('k', pattern(5000, seed))));
    expect(await store.load('k')).toEqual(pattern(5000, 5));
    expect(await readdir(folder.path)).toEqual(['k.record']);
  });

  it('refuses a second holder of the directory', async () => {
    await using folder = await temporaryFolder();
    const store = await openDirectoryStore(folder.path);
    await expect(openDirectoryStore(folder.path)).rejects.toMatchObject({ code: 'ALREADY_OPEN' });
    await store[Symbol.asyncDispose]();
    await expect(store.save('k', pattern(1, 1))).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(store.load('k')).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('removes what an interrupted save left, and keeps the old record', async () => {
    await using folder = await temporaryFolder();
    const store = await openDirectoryStore(folder.path);
    await store.save('k', pattern(9, 1));
    await store[Symbol.asyncDispose]();
    await writeFile(join(folder.path, 'k.record.7.unfinished'), 'half');
    await using again = await openDirectoryStore(folder.path);
    expect(await readdir(folder.path)).toEqual(['k.record']);
    expect(await again.load('k')).toEqual(pattern(9, 1));
  });

  it('calls every changed byte corrupt, and a record that was renamed to another key', async () => {
    await using folder = await temporaryFolder();
    await using store = await openDirectoryStore(folder.path);
    await store.save('k', pattern(30, 1));
    const file = join(folder.path, 'k.record');
    const good = await readFile(file);
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const bad = Uint8Array.from(good);
        bad[at] = bad[at]! ^ change;
        await writeFile(file, bad);
        await expect(store.load('k')).rejects.toMatchObject({
          code: 'CORRUPT',
          message: expect.stringContaining(file) as string,
        });
      }),
      { numRuns: 40 },
    );
    await writeFile(file, good.subarray(0, 12));
    await expect(store.load('k')).rejects.toMatchObject({ code: 'CORRUPT' });
    await writeFile(file, good);
    await rename(file, join(folder.path, 'other.record'));
    await expect(store.load('other')).rejects.toMatchObject({ code: 'CORRUPT' });
  });

  it('refuses names that no file can have', async () => {
    await using folder = await temporaryFolder();
    await using store = await openDirectoryStore(folder.path);
    await expect(store.save('', pattern(1, 1))).rejects.toThrow(TypeError);
    await expect(store.load('x'.repeat(201))).rejects.toThrow(TypeError);
  });
});
