import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Initiator } from '../src/index.js';
import { Origins } from '../src/order/origins.js';
import { encodeHello, pathVersion } from '../src/path/messages.js';
import { frame, FrameStream, frameTypes } from '../src/wire/index.js';
import { Cluster, mib, take, visible } from './support/cluster.js';

const first = new Uint8Array(4096).fill(1);
const second = new Uint8Array(4096).fill(2);

/** Takes away the guard: whatever comes is new. */
function withoutGuard(): void {
  vi.spyOn(Origins.prototype, 'admit').mockReturnValue({ kind: 'new' });
}

/** Both legs hold this at the start of the volume, and a read says the same. */
async function held(cluster: Cluster, host: Initiator): Promise<number | undefined> {
  const read = take(await cluster.finish(host.read('vol0', 0, 4096), 'the last read'));
  expect(new Set(read).size).toBe(1);
  return read[0];
}

function legs(cluster: Cluster): (number | undefined)[] {
  return [cluster.a, cluster.b].map(({ disks }) => disks[0] && visible(disks[0].data)[0]);
}

/**
 * Takes so much of the node's memory that no other path is read there, until what it gives back ends that: an initiator that reads,
 * and does not take the bytes.
 */
async function fillMemory(cluster: Cluster): Promise<() => void> {
  cluster.network.host('greedy');
  const stream = await cluster.finish(
    cluster.network.host('greedy').connect('tcp:a:2000'),
    'a path of its own',
  );
  const frames = new FrameStream(stream, { frame: () => undefined, closed: () => undefined });
  const hello = { pathVersion, clusterId: 'test', groupId: 'group', initiatorId: 'greedy' };
  frames.send(frame(frameTypes.hello, { payload: encodeHello(hello) }));
  frames.send(frame(frameTypes.raiseGeneration, { generation: 1 }));
  await cluster.clock.advance(20);
  cluster.network.cut('a', 'greedy');
  for (let id = 1; id <= 4; id++)
    frames.send(frame(frameTypes.pathRead, { id, generation: 1, lengthBytes: mib }));
  let filled = true;
  const stayAlive = (): void => {
    frames.send(frame(frameTypes.ping));
    if (filled) cluster.clock.setTimer(200, stayAlive);
  };
  stayAlive();
  await cluster.clock.advance(20);
  return () => {
    filled = false;
    cluster.network.heal('a', 'greedy');
  };
}

const memoryBudgetBytes = mib + 4096;

/** The reply is lost, another host overwrites the block, and then the repeat comes. */
async function replyLost(
  cluster: Cluster,
  meanwhile: (old: Promise<void>) => Promise<void>,
): Promise<Initiator> {
  const host = await cluster.initiator();
  const other = await cluster.initiator();
  await cluster.clock.advance(50);
  cluster.network.cut('a', 'host1');
  const old = host.write('vol0', 0, first);
  await cluster.clock.advance(10);
  expect(legs(cluster)).toEqual([1, 1]);
  await cluster.finish(other.write('vol0', 0, second), 'the other host overwrites the block');
  await meanwhile(old);
  await cluster.finish(old, 'the first write has its answer');
  expect(host.status().repeated).toBe(1);
  return other;
}

const stories: readonly { readonly name: string; readonly tell: () => Promise<number | undefined> }[] = [
  {
    name: 'a pause shorter than the lease',
    tell: async () => {
      await using cluster = await Cluster.mirrored();
      const other = await replyLost(cluster, async () => {
        await cluster.clock.advance(100);
        cluster.a.clock.pause();
        await cluster.clock.advance(200);
        cluster.a.clock.resume();
      });
      expect(cluster.a.mode).toBe('mirrored');
      return await held(cluster, other);
    },
  },
  {
    name: 'a reconnect to the same node',
    tell: async () => {
      await using cluster = await Cluster.mirrored();
      const other = await replyLost(cluster, async () => {
        cluster.network.partition('host1', 'b');
        await cluster.clock.advance(400);
        cluster.network.heal('host1', 'a');
      });
      return await held(cluster, other);
    },
  },
  {
    name: 'a path cut from the client only',
    tell: async () => {
      await using cluster = await Cluster.mirrored({ tuning: { memoryBudgetBytes } });
      const host = await cluster.initiator();
      await cluster.clock.advance(50);
      const giveBack = await fillMemory(cluster);
      const old = host.write('vol0', 0, first);
      await cluster.clock.advance(20);
      expect(legs(cluster)).toEqual([0, 0]);
      cluster.network.partition('host1', 'a');
      await cluster.finish(old, 'the first write, over the other path');
      expect(host.status()).toMatchObject({ activeNodeId: 'b', repeated: 1 });
      await cluster.finish(host.write('vol0', 0, second), 'the second write');
      // Now the node reads what has waited in its socket.
      giveBack();
      await cluster.clock.advance(500);
      return await held(cluster, host);
    },
  },
];

describe.each(stories)('real nodes, $name', ({ tell }) => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('leaves the newer bytes on both legs', async () => {
    expect(await tell()).toBe(2);
  });

  it('would lose them if repeats were not recognised', async () => {
    withoutGuard();
    expect(await tell()).toBe(1);
  });
});

describe('real nodes, a pause longer than the lease', () => {
  it('leaves the newer bytes on both legs, whatever the paused node still had in hand', async () => {
    await using cluster = await Cluster.mirrored({ tuning: { memoryBudgetBytes } });
    const host = await cluster.initiator();
    await cluster.clock.advance(50);
    const giveBack = await fillMemory(cluster);
    const old = host.write('vol0', 0, first);
    await cluster.clock.advance(5);
    cluster.a.clock.pause();
    await cluster.finish(old, 'the first write, at the survivor');
    await cluster.finish(host.write('vol0', 0, second), 'the second write');
    expect(cluster.b.mode).toBe('standalone');
    cluster.a.clock.resume();
    giveBack();
    await cluster.until(
      () => cluster.a.mode === 'mirrored' && cluster.b.mode === 'mirrored',
      'both mirror again',
    );
    expect(await held(cluster, host)).toBe(2);
    expect(legs(cluster)).toEqual([2, 2]);
  });
});

describe('a node that forwards, and dies with a write on its way', () => {
  it('is not taken for its former life when it counts from the beginning', async () => {
    await using cluster = await Cluster.mirrored();
    const host = await cluster.initiator();
    cluster.network.partition('host1', 'a');
    const write = (number: number): Promise<void> =>
      host.write('vol0', number * 4096, new Uint8Array(4096).fill(number));
    for (let number = 1; number <= 5; number++) await cluster.finish(write(number), `write ${number}`);
    expect(host.status().activeNodeId).toBe('b');
    const underWay = write(6);
    await cluster.clock.advance(0.25);
    await cluster.b.kill();
    await cluster.b.start();
    await cluster.finish(underWay, 'the write that was on its way');
    for (let number = 7; number <= 20; number++) await cluster.finish(write(number), `write ${number}`);
    for (const { disks } of [cluster.a, cluster.b]) {
      const bytes = disks[0] === undefined ? new Uint8Array(0) : visible(disks[0].data);
      expect(Array.from({ length: 20 }, (_, index) => bytes[(index + 1) * 4096])).toEqual(
        Array.from({ length: 20 }, (_, index) => index + 1),
      );
    }
  });
});
