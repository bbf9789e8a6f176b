import { Prng } from '@holdfast/core';
import { memoryDevice } from '@holdfast/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { sha256Digest } from '../src/node/digest.js';
import { Cluster, mib, type Site, stamp } from './support/cluster.js';

const sizeBytes = 2 * mib;
const chunkBytes = 16 * 1024;
const depth = 4;
const extentBytes = 32 * 1024;
const noteIntervalMs = 60;
const rateBytesPerSecond = 2 * mib;

/** What one interruption may cost: two intervals of copying, widened to whole extents, and what was under way. */
const costBytes = 2 * ((noteIntervalMs / 1_000) * rateBytesPerSecond + extentBytes) + depth * chunkBytes;

let cluster: Cluster;

afterEach(async () => {
  await cluster[Symbol.asyncDispose]();
});

/** Bytes that have reached the leg of a site, whatever became of them. */
class Meter {
  bytes = 0;

  constructor(private readonly site: Site) {
    this.attach();
  }

  attach(): void {
    dataOf(this.site).faults = (operation) => {
      if (operation.kind === 'write') this.bytes += operation.lengthBytes;
      return undefined;
    };
  }
}

function dataOf(site: Site): Site['disks'][number]['data'] {
  const disk = site.disks[0];
  if (disk === undefined) throw new TypeError('the site has no disk');
  return disk.data;
}

/** Two adopted legs that differ everywhere, and a full copy from a to b that has come to `share` of the volume. */
async function copying(share: number, seed = 1, digest = false): Promise<Meter> {
  cluster = await Cluster.create({
    seed,
    sizeBytes,
    content: 'adopt',
    ...(digest ? { digest: sha256Digest } : {}),
    tuning: {
      activityLogExtentBytes: extentBytes,
      activityLogExtents: 64,
      resyncChunkBytes: chunkBytes,
      resyncDepth: depth,
      resyncRateBytesPerSecond: rateBytesPerSecond,
      resyncNoteIntervalMs: noteIntervalMs,
    },
  });
  const { a, b } = cluster;
  const device = memoryDevice(dataOf(a));
  await cluster.finish(device.write(0, stamp(seed, sizeBytes)), 'a is full of data');
  await cluster.finish(device.flush(), 'for good');
  await a.start();
  await b.start();
  const meter = new Meter(b);
  await reach(meter, share * sizeBytes);
  return meter;
}

async function reach(meter: Meter, bytes: number): Promise<void> {
  await cluster.until(() => meter.bytes >= bytes, `${String(bytes)} bytes are copied`);
}

async function mirror(): Promise<void> {
  const { a, b } = cluster;
  await cluster.until(() => a.mode === 'mirrored' && b.mode === 'mirrored', 'both mirror', 60_000);
  await cluster.clock.advance(100);
  expect(cluster.legsDifference()).toBeUndefined();
}

const writeBytes = 4096;

/** Writes at the places, at the node that serves. */
async function write(site: Site, version: number, ...offsets: readonly number[]): Promise<void> {
  for (const offsetBytes of offsets) {
    const request = {
      volume: 0,
      offsetBytes,
      lengthBytes: writeBytes,
      data: stamp(version, writeBytes),
      forceUnitAccess: false,
      mayTrim: false,
      origin: undefined,
    };
    await cluster.finish(site.running.hostSide.write(request), 'written');
  }
}

