import { HoldfastError } from '@holdfast/core';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createWitnessClient, openBootTokenFile, openLevelStore } from '../src/index.js';
import { claim, registerBoth, scratch, startWitness } from './support/witness.js';

let folder: Awaited<ReturnType<typeof scratch>>;

beforeEach(async () => {
  folder = await scratch();
});
afterEach(() => folder[Symbol.asyncDispose]());

describe('killed between grant and reply', () => {
  test('the grant stands, and the repeated claim gets the same answer', { timeout: 60_000 }, async () => {
    const process1 = await startProcess(folder.path);
    const { incarnation } = process1;
    await using client = createWitnessClient({ address: process1.address, witnessCallTimeoutMs: 10_000 });
    await registerBoth(client, incarnation);
    const wish = { ...claim(incarnation, 'P', 2), fromEpoch: 1 };
    expect((await client.promote(wish)).kind).toBe('unreachable');
    expect(await process1.ended).toBe('SIGKILL');

    const process2 = await startProcess(folder.path);
    try {
      expect(process2.incarnation).toBe(incarnation);
      expect(await client.promote(wish)).toMatchObject({
        kind: 'granted',
        view: { owner: 'P', epoch: 2, incarnation, quarantined: false },
      });
      expect((await client.promote({ ...claim(incarnation, 'N', 2), fromEpoch: 1 })).kind).toBe('denied');
    } finally {
      process2.child.kill('SIGKILL');
      await process2.ended;
    }
  });
});

describe('a store put back to an old copy', () => {
  test('is found out: no second survivor, until the owner has spoken', async () => {
    const first = await startWitness(folder.path);
    const { incarnation } = first;
    await using client = createWitnessClient({ address: first.address });
    await registerBoth(client, incarnation);
    await first[Symbol.asyncDispose]();
    // A copy of the very start that grants later: only the count of changes tells it from the latest state.
    const second = await startWitness(folder.path);
    await cp(join(folder.path, 'store'), join(folder.path, 'copy'), { recursive: true });
    expect((await client.promote({ ...claim(incarnation, 'P', 2), fromEpoch: 1 })).kind).toBe('granted');
    await second[Symbol.asyncDispose]();
    await rm(join(folder.path, 'store'), { recursive: true });
    await cp(join(folder.path, 'copy'), join(folder.path, 'store'), { recursive: true });
    await rm(join(folder.path, 'store', 'LOCK'), { force: true });

    await using third = await startWitness(folder.path);
    expect(third.memory).toBe('older-than-proof');
    expect(third.incarnation).not.toBe(incarnation);
    expect((await client.promote({ ...claim(incarnation, 'N', 2), fromEpoch: 1 })).kind).toBe(
      'unknown-incarnation',
    );
    expect((await client.promote({ ...claim(third.incarnation, 'N', 2), fromEpoch: 1 })).kind).toBe(
      'quarantined',
    );
    expect((await client.reassert(claim(third.incarnation, 'P', 2))).kind).toBe('granted');
    expect((await client.promote({ ...claim(third.incarnation, 'N', 2), fromEpoch: 1 })).kind).toBe('denied');
  });

  test('and so is a store whose boot token is gone', async () => {
    const first = await startWitness(folder.path);
    await using client = createWitnessClient({ address: first.address });
    await registerBoth(client, first.incarnation);
    await first[Symbol.asyncDispose]();
    await rm(join(folder.path, 'boot-token'));
    await using second = await startWitness(folder.path);
    expect(second.memory).toBe('proof-missing');
    expect((await client.status('g')).kind).toBe('quarantined');
    await registerBoth(client, second.incarnation);
    expect((await client.status('g')).kind).toBe('granted');
  });
});

