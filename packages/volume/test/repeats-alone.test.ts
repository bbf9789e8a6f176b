import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Initiator } from '../src/index.js';
import { RepeatMemory } from '../src/order/repeat-memory.js';
import { Cluster, take, visible } from './support/cluster.js';

const sectorBytes = 512;
const blockBytes = 4096;
const filled = (value: number, lengthBytes = blockBytes): Uint8Array =>
  new Uint8Array(lengthBytes).fill(value);

afterEach(() => {
  vi.restoreAllMocks();
});

/** Node b has died: a serves alone, and whatever it remembers it remembers for both. */
async function alone(): Promise<{ cluster: Cluster; host: Initiator; other: Initiator }> {
  const cluster = await Cluster.mirrored();
  const host = await cluster.initiator();
  const other = await cluster.initiator();
  await cluster.b.kill();
  await cluster.until(() => cluster.a.mode === 'standalone', 'a serves alone');
  await cluster.finish(host.write('vol0', 0, filled(9)), 'a first write');
  await cluster.clock.advance(100);
  return { cluster, host, other };
}

async function read(cluster: Cluster, host: Initiator, lengthBytes = blockBytes): Promise<Uint8Array> {
  return take(await cluster.finish(host.read('vol0', 0, lengthBytes), 'a read'));
}

async function restart(cluster: Cluster): Promise<void> {
  await cluster.a.kill();
  await cluster.a.start();
  await cluster.until(() => cluster.a.mode === 'standalone', 'a serves alone again');
}

/** The only node carries a write out, its answer is lost, another host writes over it, the node dies, and the repeat comes. */
async function answerLost(): Promise<{ cluster: Cluster; other: Initiator }> {
  const { cluster, host, other } = await alone();
  cluster.network.cut('a', 'host1');
  const old = host.write('vol0', 0, filled(1));
  await cluster.clock.advance(10);
  expect(await read(cluster, other)).toEqual(filled(1));
  await cluster.finish(other.write('vol0', 0, filled(2)), 'the other host writes over it');
  await restart(cluster);
  cluster.network.heal('a', 'host1');
  await cluster.finish(old, 'the repeat is answered');
  expect(host.status().repeated).toBe(1);
  return { cluster, other };
}

/**
 * The only node dies while a write is on its way to the leg, another host is quicker than the repeat.
 * @param newer What that one writes, and where.
 */
async function dieUnderWay(
  first: Uint8Array,
  newer: Uint8Array,
  newerAtBytes: number,
): Promise<{ cluster: Cluster; other: Initiator }> {
  const { cluster, host, other } = await alone();
  const disk = cluster.a.disks[0];
  if (disk === undefined) throw new TypeError('the site has no disk');
  disk.data.faults = ({ kind }) => (kind === 'write' ? { delayMs: 1_000 } : undefined);
  const old = host.write('vol0', 0, first);
  await cluster.clock.advance(50);
  disk.data.faults = undefined;
  await cluster.a.kill();
  cluster.network.partition('a', 'host1');
  await cluster.a.start();
  await cluster.until(() => cluster.a.mode === 'standalone', 'a serves alone again');
  await cluster.finish(other.write('vol0', newerAtBytes, newer), 'the other host writes');
  cluster.network.heal('a', 'host1');
  await cluster.finish(old, 'the repeat is answered');
  expect(host.status().repeated).toBe(1);
  return { cluster, other };
}

