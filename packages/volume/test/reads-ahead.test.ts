import { afterEach, describe, expect, it } from 'vitest';
import { Cluster, type Site, stamp, take } from './support/cluster.js';

let cluster: Cluster | undefined;

async function mirrored(): Promise<Cluster> {
  cluster = await Cluster.mirrored();
  return cluster;
}

afterEach(async () => {
  await cluster?.[Symbol.asyncDispose]();
  cluster = undefined;
});

function write(site: Site, data: Uint8Array, offsetBytes = 0): Promise<void> {
  const request = { volume: 0, offsetBytes, lengthBytes: data.length, data, mayTrim: false };
  return site.running.hostSide.write({ ...request, forceUnitAccess: false, origin: undefined });
}

function slowWrites(site: Site, delayMs: number): void {
  const disk = site.disks[0]?.data;
  if (disk === undefined) throw new TypeError('the site has no disk');
  disk.faults = ({ kind }) => (kind === 'write' ? { delayMs } : undefined);
}

/** Whatever a read at this site has answered by now. */
function readAt(site: Site): { answer: Uint8Array | undefined } {
  const seen: { answer: Uint8Array | undefined } = { answer: undefined };
  site.running.hostSide.read(0, 0, 4096).then(
    (buffer) => (seen.answer = take(buffer)),
    () => undefined,
  );
  return seen;
}

describe('a write that only the other node has yet', () => {
  it('is not shown to readers there: the one that orders may die without it, and come back alone', async () => {
    const all = await mirrored();
    const { a, b } = all;
    await all.finish(write(a, stamp(1)), 'the old value is written');
    slowWrites(a, 150);
    write(a, stamp(2)).catch(() => undefined);
    await all.clock.advance(50);
    // Node b has applied it; node a has not, and could die now and come back with the old value, alone.
    const read = readAt(b);
    await all.clock.advance(20);
    expect(read.answer).toBeUndefined();
  });

  it('is shown as soon as both have it, also when nobody writes any more', async () => {
    const all = await mirrored();
    const { a, b } = all;
    slowWrites(a, 100);
    const written = write(a, stamp(3));
    await all.clock.advance(50);
    const read = readAt(b);
    await all.finish(written, 'written on both');
    await all.clock.advance(10);
    expect(read.answer).toEqual(stamp(3));
  });

  it('lets later writes to the same range through, and shows the last one', async () => {
    const all = await mirrored();
    const { a, b } = all;
    slowWrites(a, 60);
    const writes = [write(a, stamp(4)), write(b, stamp(5)), write(a, stamp(6))];
    await all.clock.advance(30);
    const read = readAt(b);
    await all.finish(Promise.all(writes), 'all are written');
    await all.clock.advance(10);
    expect(read.answer).toBeDefined();
    const again = readAt(b);
    await all.clock.advance(10);
    // The one from b was ordered last: it had a longer way.
    expect(again.answer).toEqual(stamp(5));
  });

  it('is shown when its node goes on alone', async () => {
    const all = await mirrored();
    const { a, b } = all;
    slowWrites(a, 150);
    write(a, stamp(7)).catch(() => undefined);
    await all.clock.advance(50);
    const read = readAt(b);
    await a.kill();
    await all.until(() => b.mode === 'standalone', 'b serves alone');
    await all.clock.advance(10);
    expect(read.answer).toEqual(stamp(7));
  });

  it('is shown after a reset of the link that nobody noticed', async () => {
    const all = await mirrored();
    const { a, b } = all;
    slowWrites(a, 40);
    const written = write(a, stamp(8));
    await all.clock.advance(20);
    const read = readAt(b);
    all.network.reset('a', 'b');
    await all.finish(written, 'written on both');
    await all.clock.advance(500);
    expect([a.mode, b.mode]).toEqual(['mirrored', 'mirrored']);
    expect(read.answer).toEqual(stamp(8));
  });
});
