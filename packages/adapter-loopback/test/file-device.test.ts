import { HoldfastError } from '@holdfast/core';
import fc from 'fast-check';
import { closeSync, openSync, readSync } from 'node:fs';
import { readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { createServer, connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { type FileDevice, openFileDevice } from '../src/index.js';
import { applyToBoth, commands } from './device-model.js';
import { pattern, temporaryFolder } from './temporary.js';

const mib = 1024 * 1024;

describe('opening a leg', () => {
  it('makes a sparse file of the given size, and reads zeros from it', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'leg');
    await using device = await openFileDevice(path, { create: 'exclusive', sizeBytes: 64 * mib });
    expect(device.sizeBytes).toBe(64 * mib);
    expect((await stat(path)).blocks).toBeLessThan(16);
    const buffer = await device.read(5, 10_000);
    expect(buffer.bytes).toEqual(new Uint8Array(10_000));
    buffer.release();
  });

  it('leaves a file alone that is there when a new one was wanted', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'leg');
    await writeFile(path, 'precious');
    await expect(openFileDevice(path, { create: 'exclusive', sizeBytes: 4096 })).rejects.toMatchObject({
      code: 'REFUSED',
    });
    expect(await readFile(path, 'utf8')).toBe('precious');
  });

  it('names both sizes when the file has another one', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'leg');
    await writeFile(path, new Uint8Array(8192));
    await expect(openFileDevice(path, { sizeBytes: 4096 })).rejects.toMatchObject({
      code: 'SIZE_MISMATCH',
      message: expect.stringMatching(/leg has 8192 bytes, and 4096 were expected/) as string,
    });
    await expect(openFileDevice(path, { create: 'if-missing', sizeBytes: 4096 })).rejects.toMatchObject({
      code: 'SIZE_MISMATCH',
    });
  });

  it('finishes a file whose creation was interrupted before it had its size', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'leg');
    await writeFile(path, '');
    await using device = await openFileDevice(path, { create: 'if-missing', sizeBytes: 4096 });
    expect(device.sizeBytes).toBe(4096);
  });

  it('says what is missing, and what is no file', async () => {
    await using folder = await temporaryFolder();
    await expect(openFileDevice(join(folder.path, 'none'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(openFileDevice('/dev/null')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(
      openFileDevice(join(folder.path, 'x'), { create: 'exclusive', sizeBytes: -1 }),
    ).rejects.toThrow(TypeError);
    await expect(openFileDevice(join(folder.path, 'x'), { workers: 0 })).rejects.toThrow(TypeError);
  });

  it('refuses a second holder, and names the first', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'leg');
    const first = await openFileDevice(path, { create: 'exclusive', sizeBytes: 4096 });
    await expect(openFileDevice(path)).rejects.toMatchObject({
      code: 'ALREADY_OPEN',
      message: expect.stringContaining('this very process') as string,
    });
    await first[Symbol.asyncDispose]();
    await using second = await openFileDevice(path);
    expect(second.sizeBytes).toBe(4096);
  });
});