describe('a full copy that is interrupted', () => {
  it('goes on where it was when the link was cut, with what hosts wrote meanwhile', async () => {
    const { meter, a, b } = named(await copying(0.75));
    cluster.network.partition('a', 'b');
    await cluster.until(() => a.mode === 'standalone' && b.mode === 'fenced', 'a serves alone');
    await write(a, 7, 0, mib, 2 * mib - writeBytes);
    cluster.network.heal('a', 'b');
    await mirror();
    expect(meter.bytes).toBeLessThanOrEqual(sizeBytes + costBytes + 3 * writeBytes);
  });

  it('goes on where it was when the source was killed, also right after a host write', async () => {
    const { meter, a } = named(await copying(0.75));
    await write(a, 7, mib);
    await a.kill();
    await a.start();
    await mirror();
    expect(meter.bytes).toBeLessThanOrEqual(sizeBytes + costBytes + extentBytes);
  });

  it('goes on where it was when the target was killed', async () => {
    const { meter, a, b } = named(await copying(0.75));
    await b.kill();
    await cluster.until(() => a.mode === 'standalone', 'a serves alone');
    await write(a, 7, 0, 2 * mib - writeBytes);
    await b.start();
    await mirror();
    expect(meter.bytes).toBeLessThanOrEqual(sizeBytes + costBytes + 2 * writeBytes);
  });

  it('counts at a target that lost its power only what was flushed there', async () => {
    const { meter, a, b } = named(await copying(0.75));
    await b.losePower();
    await cluster.until(() => a.mode === 'standalone', 'a serves alone');
    await write(a, 7, 0, 2 * mib - writeBytes);
    b.host.powerOn();
    await b.start();
    await mirror();
    expect(meter.bytes).toBeLessThanOrEqual(sizeBytes + costBytes + 2 * writeBytes);
  });

  it('goes on where it was when both lost their power', async () => {
    const { meter, a, b } = named(await copying(0.75));
    await write(a, 7, mib);
    await a.losePower();
    await b.losePower();
    for (const site of [a, b]) {
      site.host.powerOn();
      await site.start();
    }
    await mirror();
    expect(meter.bytes).toBeLessThanOrEqual(sizeBytes + 2 * costBytes + extentBytes);
  });

  it('does not read again what it had compared', async () => {
    const { a, b } = named(await copying(0.75, 1, true));
    let readBytes = 0;
    dataOf(a).faults = ({ kind, lengthBytes }) => {
      if (kind === 'read') readBytes += lengthBytes;
      return undefined;
    };
    await b.kill();
    await b.start();
    await mirror();
    expect(readBytes).toBeLessThanOrEqual(sizeBytes / 4 + costBytes);
  });

  it('begins anew for a target that was replaced, and for a source that goes on with it once more', async () => {
    const { meter, a, b } = named(await copying(0.5));
    await b.kill();
    b.replace();
    await b.start();
    meter.attach();
    await reach(meter, sizeBytes);
    // The new copy is at its half: it is this one that goes on now, and not the first.
    await a.kill();
    await a.start();
    await mirror();
    expect(meter.bytes).toBeLessThanOrEqual(1.5 * sizeBytes + costBytes);
    expect(meter.bytes).toBeGreaterThanOrEqual(1.5 * sizeBytes);
  });

  it('begins anew when the source died before it had written down that everything is open', async () => {
    const { a, b } = named(await copying(0.5));
    await b.kill();
    b.replace();
    const metadata = a.disks[0]?.metadata;
    if (metadata === undefined) throw new TypeError('no metadata');
    const afterLabelBytes = 8192;
    metadata.faults = ({ kind, offsetBytes }) =>
      kind === 'write' && offsetBytes >= afterLabelBytes ? { hang: true } : undefined;
    await b.start();
    await cluster.until(() => b.mode === 'syncTarget', 'b consents to a new copy');
    await cluster.clock.advance(500);
    await a.kill();
    metadata.faults = undefined;
    await a.start();
    await mirror();
  });

  it('begins anew for a copy that served by force and then gave way', async () => {
    const { meter, a, b } = named(await copying(0.5));
    cluster.network.partition('a', 'b');
    await cluster.until(() => a.mode === 'standalone' && b.mode === 'fenced', 'the link is lost');
    const { epoch } = b.running.status().record;
    const force = { kind: 'force-survivor', expectedEpoch: epoch, acknowledgeDataLoss: true } as const;
    await cluster.finish(b.running.command(force), 'forced');
    await cluster.until(() => b.mode === 'standalone', 'b serves by force');
    await write(b, 9, 0);
    cluster.network.heal('a', 'b');
    const isSplit = (site: Site): boolean => site.running.status().record.mode === 'splitBrain';
    await cluster.until(() => isSplit(a) && isSplit(b), 'two owners have met');
    const resolve = { kind: 'resolve-split-brain', victim: 'b' } as const;
    const before = meter.bytes;
    await cluster.finish(b.running.command(resolve), 'b gives way');
    await mirror();
    expect(meter.bytes - before).toBeGreaterThanOrEqual(sizeBytes);
  });

  for (const seed of Array.from({ length: 12 }, (_, index) => index + 1)) {
    it(`misses no block whatever interrupts it how often, and never starts over (${String(seed)})`, async () => {
      await interruptedAtRandom(seed);
    });
  }
});

async function interruptedAtRandom(seed: number): Promise<void> {
  const random = new Prng(seed);
  const draw = (below: number): number => random.below(below);
  const { meter, a, b } = named(await copying(0.1, seed));
  const rounds = 4;
  let written = 0;
  const scribble = async (): Promise<void> => {
    for (let count = draw(4); count > 0; count -= 1) {
      written += 1;
      await write(a, seed + written, draw(sizeBytes / writeBytes) * writeBytes);
    }
  };
  for (let round = 0; round < rounds && a.mode !== 'mirrored'; round += 1) {
    await cluster.clock.advance(draw(200));
    if (a.mode === 'syncSource') await scribble();
    await interruptions[draw(interruptions.length)]?.(a, b);
    await cluster.until(() => a.mode === 'standalone' || a.mode === 'syncSource', 'a serves');
    await scribble();
    cluster.network.heal('a', 'b');
    if (b.mode === 'down') {
      b.host.powerOn();
      await b.start();
    }
    await cluster.until(() => b.mode === 'syncTarget' || b.mode === 'mirrored', 'it goes on');
  }
  await mirror();
  const bound = sizeBytes + rounds * costBytes + written * (extentBytes + writeBytes);
  expect(meter.bytes).toBeLessThanOrEqual(bound);
}

const interruptions: readonly ((a: Site, b: Site) => Promise<void>)[] = [
  async (a, b) => {
    cluster.network.partition('a', 'b');
    await cluster.until(() => a.mode === 'standalone' && b.mode === 'fenced', 'the link is lost');
  },
  async (a) => {
    await a.kill();
    await a.start();
  },
  async (a) => {
    await a.losePower();
    a.host.powerOn();
    await a.start();
  },
  async (_a, b) => {
    await b.kill();
  },
  async (_a, b) => {
    await b.losePower();
  },
];

function named(meter: Meter): { meter: Meter; a: Site; b: Site } {
  return { meter, a: cluster.a, b: cluster.b };
}
