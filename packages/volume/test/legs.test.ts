import { freshRecord, HoldfastError, lan } from '@holdfast/core';
import {
  memoryDevice,
  MemoryDisk,
  MemoryNetwork,
  memoryStore,
  seededRandom,
  VirtualClock,
} from '@holdfast/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { createNode, type LegOptions, metadataSizeBytes, type NodeOptions } from '../src/index.js';
import { Cluster, type ClusterOptions, mib, stamp, take, visible } from './support/cluster.js';

let cluster: Cluster | undefined;

async function mirrored(options: ClusterOptions = {}): Promise<Cluster> {
  cluster = await Cluster.mirrored(options);
  return cluster;
}

afterEach(async () => {
  await cluster?.[Symbol.asyncDispose]();
  cluster = undefined;
});

describe('a leg that fails', () => {
  for (const kind of ['write', 'read', 'flush'] as const) {
    it(`is never acknowledged when it fails a ${kind}: its node goes, and the host sees no error`, async () => {
      const { a, b, finish } = withFinish(await mirrored());
      const host = await cluster?.initiator();
      await finish(host?.write('vol0', 0, stamp(1)), 'written');
      failEvery(a, kind);
      await finish(host?.write('vol0', 4096, stamp(2)), 'written');
      const read = await finish(host?.read('vol0', 0, 4096), 'read');
      await finish(host?.flush('vol0'), 'flushed');
      expect(take(read)).toEqual(stamp(1));
      await cluster?.until(() => b.mode === 'standalone' && a.mode === 'fenced', 'b serves alone, a is out');
      expect(visible(b.disks[0]?.data ?? never()).subarray(4096, 8192)).toEqual(stamp(2));
    });
  }

  it('goes as well when it answers nothing at all, after its own time and not after the lease', async () => {
    const { a, b, finish } = withFinish(await mirrored({ tuning: { legTimeoutMs: 3_000 } }));
    const host = await cluster?.initiator();
    const disk = a.disks[0]?.data ?? never();
    disk.faults = ({ kind }) => (kind === 'write' ? { hang: true } : undefined);
    const from = cluster?.clock.now() ?? 0;
    await finish(host?.write('vol0', 0, stamp(3)), 'written by the other leg');
    expect((cluster?.clock.now() ?? 0) - from).toBeGreaterThan(3_000);
    expect(b.mode).toBe('standalone');
  });
});

describe('metadata that takes five seconds to write', () => {
  it('makes writes to new extents wait, and nobody loses a lease over it', async () => {
    const { a, b, finish } = withFinish(await mirrored());
    const host = await cluster?.initiator();
    for (const { disks } of [a, b]) {
      const metadata = disks[0]?.metadata ?? never();
      metadata.faults = () => ({ delayMs: 5_000 });
    }
    const modesBefore = [...a.events, ...b.events].filter((event) => event.kind === 'mode-changed').length;
    const from = cluster?.clock.now() ?? 0;
    await finish(host?.write('vol0', 4 * mib, stamp(1)), 'written');
    expect((cluster?.clock.now() ?? 0) - from).toBeGreaterThan(4_900);
    expect([...a.events, ...b.events].filter((event) => event.kind === 'mode-changed')).toHaveLength(
      modesBefore,
    );
    expect([a.mode, b.mode]).toEqual(['mirrored', 'mirrored']);
  });
});