describe('reads and writes', () => {
  it('refuses what leaves the device and touches nothing', async () => {
    await using folder = await temporaryFolder();
    await using device = await openFileDevice(join(folder.path, 'leg'), {
      create: 'exclusive',
      sizeBytes: 4096,
    });
    for (const [offset, length] of [
      [4096, 1],
      [-1, 2],
      [0.5, 1],
      [0, 4097],
      [Number.NaN, 1],
    ] as const) {
      await expect(device.read(offset, length)).rejects.toMatchObject({ code: 'OUT_OF_RANGE' });
    }
    await expect(device.write(4000, new Uint8Array(100))).rejects.toMatchObject({ code: 'OUT_OF_RANGE' });
    await expect(device.writeZeroes(4000, 100)).rejects.toMatchObject({ code: 'OUT_OF_RANGE' });
    await device.read(4096, 0);
  });

  it('serves more requests at once than it has slots, in its pool and beside it', async () => {
    await using folder = await temporaryFolder();
    await using device = await openFileDevice(join(folder.path, 'leg'), {
      create: 'exclusive',
      sizeBytes: 8 * mib,
      poolBytes: mib,
    });
    const blocks = Array.from({ length: 1000 }, (_, index) => index);
    await Promise.all(blocks.map((index) => device.write(index * 4096, pattern(4096, index))));
    const buffers = await Promise.all(blocks.map((index) => device.read(index * 4096, 4096)));
    buffers.forEach((buffer, index) => expect(Buffer.compare(buffer.bytes, pattern(4096, index))).toBe(0));
    for (const buffer of buffers) buffer.release();
    const whole = await device.read(0, 4_096_000);
    expect(Buffer.compare(whole.bytes.subarray(999 * 4096), pattern(4096, 999))).toBe(0);
  });

  it('keeps the answer of an unhurried write until it is collected, and gives it in the same turn', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'leg');
    await using device = await openFileDevice(path, { create: 'exclusive', sizeBytes: mib });
    const descriptor = openSync(path, 'r');
    const answer = { came: false };
    void device.write(4096, pattern(4096, 3), { unhurried: true }).then(() => (answer.came = true));
    await Promise.resolve(); // the thread hears of it at the end of this turn
    const found = Buffer.alloc(4096);
    const until = performance.now() + 10_000;
    // The loop stands still here, so nothing but the collecting can bring the answer.
    while (!found.equals(pattern(4096, 3)) && performance.now() < until)
      readSync(descriptor, found, 0, 4096, 4096);
    for (let patience = 0; !answer.came && patience < 1_000_000; patience += 1) {
      device.collect?.();
      await Promise.resolve();
    }
    expect(answer.came).toBe(true);
    closeSync(descriptor);
  });

  it('answers an unhurried write that nobody collects a moment later', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'leg');
    await using device = await openFileDevice(path, { create: 'exclusive', sizeBytes: mib });
    for (let round = 0; round < 20; round += 1) {
      await device.write(round * 512, pattern(512, round), { unhurried: true });
    }
    const both = [device.write(0, pattern(512, 7), { unhurried: true }), device.write(512, pattern(512, 8))];
    await Promise.all(both);
    const buffer = await device.read(0, 1024);
    expect(Buffer.compare(buffer.bytes, Buffer.concat([pattern(512, 7), pattern(512, 8)]))).toBe(0);
    buffer.release();
  });

  it('writes from its own memory without a copy, also while the pool is used up', async () => {
    await using folder = await temporaryFolder();
    await using device = await openFileDevice(join(folder.path, 'leg'), {
      create: 'exclusive',
      sizeBytes: mib,
      poolBytes: mib,
    });
    const whole = device.allocate(mib)!;
    expect(device.allocate(1)).toBeUndefined();
    whole.bytes.set(pattern(5000, 9));
    await device.write(100, whole.bytes.subarray(0, 5000));
    const buffer = await device.read(100, 5000);
    expect(buffer.bytes).toEqual(pattern(5000, 9));
    whole.release();
    whole.release();
    const first = device.allocate(mib);
    expect(first).toBeDefined();
    expect(device.allocate(mib)).toBeUndefined();
  });

  it('gives bytes that a socket takes as they are', async () => {
    await using folder = await temporaryFolder();
    await using device = await openFileDevice(join(folder.path, 'leg'), {
      create: 'exclusive',
      sizeBytes: mib,
    });
    await device.write(0, pattern(100_000, 3));
    const buffer = await device.read(0, 100_000);
    expect(buffer.bytes.buffer).toBeInstanceOf(SharedArrayBuffer);
    const server = createServer((socket) => void socket.end(buffer.bytes));
    const path = join(folder.path, 'socket');
    await new Promise<void>((listening) => void server.listen(path, listening));
    const chunks: Uint8Array[] = [];
    for await (const chunk of connect(path)) chunks.push(chunk as Uint8Array);
    server.close();
    expect(Buffer.compare(Buffer.concat(chunks), pattern(100_000, 3))).toBe(0);
  });

  it('notices a file that was cut behind its back', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'leg');
    await using device = await openFileDevice(path, { create: 'exclusive', sizeBytes: mib });
    await truncate(path, 4096);
    await expect(device.read(4000, 4096)).rejects.toMatchObject({
      code: 'IO_FAILED',
      message: expect.stringContaining('cut it below 1048576') as string,
    });
  });

  it.each([1, 2, 4])(
    'is an array of bytes, whatever is asked of it (%i threads)',
    async (workers) => {
      await using folder = await temporaryFolder();
      let run = 0;
      await fc.assert(
        fc.asyncProperty(commands(3 * mib, 30), async (list) => {
          run += 1;
          const options = { create: 'exclusive', sizeBytes: 3 * mib, poolBytes: 2 * mib, workers } as const;
          const device = await openFileDevice(join(folder.path, `leg-${run}`), options);
          const reference = new Uint8Array(3 * mib);
          try {
            for (const command of list) await applyToBoth(device, reference, command);
          } finally {
            await device[Symbol.asyncDispose]();
          }
          expect(Buffer.compare(await readFile(device.name), reference)).toBe(0);
        }),
        { numRuns: 8 },
      );
    },
    30_000,
  );
});

