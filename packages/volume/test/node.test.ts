import { afterEach, describe, expect, it } from 'vitest';
import { sha256Digest } from '../src/node/digest.js';
import { Cluster, type ClusterOptions, mib, stamp, take, visible } from './support/cluster.js';

let cluster: Cluster;

async function mirrored(options: ClusterOptions = {}): Promise<Cluster> {
  cluster = await Cluster.mirrored(options);
  return cluster;
}

afterEach(async () => {
  await cluster[Symbol.asyncDispose]();
});

describe('a volume on two sites', () => {
  it('has a write on both legs before it is acknowledged, whichever node it came to', async () => {
    const { a, b } = await mirrored();
    for (const [index, site] of [a, b].entries()) {
      const data = stamp(index + 1);
      await cluster.finish(
        site.running.hostSide.write({
          volume: 0,
          offsetBytes: index * 8192,
          lengthBytes: 4096,
          data,
          forceUnitAccess: false,
          mayTrim: false,
          origin: undefined,
        }),
        'the write is acknowledged',
      );
      for (const { disks } of [a, b])
        expect(visible(disks[0]?.data ?? never()).subarray(index * 8192, index * 8192 + 4096)).toEqual(data);
    }
  });

  it('acknowledges a lone write when the peer has it: an answer that the own leg kept back is collected then', async () => {
    await mirrored();
    const host = await cluster.initiator();
    await cluster.finish(host.write('vol0', 0, stamp(1)), 'the extent stands in the logs');
    const answer = { came: false };
    void host.write('vol0', 0, stamp(2)).then(() => (answer.came = true));
    // Disks take no time here and links next to none, so a millisecond could only be that of the answer kept back.
    await cluster.clock.advance(0.9);
    expect(answer.came).toBe(true);
  });

  it('shows a write to reads at both nodes', async () => {
    const { a, b } = await mirrored();
    const host = await cluster.initiator();
    await cluster.finish(host.write('vol0', 4096, stamp(7)), 'written');
    for (const site of [a, b]) {
      const read = await cluster.finish(site.running.hostSide.read(0, 4096, 4096), 'read');
      expect(take(read)).toEqual(stamp(7));
    }
  });

  it('goes on at the other node when the preferred one is killed, within the bound, and loses nothing', async () => {
    const { a, b } = await mirrored();
    const host = await cluster.initiator();
    await cluster.finish(host.write('vol0', 0, stamp(1)), 'written');
    await a.kill();
    const from = cluster.clock.now();
    await cluster.finish(host.write('vol0', 4096, stamp(2)), 'written at the survivor');
    expect(cluster.clock.now() - from).toBeLessThan(700);
    expect(b.mode).toBe('standalone');
    expect(take(await cluster.finish(host.read('vol0', 0, 4096), 'read'))).toEqual(stamp(1));
  });

  it('goes on at the preferred node when the other one is killed', async () => {
    const { a, b } = await mirrored();
    const host = await cluster.initiator();
    await b.kill();
    await cluster.finish(host.write('vol0', 4096, stamp(2)), 'written at the survivor');
    expect(a.mode).toBe('standalone');
  });

  it('copies back only what changed when the killed node returns, and mirrors again', async () => {
    const { a, b } = await mirrored({ digest: sha256Digest });
    const host = await cluster.initiator();
    for (let block = 0; block < 16; block += 1)
      await cluster.finish(host.write('vol0', block * 4096, stamp(block)), 'written');
    await a.kill();
    for (let block = 4; block < 8; block += 1)
      await cluster.finish(host.write('vol0', block * 4096, stamp(100 + block)), 'written alone');
    await a.start();
    await cluster.until(() => a.mode === 'mirrored' && b.mode === 'mirrored', 'both mirror again');
    const ended = b.events.findLast((event) => event.kind === 'resync-ended');
    expect(ended).toMatchObject({ completed: true, progress: { movedBytes: 4 * 4096 } });
    expect(cluster.legsEqual()).toBe(true);
    await cluster.finish(host.write('vol0', 0, stamp(200)), 'written to both again');
    expect(cluster.legsEqual()).toBe(true);
  });

  it('mirrors again although hosts never pause: what they send is held for the moment of the change', async () => {
    const { a, b } = await mirrored({ latency: () => 3 });
    const host = await cluster.initiator();
    let stopped = false;
    const load = Array.from({ length: 8 }, async (_, client) => {
      for (let version = 0; !stopped; version += 1) await host.write('vol0', client * 4096, stamp(version));
    });
    await cluster.clock.advance(100);
    await b.kill();
    await cluster.clock.advance(1_500);
    await b.start();
    await cluster.until(
      () => a.mode === 'mirrored' && b.mode === 'mirrored',
      'both mirror under load',
      5_000,
    );
    stopped = true;
    await cluster.finish(Promise.all(load), 'the load ends');
    expect(cluster.legsDifference()).toBeUndefined();
  });

  it('has one side go on and the other stop when the link goes silent, and heals', async () => {
    const { a, b } = await mirrored();
    const host = await cluster.initiator();
    cluster.network.partition('a', 'b');
    await cluster.finish(host.write('vol0', 0, stamp(1)), 'written at one side');
    await cluster.until(() => a.mode === 'standalone' && b.mode === 'fenced', 'a serves, b is fenced');
    cluster.network.heal('a', 'b');
    await cluster.until(() => a.mode === 'mirrored' && b.mode === 'mirrored', 'both mirror again');
    expect(cluster.legsEqual()).toBe(true);
  });

  it('does not notice the death of the witness', async () => {
    const { a, b } = await mirrored();
    const host = await cluster.initiator();
    cluster.witnessUp = false;
    await cluster.clock.advance(5_000);
    const from = cluster.clock.now();
    await cluster.finish(host.write('vol0', 0, stamp(1)), 'written');
    expect(cluster.clock.now() - from).toBeLessThan(20);
    expect([a.mode, b.mode]).toEqual(['mirrored', 'mirrored']);
  });

  it('gives a node that lost its power the blocks that it forgot', async () => {
    const { a, b } = await mirrored();
    const host = await cluster.initiator();
    for (let block = 0; block < 32; block += 1)
      await cluster.finish(host.write('vol0', block * 4096, stamp(block)), 'written');
    await b.losePower();
    await cluster.finish(host.write('vol0', mib, stamp(99)), 'written alone');
    b.host.powerOn();
    await b.start();
    await cluster.until(() => a.mode === 'mirrored' && b.mode === 'mirrored', 'both mirror again');
    expect(cluster.legsEqual()).toBe(true);
  });

  it('never has two overlapping writes under way at one leg', async () => {
    const { a, b } = await mirrored();
    const hosts = [await cluster.initiator(), await cluster.initiator()];
    const writes = Array.from({ length: 60 }, async (_, index) => {
      await hosts[index % 2]?.write('vol0', (index % 3) * 2048, stamp(index));
    });
    await cluster.finish(Promise.all(writes), 'all written');
    for (const { disks } of [a, b]) expect(disks[0]?.data.overlappingWrites).toBe(0);
    expect(cluster.legsEqual()).toBe(true);
  });

  it('makes what was acknowledged at one node stable on both legs by a flush at the other', async () => {
    const { a, b } = await mirrored();
    await cluster.finish(
      a.running.hostSide.write({
        volume: 0,
        offsetBytes: 0,
        lengthBytes: 4096,
        data: stamp(5),
        forceUnitAccess: false,
        mayTrim: false,
        origin: undefined,
      }),
      'written at a',
    );
    await cluster.finish(b.running.hostSide.flush(0), 'flushed at b');
    for (const { disks } of [a, b]) expect(disks[0]?.data.readStable(0, 4096)).toEqual(stamp(5));
  });

  it('starts without a copy when both legs are new, and with a full one when a leg is adopted', async () => {
    const { b } = await mirrored({ content: 'adopt' });
    expect(b.mode).toBe('mirrored');
    const ended = cluster.a.events.findLast((event) => event.kind === 'resync-ended');
    expect(ended).toMatchObject({ completed: true });
    await cluster[Symbol.asyncDispose]();
    await mirrored();
    expect(
      cluster.a.events.some((event) => event.kind === 'resync-ended' && event.progress.movedBytes > 0),
    ).toBe(false);
  });

  for (const afterMs of [0, 10, 15, 20, 30]) {
    it(`stops in order ${String(afterMs)} ms after its start, also while its record is being written`, async () => {
      cluster = await Cluster.create();
      const { a, b } = cluster;
      const node = await cluster.finish(a.start(), 'a has started');
      a.records.faults = ({ kind }) => (kind === 'save' ? { delayMs: 400 } : undefined);
      await cluster.finish(b.start(), 'b has started');
      await cluster.clock.advance(afterMs);
      await cluster.finish(node.shutDown(), 'a has stopped');
      a.records.faults = undefined;
      await cluster.finish(a.start(), 'a has started again');
      await cluster.until(() => a.mode === 'mirrored' && b.mode === 'mirrored', 'both mirror');
    });
  }
});

function never(): never {
  throw new TypeError('the site has no disk');
}