describe('the activity log', () => {
  it('refuses a write that it has no room for, and goes on with the others', async () => {
    const tuning = { activityLogExtentBytes: 16 * 1024, activityLogExtents: 3, resyncChunkBytes: 16 * 1024 };
    const { a, finish } = withFinish(await mirrored({ tuning }));
    const request = { volume: 0, data: undefined, forceUnitAccess: false, mayTrim: false, origin: undefined };
    const write = (lengthBytes: number): Promise<void> =>
      (async () => a.running.hostSide.write({ ...request, offsetBytes: 0, lengthBytes }))();
    await expect(write(49 * 1024)).rejects.toMatchObject({ code: 'OUT_OF_RANGE' });
    await finish(write(48 * 1024), 'one that fits');
    expect(a.mode).toBe('mirrored');
  });

  it('must have room for one copy of the resync: a node without does not start', async () => {
    const tuning = { activityLogExtentBytes: 16 * 1024, activityLogExtents: 3, resyncChunkBytes: 64 * 1024 };
    await expect(mirrored({ tuning })).rejects.toThrow(/activityLogExtents >= resyncChunkBytes/);
  });

  it('has a write before the peer is sent it: a peer that settles it early must not be the only one that knew', async () => {
    const { a, b, finish } = withFinish(await mirrored());
    const metadata = a.disks[0]?.metadata ?? never();
    metadata.faults = () => ({ delayMs: 300 });
    const written = a.running.hostSide.write({
      volume: 0,
      offsetBytes: 4 * mib,
      lengthBytes: 4096,
      data: stamp(9),
      forceUnitAccess: false,
      mayTrim: false,
      origin: undefined,
    });
    await cluster?.clock.advance(200);
    const atPeer = (): Uint8Array => visible(b.disks[0]?.data ?? never()).subarray(4 * mib, 4 * mib + 4096);
    expect(atPeer().every((byte) => byte === 0)).toBe(true);
    await finish(written, 'written once it stands in the log');
    expect(atPeer()).toEqual(stamp(9));
  });

  it('does not stop a resync when the returning node finds it full', async () => {
    const extentBytes = 16 * 1024;
    const { a, b, finish } = withFinish(
      await mirrored({
        tuning: { activityLogExtentBytes: extentBytes, activityLogExtents: 2, resyncChunkBytes: extentBytes },
      }),
    );
    const host = await cluster?.initiator();
    for (const extent of [0, 1])
      await finish(host?.write('vol0', extent * extentBytes, stamp(extent)), 'written');
    await b.kill();
    for (const extent of [2, 3, 4, 5])
      await finish(host?.write('vol0', extent * extentBytes, stamp(extent)), 'written alone');
    await b.start();
    await cluster?.until(() => a.mode === 'mirrored' && b.mode === 'mirrored', 'both mirror again', 5_000);
    expect(cluster?.legsDifference()).toBeUndefined();
  });
});

describe('a group of several volumes', () => {
  it('fails over and resyncs as one', async () => {
    const { a, b, finish } = withFinish(await mirrored({ volumes: ['data', 'journal'] }));
    const host = await cluster?.initiator();
    await finish(host?.write('data', 0, stamp(1)), 'written');
    await finish(host?.write('journal', 0, stamp(2)), 'written');
    await b.kill();
    await finish(host?.write('journal', 8192, stamp(3)), 'written alone');
    await b.start();
    await cluster?.until(() => a.mode === 'mirrored' && b.mode === 'mirrored', 'both mirror again');
    expect(cluster?.legsDifference()).toBeUndefined();
    const read = await finish(b.running.hostSide.read(1, 8192, 4096), 'read at b');
    expect(take(read)).toEqual(stamp(3));
  });
});

