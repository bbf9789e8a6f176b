import { afterEach, describe, expect, it } from 'vitest';
import { Cluster, type ClusterOptions, stamp, take } from './support/cluster.js';

let cluster: Cluster | undefined;

async function mirrored(options: ClusterOptions): Promise<Cluster> {
  cluster = await Cluster.mirrored(options);
  return cluster;
}

afterEach(async () => {
  await cluster?.[Symbol.asyncDispose]();
  cluster = undefined;
});

/**
 * A hypervisor stops node a with all its clocks. Node b goes on alone, and a host of its own writes there. Then a goes on as if no time had
 * passed, and somebody reads at it at once.
 */
async function readAfterFreeze(readMode: 'leased' | 'confirmed'): Promise<Uint8Array | 'no answer'> {
  const all = await mirrored({ readMode });
  const { a, b } = all;
  const host = await all.initiator();
  await all.finish(host.write('vol0', 0, stamp(1)), 'written on both');
  await all.clock.advance(200);
  // What b says from now on arrives late: it is a network after all.
  all.network.cut('b', 'a');
  a.clock.pause('all');
  await all.until(() => b.mode === 'standalone', 'b serves alone');
  // A host of b: one that had asked a first would hold the range there, and the read would wait for it.
  const request = { volume: 0, offsetBytes: 0, lengthBytes: 4096, data: stamp(2), mayTrim: false };
  const written = b.running.hostSide.write({ ...request, forceUnitAccess: false, origin: undefined });
  await all.finish(written, 'written on b alone');
  a.clock.resume();
  let answer: Uint8Array | 'no answer' = 'no answer';
  a.running.hostSide.read(0, 0, 4096).then(
    (buffer) => (answer = take(buffer)),
    () => undefined,
  );
  await all.clock.advance(100);
  all.network.heal('b', 'a');
  return answer;
}

describe('a node whose clocks all stood still', () => {
  it('answers an old value when reads rest on leases alone: that is their limit', async () => {
    expect(await readAfterFreeze('leased')).toEqual(stamp(1));
  });

  it('answers nothing when reads are confirmed: the peer does not mirror any more', async () => {
    expect(await readAfterFreeze('confirmed')).toBe('no answer');
  });
});

describe('confirmed reads', () => {
  it('are answered while both mirror, and by the one that serves alone', async () => {
    const all = await mirrored({ readMode: 'confirmed' });
    const host = await all.initiator();
    await all.finish(host.write('vol0', 0, stamp(3)), 'written');
    for (const { running } of [all.a, all.b]) {
      const read = await all.finish(running.hostSide.read(0, 0, 4096), 'read');
      expect(take(read)).toEqual(stamp(3));
    }
    await all.a.kill();
    const alone = await all.finish(host.read('vol0', 0, 4096), 'read from the survivor');
    expect(take(alone)).toEqual(stamp(3));
  });

  it('that wait for a peer that dies are answered once this node serves alone', async () => {
    const all = await mirrored({ readMode: 'confirmed' });
    const host = await all.initiator();
    await all.finish(host.write('vol0', 0, stamp(4)), 'written');
    all.network.cut('a', 'b');
    const read = all.a.running.hostSide.read(0, 0, 4096);
    await all.clock.advance(20);
    await all.b.kill();
    expect(take(await all.finish(read, 'read'))).toEqual(stamp(4));
    expect(all.a.mode).toBe('standalone');
  });
});