/** A call that takes as long as the test wants. */
function held(): { readonly promise: Promise<void>; readonly release: () => void } {
  let release = (): void => undefined;
  const promise = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { promise, release };
}

describe('flush', () => {
  it('shares one fdatasync among those who wait for the same thing', async () => {
    await using folder = await temporaryFolder();
    await using device = await openFileDevice(join(folder.path, 'leg'), {
      create: 'exclusive',
      sizeBytes: mib,
    });
    const sync = vi.spyOn(handleOf(device), 'datasync');
    const flushes = (): Promise<void>[] => Array.from({ length: 20 }, () => device.flush());
    await Promise.all(
      Array.from({ length: 40 }, (_, index) => device.write(index * 4096, pattern(4096, index))),
    );
    await Promise.all(flushes());
    expect(sync).toHaveBeenCalledTimes(1);
    // One that is running cannot speak for a write that completed after it began: those who come later share the next one.
    await device.write(0, pattern(4096, 1));
    const { promise: disk, release } = held();
    sync.mockReturnValueOnce(disk);
    const early = flushes();
    await device.write(4096, pattern(4096, 2));
    const late = flushes();
    release();
    await Promise.all([...early, ...late]);
    expect(sync).toHaveBeenCalledTimes(3);
    await device.write(8192, pattern(4096, 3), { forceUnitAccess: true });
    expect(sync).toHaveBeenCalledTimes(4);
    await device.flush();
    expect(sync).toHaveBeenCalledTimes(4);
  });

  it('never succeeds again after it has failed once', async () => {
    await using folder = await temporaryFolder();
    await using device = await openFileDevice(join(folder.path, 'leg'), {
      create: 'exclusive',
      sizeBytes: mib,
    });
    const sync = vi.spyOn(handleOf(device), 'datasync');
    sync.mockRejectedValueOnce(Object.assign(new Error('EIO'), { code: 'EIO' }));
    await device.write(0, pattern(10, 1));
    await expect(device.flush()).rejects.toMatchObject({ code: 'IO_FAILED' });
    await expect(device.flush()).rejects.toMatchObject({ code: 'IO_FAILED' });
    await expect(device.write(0, pattern(10, 1), { forceUnitAccess: true })).rejects.toMatchObject({
      code: 'IO_FAILED',
    });
    expect(sync).toHaveBeenCalledTimes(1);
    await device.write(0, pattern(10, 2));
  });
});

describe('the end of a leg', () => {
  it('finishes what is in flight, then refuses everything', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'leg');
    const device = await openFileDevice(path, { create: 'exclusive', sizeBytes: 4 * mib });
    const writes = Promise.all([
      device.write(0, pattern(100_000, 1), { forceUnitAccess: true }),
      device.write(200_000, pattern(1000, 2)),
      device.writeZeroes(mib, 3 * mib, { forceUnitAccess: true }),
      device.write(300_000, pattern(1000, 3), { forceUnitAccess: true }),
    ]);
    const closed = device[Symbol.asyncDispose]();
    await expect(device.read(0, 1)).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(device.flush()).rejects.toMatchObject({ code: 'CLOSED' });
    await writes;
    await closed;
    await device[Symbol.asyncDispose]();
    const file = await readFile(path);
    expect(Buffer.compare(file.subarray(200_000, 201_000), pattern(1000, 2))).toBe(0);
  });

  it('fails what is in flight and closes itself when one of its threads dies', async () => {
    await using folder = await temporaryFolder();
    const device = await openFileDevice(join(folder.path, 'leg'), {
      create: 'exclusive',
      sizeBytes: 4 * mib,
    });
    const engine = Reflect.get(device, 'engine') as { submit(...all: unknown[]): void };
    // Zeros, and what is small and not alone, go through the device's own threads.
    engine.submit(2, 0, 4096, 0, () => undefined);
    const killed = new Promise<number>((done) => engine.submit(0, Number.NaN, 1, 0, done));
    expect(await killed).toBeLessThan(0);
    await expect(device.read(0, 1)).rejects.toSatisfy((error) => HoldfastError.is(error, 'CLOSED'));
    await device[Symbol.asyncDispose]();
    await using again = await openFileDevice(join(folder.path, 'leg'));
    expect(again.sizeBytes).toBe(4 * mib);
  });
});

/** The open file inside a device, to make its flush fail as a dying disk would. */
function handleOf(device: FileDevice): { datasync(): Promise<void> } {
  const file = Reflect.get(device, 'file') as { handle: { datasync(): Promise<void> } };
  return file.handle;
}