describe('a leg that is not what it should be', () => {
  const identity = { groupId: 'g', nodeId: 'a', peerId: 'b', role: 'preferred' } as const;
  const clock = new VirtualClock();
  const network = new MemoryNetwork({ clock });
  const data = (sizeBytes = mib): MemoryDisk => new MemoryDisk({ name: 'leg', sizeBytes });
  const metadata = (sizeBytes = metadataSizeBytes(mib)): MemoryDisk =>
    new MemoryDisk({ name: 'leg.meta', sizeBytes });

  function start(
    leg: Omit<LegOptions, 'volumeId'>,
    change: Partial<NodeOptions> = {},
  ): ReturnType<typeof createNode> {
    return createNode({
      clusterId: 'c',
      groupId: 'g',
      nodeId: 'a',
      peerId: 'b',
      role: 'preferred',
      legs: [{ volumeId: 'v', ...leg }],
      store: memoryStore(),
      machineBootId: 'm',
      timing: lan,
      faultModel: { kind: 'mediator' },
      peerLink: { listen: 'tcp:x:0' },
      clock,
      random: seededRandom(1),
      transport: network.host('x'),
      ...change,
    });
  }

  async function refusal(
    leg: Omit<LegOptions, 'volumeId'>,
    change: Partial<NodeOptions> = {},
  ): Promise<string> {
    const error: unknown = await start(leg, change).catch((thrown: unknown) => thrown);
    if (!HoldfastError.is(error)) throw new Error(`expected a refusal, got ${String(error)}`);
    expect(error.message.length).toBeGreaterThan(60);
    return error.code;
  }

  async function taken(): Promise<{ data: MemoryDisk; metadata: MemoryDisk }> {
    const disks = { data: data(), metadata: metadata() };
    const node = await start({
      data: memoryDevice(disks.data),
      metadata: memoryDevice(disks.metadata),
      content: 'zeros',
    });
    await node[Symbol.asyncDispose]();
    return disks;
  }

  it('has to be declared when it is new', async () => {
    expect(await refusal({ data: memoryDevice(data()), metadata: memoryDevice(metadata()) })).toBe(
      'OPTIONS_INVALID',
    );
  });

  it('belongs to another group, cluster or node', async () => {
    for (const change of [{ groupId: 'other' }, { clusterId: 'other' }, { nodeId: 'z' }]) {
      const disks = await taken();
      expect(
        await refusal({ data: memoryDevice(disks.data), metadata: memoryDevice(disks.metadata) }, change),
      ).toBe('FOREIGN_LEG');
    }
  });

  it('is new, although the record says that its node has held the group: an empty copy would pass for a whole one', async () => {
    const store = memoryStore();
    const record = { ...freshRecord({ ...identity, machineBootId: 'm' }), mode: 'mirrored', epoch: 3 };
    await store.save('group.g', new TextEncoder().encode(JSON.stringify(record)));
    const disks = { data: data(), metadata: metadata() };
    const leg = {
      data: memoryDevice(disks.data),
      metadata: memoryDevice(disks.metadata),
      content: 'zeros' as const,
    };
    expect(await refusal(leg, { store })).toBe('FOREIGN_LEG');
    expect(visible(disks.metadata).every((byte) => byte === 0)).toBe(true);
    await store.delete('group.g');
    const node = await start(leg, { store });
    expect(node.status().record.mode).toBe('fresh');
    await node[Symbol.asyncDispose]();
  });

  it('has another size than when it was taken in', async () => {
    const disks = await taken();
    expect(await refusal({ data: memoryDevice(data(2 * mib)), metadata: memoryDevice(disks.metadata) })).toBe(
      'SIZE_MISMATCH',
    );
  });

  it('has metadata that was cut off', async () => {
    expect(
      await refusal({ data: memoryDevice(data()), metadata: memoryDevice(metadata(8192)), content: 'zeros' }),
    ).toBe('SIZE_MISMATCH');
  });

  it('stands on a device that cannot do everything, and then writes nothing', async () => {
    const disk = metadata();
    const device = Object.assign(memoryDevice(disk), { supports: { forceUnitAccess: false } });
    const leg = { data: memoryDevice(data()), metadata: device, content: 'zeros' as const };
    expect(await refusal(leg)).toBe('NOT_SUPPORTED');
    const reads = Object.assign(memoryDevice(data()), { supports: { writes: false } });
    expect(await refusal({ ...leg, data: reads, metadata: memoryDevice(disk) })).toBe('NOT_SUPPORTED');
    const { bytes } = await memoryDevice(disk).read(0, 8192);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
  });

  it('has a label that is damaged in both copies, while one damaged copy does no harm', async () => {
    const disks = await taken();
    const device = memoryDevice(disks.metadata);
    await device.write(100, new Uint8Array([1]));
    const node = await start({ data: memoryDevice(disks.data), metadata: memoryDevice(disks.metadata) });
    await node[Symbol.asyncDispose]();
    await device.write(4196, new Uint8Array([1]));
    expect(await refusal({ data: memoryDevice(disks.data), metadata: memoryDevice(disks.metadata) })).toBe(
      'CORRUPT',
    );
  });

  it('has a record that cannot be read, or of another node', async () => {
    const store = memoryStore();
    await store.save('group.g', new TextEncoder().encode('{"version":1,'));
    const leg = { data: memoryDevice(data()), metadata: memoryDevice(metadata()), content: 'zeros' as const };
    expect(await refusal(leg, { store })).toBe('CORRUPT');
    await store.save('group.g', new TextEncoder().encode('{"version":1,"groupId":"g","nodeId":"q"}'));
    expect(await refusal(leg, { store })).toBe('FOREIGN_LEG');
  });
});

