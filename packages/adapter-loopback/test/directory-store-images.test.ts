import { HoldfastError } from '@holdfast/core';
import type * as FileSystem from 'node:fs/promises';
import { mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { openDirectoryStore } from '../src/index.js';
import { type FileStep, folderImages } from './file-images.js';
import { pattern, temporaryFolder } from './temporary.js';

/** The file operations of the store, while `isOn`. */
const recorder = vi.hoisted(() => ({ isOn: false, files: 0, steps: [] as unknown[] }));

vi.mock('node:fs/promises', async (importOriginal) => {
  const actual = await importOriginal<typeof FileSystem>();
  const note = (step: FileStep): void => {
    if (recorder.isOn) recorder.steps.push(step);
  };
  const recordingHandle = (handle: FileSystem.FileHandle, file: number): FileSystem.FileHandle =>
    new Proxy(handle, {
      get: (target, name) => {
        if (name === 'writeFile')
          return (bytes: Uint8Array) => {
            note({ kind: 'written', file, bytes: bytes.slice() });
            return target.writeFile(bytes);
          };
        if (name === 'datasync')
          return async () => {
            await target.datasync();
            note({ kind: 'synced', file });
          };
        if (name === 'sync')
          return async () => {
            await target.sync();
            note({ kind: 'folder-synced' });
          };
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  const own: Partial<typeof FileSystem> = {
    open: async (path, flags, mode) => {
      recorder.files += 1;
      const file = recorder.files;
      if (flags === 'wx') note({ kind: 'created', name: basename(String(path)), file });
      return recordingHandle(await actual.open(path, flags, mode), file);
    },
    rename: (from, to) => {
      note({ kind: 'renamed', name: basename(String(from)), to: basename(String(to)) });
      return actual.rename(from, to);
    },
    rm: (path, options) => {
      note({ kind: 'removed', name: basename(String(path)) });
      return actual.rm(path, options);
    },
  };
  return { ...actual, ...own };
});

type Records = Readonly<Record<string, number>>;

/** Of each key the seed of its value; a key that is missing has been deleted. Values lie in several sectors. */
const rounds: readonly (readonly [key: string, seed: number | undefined])[] = [
  ['epoch', 1],
  ['epoch', 2],
  ['other', 3],
  ['other', undefined],
  ['epoch', 4],
  ['epoch', undefined],
  ['epoch', 5],
];
const valueOf = (seed: number): Uint8Array => pattern(1_600, seed);

interface Recording {
  readonly steps: readonly FileStep[];
  /** How many rounds had been answered for, after so many steps. */
  readonly answered: readonly { readonly rounds: number; readonly steps: number }[];
}

async function record(): Promise<Recording> {
  await using folder = await temporaryFolder();
  await using store = await openDirectoryStore(folder.path);
  recorder.steps.length = 0;
  recorder.isOn = true;
  const answered: { rounds: number; steps: number }[] = [];
  for (const [at, [key, seed]] of rounds.entries()) {
    await (seed === undefined ? store.delete(key) : store.save(key, valueOf(seed)));
    answered.push({ rounds: at + 1, steps: recorder.steps.length });
  }
  recorder.isOn = false;
  return { steps: [...recorder.steps] as FileStep[], answered };
}

/** As if the store had not done one of its steps. */
function without({ steps, answered }: Recording, kind: FileStep['kind']): Recording {
  const before = (count: number): number => steps.slice(0, count).filter((step) => step.kind !== kind).length;
  return {
    steps: steps.filter((step) => step.kind !== kind),
    answered: answered.map((one) => ({ rounds: one.rounds, steps: before(one.steps) })),
  };
}

function recordsAfter(count: number): Records {
  const records = new Map<string, number>();
  for (const [key, seed] of rounds.slice(0, count)) {
    if (seed === undefined) records.delete(key);
    else records.set(key, seed);
  }
  return Object.fromEntries(records);
}

/** After a restart every record is what the last answered change left, or what the change under way leaves: whole, and no other. */
async function judge(path: string, answered: number): Promise<string | undefined> {
  await using store = await openDirectoryStore(path);
  const found: Record<string, number> = {};
  try {
    for (const key of await store.keys()) {
      const value = await store.load(key);
      const seed = [1, 2, 3, 4, 5].find(
        (one) => Buffer.compare(valueOf(one), value ?? Buffer.alloc(0)) === 0,
      );
      if (seed === undefined) return `${key} holds what nobody saved`;
      found[key] = seed;
    }
  } catch (error) {
    return HoldfastError.is(error) ? error.code : String(error);
  }
  const left = (await readdir(path)).filter((name) => !name.endsWith('.record'));
  if (left.length > 0) return `${left.join()} was left`;
  const show = (records: Records): string => JSON.stringify(Object.entries(records).sort());
  const allowed = [recordsAfter(answered), recordsAfter(answered + 1)].map(show);
  return allowed.includes(show(found)) ? undefined : `${show(found)} after ${String(answered)} rounds`;
}

async function explore({ steps, answered }: Recording): Promise<{ images: number; problem?: string }> {
  await using folder = await temporaryFolder();
  let images = 0;
  for (const { files, steps: taken } of folderImages(steps)) {
    images += 1;
    const path = join(folder.path, String(images));
    await mkdir(path);
    for (const [name, bytes] of files) await writeFile(join(path, name), bytes);
    const done = answered.findLast((one) => one.steps <= taken)?.rounds ?? 0;
    const problem = await judge(path, done);
    if (problem !== undefined) return { images, problem: `after ${String(taken)} steps: ${problem}` };
  }
  return { images };
}

describe('a store in a directory, after a loss of power', () => {
  it('has of every record the old one or the new one, whole', async () => {
    const { images, problem } = await explore(await record());
    process.stdout.write(`records of a store: ${String(images)} folders\n`);
    expect(problem).toBeUndefined();
    expect(images).toBeGreaterThan(120);
  });

  it('would be corrupt without the sync of the new file', async () => {
    expect((await explore(without(await record(), 'synced'))).problem).toMatch(/CORRUPT/);
  });

  it('would go back to an old record without the sync of the folder', async () => {
    expect((await explore(without(await record(), 'folder-synced'))).problem).toMatch(/after \d+ rounds/);
  });
});

describe('a record that is damaged', () => {
  it('is refused at every cut, with every byte changed, and with everything behind it', async () => {
    await using folder = await temporaryFolder();
    await using store = await openDirectoryStore(folder.path);
    await store.save('k', valueOf(1));
    const file = join(folder.path, 'k.record');
    const whole = await readFile(file);
    let images = 0;
    const refused = async (what: string): Promise<void> => {
      images += 1;
      const code = await store.load('k').then(
        () => 'loaded',
        (error: unknown) => (HoldfastError.is(error) ? error.code : String(error)),
      );
      expect(`${what}: ${code}`).toBe(`${what}: CORRUPT`);
    };
    for (let length = whole.length - 1; length >= 0; length -= 1) {
      await truncate(file, length);
      await refused(`cut at ${String(length)}`);
    }
    for (let at = 0; at < whole.length; at += 1) {
      const changed = Uint8Array.from(whole);
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      await writeFile(file, changed);
      await refused(`byte ${String(at)}`);
    }
    await writeFile(file, Buffer.concat([whole, Buffer.alloc(1)]));
    await refused('longer');
    process.stdout.write(`damaged records: ${String(images)} files\n`);
    expect(images).toBe(2 * whole.length + 1);
  });
});