describe('the LevelDB store', () => {
  test('keeps what was saved, and lets go of what was deleted', async () => {
    const path = join(folder.path, 'store');
    const first = await openLevelStore(path);
    await first.save('a', new Uint8Array([1, 2, 3]));
    await first.save('b', new Uint8Array(0));
    await first.delete('missing');
    const again = await openLevelStore(path).catch((error: unknown) => error);
    expect(HoldfastError.is(again, 'ALREADY_OPEN')).toBe(true);
    await first[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    await expect(first.load('a')).rejects.toMatchObject({ code: 'CLOSED' });
    await using second = await openLevelStore(path);
    expect(await second.keys()).toEqual(['a', 'b']);
    expect(await second.load('a')).toEqual(new Uint8Array([1, 2, 3]));
    expect(await second.load('b')).toEqual(new Uint8Array(0));
    expect(await second.load('c')).toBeUndefined();
    await second.delete('a');
    expect(await second.keys()).toEqual(['b']);
  });

  test('says CORRUPT when an entry is not what was written', async () => {
    const { ClassicLevel } = await import('classic-level');
    const path = join(folder.path, 'store');
    await (await openLevelStore(path))[Symbol.asyncDispose]();
    const level = new ClassicLevel<string, Uint8Array>(path, { valueEncoding: 'view' });
    await level.put('short', new Uint8Array([1]));
    await level.put('wrong', new Uint8Array([0, 0, 0, 0, 7]));
    await level.close();
    await using store = await openLevelStore(path);
    await expect(store.load('short')).rejects.toMatchObject({ code: 'CORRUPT' });
    await expect(store.load('wrong')).rejects.toMatchObject({ code: 'CORRUPT' });
  });

  test.each(['nonsense\n', 'nonsense'])(
    'says CORRUPT when the folder is damaged (%j), and starts when it was moved away',
    async (damage) => {
      const witness = await startWitness(folder.path);
      await using client = createWitnessClient({ address: witness.address });
      await registerBoth(client, witness.incarnation);
      await witness[Symbol.asyncDispose]();
      await writeFile(join(folder.path, 'store', 'CURRENT'), damage);
      const failure = await startWitness(folder.path).catch((error: unknown) => error);
      expect(HoldfastError.is(failure, 'CORRUPT'), String(failure)).toBe(true);
      await rm(join(folder.path, 'store'), { recursive: true });
      await using second = await startWitness(folder.path);
      expect(second.memory).toBe('new');
      expect((await client.status('g')).kind).toBe('not-registered');
    },
  );

  test('a file where the folder should be', async () => {
    await writeFile(join(folder.path, 'store'), '');
    await expect(openLevelStore(join(folder.path, 'store'))).rejects.toMatchObject({ code: 'IO_FAILED' });
  });
});

describe('the boot token file', () => {
  test('gives what was saved last', async () => {
    const path = join(folder.path, 'deep', 'token');
    const first = await openBootTokenFile(path);
    expect(await first.load()).toBeUndefined();
    for (let sequence = 0; sequence < 5; sequence += 1)
      await first.save({ bootToken: `t${sequence}`, sequence });
    await first.save({ bootToken: 'last', previousBootToken: 't4', sequence: 9 });
    await first[Symbol.asyncDispose]();
    await using second = await openBootTokenFile(path);
    expect(await second.load()).toEqual({ bootToken: 'last', previousBootToken: 't4', sequence: 9 });
  });

  test('a write that power tore apart leaves the one before it; a spoilt file leaves none', async () => {
    const path = join(folder.path, 'token');
    const first = await openBootTokenFile(path);
    await first.save({ bootToken: 'a', sequence: 1 });
    await first.save({ bootToken: 'b', sequence: 2 });
    await first[Symbol.asyncDispose]();
    const bytes = await readFile(path);
    const newest = bytes.subarray(0, 512).includes('"b"') ? 0 : 512;
    bytes.fill(0x20, newest + 30, newest + 512);
    await writeFile(path, bytes);
    await using torn = await openBootTokenFile(path);
    expect(await torn.load()).toEqual({ bootToken: 'a', sequence: 1 });
    await torn.save({ bootToken: 'c', sequence: 3 });
    expect(await torn.load()).toEqual({ bootToken: 'c', sequence: 3 });
    await writeFile(path, 'nothing like it');
    expect(await torn.load()).toBeUndefined();
  });

  test('a folder in its place', async () => {
    const path = join(folder.path, 'token');
    await mkdir(path);
    await expect(openBootTokenFile(path)).rejects.toMatchObject({ code: 'IO_FAILED' });
    expect((await stat(path)).isDirectory()).toBe(true);
  });
});

interface RunningProcess {
  readonly child: ChildProcess;
  readonly address: string;
  readonly incarnation: string;
  readonly ended: Promise<NodeJS.Signals | null>;
}

/** A witness in a process of its own, which kills itself when the first grant is durable and its answer has not left. */
async function startProcess(path: string): Promise<RunningProcess> {
  const program = fileURLToPath(new URL('./support/witness-process.ts', import.meta.url));
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', program, path], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit').then(([, signal]) => signal as NodeJS.Signals | null);
  let said = '';
  child.stdout.setEncoding('utf8');
  for await (const chunk of child.stdout) {
    said += String(chunk);
    if (said.includes('\n')) break;
  }
  const { address, incarnation } = JSON.parse(said) as { address: string; incarnation: string };
  return { child, address, incarnation, ended };
}
