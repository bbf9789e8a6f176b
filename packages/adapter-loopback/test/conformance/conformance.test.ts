import type { BlockDevice, Store } from '@holdfast/core';
import {
  blockDeviceSuite,
  type BlockDeviceFixture,
  conformanceTests,
  fencerSuite,
  type FencerFixture,
  runCase,
  storeSuite,
  type StoreFixture,
} from '@holdfast/testkit';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  FaultControls,
  faultyDevice,
  openDirectoryStore,
  openFileDevice,
  openProcessHost,
  powerLossDevice,
  type PowerLossDevice,
} from '../../src/index.js';
import { childProgram } from '../children/run.js';
import { InstantClock } from '../instant-clock.js';
import { temporaryFolder } from '../temporary.js';
import { remoteDevice, remoteStore, type Remote } from './remote.js';

const runner = { describe, it };
const sizeBytes = 1024 * 1024 + 512;

async function newLeg(): Promise<{ path: string; [Symbol.asyncDispose](): Promise<void> }> {
  const folder = await temporaryFolder();
  const path = join(folder.path, 'leg');
  await (await openFileDevice(path, { create: 'exclusive', sizeBytes }))[Symbol.asyncDispose]();
  return { path, [Symbol.asyncDispose]: async () => folder[Symbol.asyncDispose]() };
}

/** A file device whose flush can be made to fail; its process is this one, so that nothing can kill it. */
async function fileDevice(): Promise<BlockDeviceFixture> {
  const leg = await newLeg();
  const controls = new FaultControls(new InstantClock());
  return {
    open: async () => faultyDevice(await openFileDevice(leg.path), controls),
    failNextFlush: async () => void controls.fail('flush', { times: 1 }),
    [Symbol.asyncDispose]: async () => leg[Symbol.asyncDispose](),
  };
}

async function powerLoss(): Promise<BlockDeviceFixture> {
  const leg = await newLeg();
  let device: PowerLossDevice | undefined;
  return {
    open: async (): Promise<BlockDevice> => (device = powerLossDevice(await openFileDevice(leg.path))),
    losePower: async () => device?.losePower(),
    [Symbol.asyncDispose]: async () => leg[Symbol.asyncDispose](),
  };
}

async function killableDevice(): Promise<BlockDeviceFixture> {
  const leg = await newLeg();
  let life: Remote<BlockDevice> | undefined;
  return {
    open: async () => (life = await remoteDevice(leg.path)).adapter,
    kill: async () => life?.kill(),
    [Symbol.asyncDispose]: async () => {
      await life?.kill();
      await leg[Symbol.asyncDispose]();
    },
  };
}

async function directoryStore(): Promise<StoreFixture> {
  const folder = await temporaryFolder();
  return {
    open: () => openDirectoryStore(folder.path),
    corrupt: async (key) => {
      const file = join(folder.path, `${key}.record`);
      const bytes = await readFile(file);
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      await writeFile(file, bytes);
    },
    [Symbol.asyncDispose]: async () => folder[Symbol.asyncDispose](),
  };
}

async function killableStore(): Promise<StoreFixture> {
  const folder = await temporaryFolder();
  let life: Remote<Store> | undefined;
  return {
    open: async () => (life = await remoteStore(folder.path)).adapter,
    crash: async () => life?.kill(),
    [Symbol.asyncDispose]: async () => {
      await life?.kill();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function processFencer(): FencerFixture {
  const host = openProcessHost();
  return {
    fencer: host.fencer,
    start: async (nodeId) => {
      const life = await host.start({ ...childProgram('supervised'), nodeId });
      return {
        bootId: life.bootId,
        isAlive: async () => isRunning(life.processId),
        end: async () => {
          life.signal('SIGKILL');
          await life.exited;
        },
      };
    },
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}

/** Asked of the kernel, and not of the host under test. */
async function isRunning(processId: number): Promise<boolean> {
  try {
    await using file = await open(`/proc/${String(processId)}/stat`);
    return !/\) [ZX] /.test(await file.readFile('utf8'));
  } catch {
    return false;
  }
}

conformanceTests(runner, blockDeviceSuite, { name: 'openFileDevice', fixture: fileDevice });
conformanceTests(runner, storeSuite, { name: 'openDirectoryStore', fixture: directoryStore });
conformanceTests(runner, fencerSuite, { name: 'openProcessHost().fencer', fixture: processFencer });
conformanceTests(runner, blockDeviceSuite, { name: 'powerLossDevice', fixture: powerLoss });

describe('in a process that is killed', { timeout: 120_000 }, () => {
  // Each life is a process of its own, so there are few of them.
  const options = { operations: 20, caseLimitMs: 100_000 };
  const named = (cases: readonly { readonly name: string }[], words: RegExp): string[] =>
    cases.map(({ name }) => name).filter((name) => words.test(name));

  it.each(named(blockDeviceSuite.cases, /is killed/))('a file device %s', async (name) => {
    const each = blockDeviceSuite.cases.find((other) => other.name === name)!;
    expect(await runCase({ name: 'killed', fixture: killableDevice }, each, options)).toEqual({
      name,
      outcome: 'passed',
    });
  });

  it.each(named(storeSuite.cases, /durable|after a crash/))('a directory store %s', async (name) => {
    const each = storeSuite.cases.find((other) => other.name === name)!;
    expect(await runCase({ name: 'killed', fixture: killableStore }, each, options)).toEqual({
      name,
      outcome: 'passed',
    });
  });
});