describe('the only node that serves dies, and knows a repeat of a write that was written over', () => {
  it('answers it and touches nothing', async () => {
    const { cluster, other } = await answerLost();
    expect(await read(cluster, other)).toEqual(filled(2));
    await cluster[Symbol.asyncDispose]();
  });

  it('would undo the newer write if that one had not waited for a note', async () => {
    vi.spyOn(RepeatMemory.prototype, 'isInTheWay').mockReturnValue(false);
    const { cluster, other } = await answerLost();
    expect(await read(cluster, other)).toEqual(filled(1));
    await cluster[Symbol.asyncDispose]();
  });

  it('does not wait for a note once the host has said that it has its answer', async () => {
    const { cluster, other } = await alone();
    const note = vi.spyOn(RepeatMemory.prototype, 'note');
    // The host that wrote there is silent since, but for the pings that say so.
    await cluster.finish(other.write('vol0', 0, filled(2)), 'written over');
    expect(note).not.toHaveBeenCalled();
    await cluster[Symbol.asyncDispose]();
  });

  it('knows it also after an order to stop', async () => {
    const { cluster, host, other } = await alone();
    cluster.network.cut('a', 'host1');
    const old = host.write('vol0', 0, filled(1));
    await cluster.clock.advance(10);
    await cluster.finish(cluster.a.running.shutDown(), 'stopped in order');
    await cluster.a.start();
    await cluster.until(() => cluster.a.mode === 'standalone', 'a serves alone again');
    await cluster.finish(other.write('vol0', 0, filled(2)), 'the other host writes over it');
    cluster.network.heal('a', 'host1');
    await cluster.finish(old, 'the repeat is answered');
    expect(await read(cluster, other)).toEqual(filled(2));
    await cluster[Symbol.asyncDispose]();
  });

  it('knows it also when the machine was started anew after an order to stop', async () => {
    const { cluster, host, other } = await alone();
    cluster.network.cut('a', 'host1');
    const old = host.write('vol0', 0, filled(1));
    await cluster.clock.advance(10);
    await cluster.finish(other.write('vol0', 0, filled(2)), 'the other host writes over it');
    // It has confirmed by now: there is nothing new to note, and the old note is one that the power may take.
    await cluster.clock.advance(300);
    await cluster.finish(cluster.a.running.shutDown(), 'stopped in order');
    await cluster.a.losePower();
    cluster.a.host.powerOn();
    await cluster.a.start();
    await cluster.until(() => cluster.a.mode === 'standalone', 'a serves alone again');
    cluster.network.heal('a', 'host1');
    await cluster.finish(old, 'the repeat is answered');
    expect(await read(cluster, other)).toEqual(filled(2));
    await cluster[Symbol.asyncDispose]();
  });

  it('forgets it with its copy: the other node has carried on without that write', async () => {
    const { cluster, other } = await answerLost();
    await cluster.b.start();
    await cluster.until(() => cluster.b.mode === 'mirrored' && cluster.a.mode === 'mirrored', 'both mirror');
    // Node a dies, b goes on, and a comes back as the copy that has to follow.
    await cluster.a.kill();
    await cluster.finish(other.write('vol0', 0, filled(3)), 'written at b');
    await cluster.a.start();
    await cluster.until(() => cluster.a.mode === 'mirrored', 'a mirrors again');
    const notes = await cluster.a.notes();
    expect(notes.initiators.every(({ done }) => done.length === 0)).toBe(true);
    await cluster[Symbol.asyncDispose]();
  });
});

describe('the only node that serves dies with a write on its way, and cannot know how far it came', () => {
  it('counts the repeat as the older one where others have written since', async () => {
    const { cluster, other } = await dieUnderWay(filled(1), filled(2), 0);
    expect(await read(cluster, other)).toEqual(filled(2));
    await cluster[Symbol.asyncDispose]();
  });

  it('would undo the newer write otherwise', async () => {
    vi.spyOn(RepeatMemory.prototype, 'isOutrun').mockReturnValue(false);
    const { cluster, other } = await dieUnderWay(filled(1), filled(2), 0);
    expect(await read(cluster, other)).toEqual(filled(1));
    await cluster[Symbol.asyncDispose]();
  });

  it('carries it out sector by sector where nobody has', async () => {
    const newer = filled(2, 2 * sectorBytes);
    const { cluster, other } = await dieUnderWay(filled(1, 2 * blockBytes), newer, 3 * sectorBytes);
    const expected = filled(1, 2 * blockBytes);
    expected.set(newer, 3 * sectorBytes);
    expect(await read(cluster, other, 2 * blockBytes)).toEqual(expected);
    await cluster[Symbol.asyncDispose]();
  });

  it('carries out a new write as it is, though its host was away', async () => {
    const { cluster, host, other } = await alone();
    await cluster.a.kill();
    cluster.network.partition('a', 'host1');
    await cluster.a.start();
    await cluster.until(() => cluster.a.mode === 'standalone', 'a serves alone again');
    await cluster.finish(other.write('vol0', 0, filled(2)), 'the other host writes');
    // Numbered while no path was open, so nobody can have carried it out: it is newer than what stands there.
    const write = host.write('vol0', 0, filled(3));
    cluster.network.heal('a', 'host1');
    await cluster.finish(write, 'the new write');
    expect(await read(cluster, other)).toEqual(filled(3));
    const disk = cluster.a.disks[0];
    expect(disk === undefined ? undefined : visible(disk.data).subarray(0, blockBytes)).toEqual(filled(3));
    await cluster[Symbol.asyncDispose]();
  });
});
