import type { FencingEvidence } from '@holdfast/core';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  bootTimeMs,
  machineBootId,
  openDirectoryStore,
  openFileDevice,
  openProcessHost,
} from '../src/index.js';
import { childPath, childProgram } from './children/run.js';
import { pattern, temporaryFolder } from './temporary.js';

const patience = { deadlineMs: 20_000 };
const ready = (line: string): boolean => line === 'ready';

describe('nodes as processes', { timeout: 60_000 }, () => {
  it('gives evidence of the very life that ended, and of no other', async () => {
    await using host = openProcessHost();
    const seen: FencingEvidence[] = [];
    const stop = host.fencer.watch((evidence) => void seen.push(evidence));
    const first = await host.start(childProgram('supervised'));
    const second = await host.start(childProgram('supervised'));
    expect(await first.waitForLine((line) => line.startsWith('boot'), patience)).toBe(`boot ${first.bootId}`);
    expect(await host.fencer.fence('supervised', 'another life')).toBeUndefined();
    expect(await host.fencer.fence('another node', first.bootId)).toBeUndefined();
    expect(first.exit).toBeUndefined();

    first.signal('SIGSTOP');
    const evidence = await host.fencer.fence('supervised', first.bootId, patience);
    const how = `process ${first.processId} was ended by SIGKILL`;
    expect(evidence).toEqual({ nodeId: 'supervised', bootId: first.bootId, strength: 'io', how });
    expect(seen).toEqual([evidence]);
    expect(await host.fencer.fence('supervised', first.bootId)).toEqual(evidence);
    expect(first.signal('SIGTERM')).toBe(false);
    expect(host.processes).toEqual([second]);
    stop();
  });

  it('gives up a wait for fencing without evidence', async () => {
    await using host = openProcessHost();
    const child = await host.start(childProgram('supervised'));
    const aborted = {
      aborted: true,
      addEventListener: () => undefined,
      removeEventListener: () => undefined,
    };
    expect(await host.fencer.fence('supervised', child.bootId, { signal: aborted })).toBeUndefined();
    await child.exited;
  });

  it('says which program there is not, and what a process printed last before it ended', async () => {
    await using host = openProcessHost();
    await expect(host.start({ nodeId: 'n', command: '/no/such/program' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('/no/such/program') as string,
    });
    const child = await host.start({
      nodeId: 'n',
      command: process.execPath,
      args: ['-e', 'console.log("last words"); process.exitCode = 3'],
    });
    await expect(child.waitForLine(ready, patience)).rejects.toMatchObject({
      code: 'CLOSED',
      message: expect.stringMatching(/exited with code 3.*last words/) as string,
    });
  });

  it('ends all children when it is disposed, stubborn and stopped ones too', async () => {
    const host = openProcessHost({ graceMs: 300 });
    const stubborn = await host.start(childProgram('supervised', 'stubborn'));
    const stopped = await host.start(childProgram('supervised'));
    await stubborn.waitForLine((line) => line.startsWith('boot'), patience);
    await stopped.waitForLine((line) => line.startsWith('boot'), patience);
    stopped.signal('SIGSTOP');
    await host[Symbol.asyncDispose]();
    expect(stubborn.exit?.signal).toBe('SIGKILL');
    expect(stopped.exit?.signal).toBe('SIGTERM');
  });

  it('lets a child end by itself when its parent was killed', async () => {
    await using host = openProcessHost();
    const parent = await host.start(childProgram('parent', childPath('supervised')));
    const line = await parent.waitForLine((text) => text.startsWith('child '), patience);
    const grandchild = Number(line.slice('child '.length));
    expect(existsSync(`/proc/${grandchild}/status`)).toBe(true);
    parent.signal('SIGKILL');
    await parent.exited;
    await eventually(async () => !(await isRunning(grandchild)));
  });
});

describe('what a killed process leaves', { timeout: 60_000 }, () => {
  it('a leg that the next one may open, with all that was flushed and nothing that was not', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'leg');
    await (await openFileDevice(path, { create: 'exclusive', sizeBytes: 65_536 }))[Symbol.asyncDispose]();
    await using host = openProcessHost();
    const child = await host.start(childProgram('hold-a-leg', path));
    await child.waitForLine(ready, patience);
    await expect(openFileDevice(path)).rejects.toMatchObject({
      code: 'ALREADY_OPEN',
      message: expect.stringContaining(`by process ${child.processId}`) as string,
    });
    child.signal('SIGSTOP');
    await expect(openFileDevice(path)).rejects.toMatchObject({ code: 'ALREADY_OPEN' });
    child.signal('SIGKILL');
    await child.exited;
    await using device = await openFileDevice(path);
    expect((await device.read(0, 8192)).bytes).toEqual(pattern(8192, 1));
    expect((await device.read(8192, 4096)).bytes).toEqual(new Uint8Array(4096));
  });

  it('a store with the last record or the one on its way, whole', async () => {
    await using folder = await temporaryFolder();
    await using host = openProcessHost();
    for (const lifeMs of [3, 17, 40, 75]) {
      let saved = 0;
      const output = (line: string): void => {
        if (line.startsWith('saved ')) saved = Number(line.slice('saved '.length));
      };
      const child = await host.start({ ...childProgram('save-for-ever', folder.path), output });
      await child.waitForLine((line) => line.startsWith('saved '), patience);
      await sleep(lifeMs);
      child.signal('SIGKILL');
      await child.exited;
      await child.waitForLine(() => false).catch(() => undefined);
      await using store = await openDirectoryStore(folder.path);
      const value = (await store.load('k'))!;
      const rounds = [saved, saved + 1].map((round) => ({
        length: 1 + ((round * 977) % 60_000),
        byte: round & 0xff,
      }));
      expect(rounds).toContainEqual({ length: value.length, byte: value[0] });
      expect(value.every((byte) => byte === value[0])).toBe(true);
    }
  });
});

describe('the machine', () => {
  it('has one boot id for all, and a boot time that runs', async () => {
    expect(machineBootId()).toBe((await readFile('/proc/sys/kernel/random/boot_id', 'latin1')).trim());
    const before = bootTimeMs();
    expect(before).toBeGreaterThan(0);
    await sleep(40);
    expect(bootTimeMs() - before).toBeGreaterThan(15);
  });
});

async function isRunning(processId: number): Promise<boolean> {
  try {
    return !/^State:\s+[ZX]/m.test(await readFile(`/proc/${processId}/status`, 'latin1'));
  } catch {
    return false;
  }
}

async function eventually(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await condition()) return;
    await sleep(50);
  }
  throw new Error('it did not come true within 10 s');
}