describe('a stranger at the peer link', () => {
  const greeting = (change: object): object => ({
    clusterId: 'test',
    groupId: 'group',
    nodeId: 'b',
    volumes: [{ volumeId: 'vol0', sizeBytes: 8 * mib }],
    introduction: { bootId: 'x' },
    ...change,
  });

  it('is refused by name, and changes nothing', async () => {
    const { a, b } = await mirrored();
    const { encodeJson, frame, FrameStream, frameTypes } = await import('../src/wire/index.js');
    const cases = [
      { clusterId: 'other' },
      { groupId: 'other' },
      { nodeId: 'c' },
      { volumes: [{ volumeId: 'vol0', sizeBytes: 1 }] },
    ];
    for (const change of cases) {
      const stream = await cluster?.finish(
        cluster.network.host('stranger').connect('tcp:a:1000'),
        'connected',
      );
      if (stream === undefined) throw new TypeError('no stream');
      const told: string[] = [];
      const frames = new FrameStream(stream, {
        frame: (next) => told.push(new TextDecoder().decode(next.payload)),
        closed: () => undefined,
      });
      frames.send(frame(frameTypes.hello, { payload: encodeJson(greeting(change)) }));
      await cluster?.clock.advance(50);
      expect(told.join()).toContain('reason');
    }
    expect(a.events.filter((event) => event.kind === 'refused')).toHaveLength(cases.length);
    expect([a.mode, b.mode]).toEqual(['mirrored', 'mirrored']);
  });

  it('is hung up on when it talks nonsense', async () => {
    const { a, b } = await mirrored();
    const stream = await cluster?.finish(cluster.network.host('stranger').connect('tcp:a:1000'), 'connected');
    let closed = false;
    stream?.attach({
      data: () => undefined,
      drain: () => undefined,
      end: () => undefined,
      close: () => (closed = true),
    });
    stream?.write([new Uint8Array(300).fill(7)]);
    await cluster?.clock.advance(50);
    expect(closed).toBe(true);
    expect([a.mode, b.mode]).toEqual(['mirrored', 'mirrored']);
  });
});

function failEvery({ disks }: Cluster['a'], kind: 'read' | 'write' | 'flush'): void {
  const disk = disks[0]?.data ?? never();
  disk.faults = (operation) => (operation.kind === kind ? { fail: 'IO_FAILED' } : undefined);
}

function withFinish(of: Cluster): {
  a: Cluster['a'];
  b: Cluster['b'];
  finish: <Result>(work: Promise<Result> | undefined, what: string) => Promise<Result>;
} {
  return {
    a: of.a,
    b: of.b,
    finish: (work, what) => {
      if (work === undefined) throw new TypeError(`nothing to wait for: ${what}`);
      return of.finish(work, what, 60_000);
    },
  };
}

function never(): never {
  throw new TypeError('the site has no disk');
}
