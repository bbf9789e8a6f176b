import { Dice, everySplit, FedStream, fuzz, VirtualClock } from '@holdfast/testkit';
import { NbdByteBudget } from '@holdfast/nbd';
import { describe, expect, it } from 'vitest';
import { PathServer } from '../../src/path/path-server.js';
import { drawStream, FrameTarget } from './frame-target.js';
import { LinkTarget } from './link-target.js';
import { InstantHost, PathTarget } from './path-target.js';
import { bytesOf, jsonBytes } from './reference-frames.js';
import { pathHello } from './reference-path.js';

const mib = 1024 * 1024;

describe('hostile streams', () => {
  it.each([
    ['cutting bytes into frames', new FrameTarget(), 20_000],
    ['a path', new PathTarget(), 10_000],
    ['the link between two nodes', new LinkTarget(), 2_500],
  ] as const)('%s', async (_name, target, frames) => {
    const report = await fuzz<never>(target as never, { seed: 1, frames });
    expect(report.failure).toBeUndefined();
    expect(report.frames).toBeGreaterThanOrEqual(frames);
  });

  it('are cut into the same frames at any byte', async () => {
    const target = new FrameTarget();
    let splits = 0;
    for (let seed = 1; splits < 3_000; seed += 1) {
      const stream = drawStream(new Dice(seed));
      if (stream.length > 4_000) continue;
      for (const chunks of everySplit(stream)) {
        expect((await target.run([{ chunks }])).problem).toBeUndefined();
        splits += 1;
      }
    }
  });
});

/** A path that is open for requests of generation 1. */
async function openPath(
  host: InstantHost,
  options: { capacityBytes?: number } = {},
): Promise<{ stream: FedStream; budget: NbdByteBudget; clock: VirtualClock }> {
  const clock = new VirtualClock();
  const budget = new NbdByteBudget(4 * mib);
  const server = new PathServer({ ...pathHello, nodeId: 'p', hostSide: host, clock, budget });
  const stream = new FedStream(options);
  server.accept(stream);
  stream.feed(bytesOf({ type: 1, payload: jsonBytes(pathHello) }));
  stream.feed(bytesOf({ type: 26, generation: 1 }));
  await turn();
  return { stream, budget, clock };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('what an initiator can make a node keep', () => {
  it('is charged: a request that needs no payload and brings one ends the path', async () => {
    const never = Object.assign(new InstantHost(), { read: () => new Promise<never>(() => undefined) });
    const { stream } = await openPath(never);
    for (let id = 1; id <= 50 && !stream.isDestroyed; id += 1)
      stream.feed(bytesOf({ type: 64, id, generation: 1, lengthBytes: 1, payload: new Uint8Array(4 * mib) }));
    expect(stream.isDestroyed).toBe(true);
    expect(stream.allocatedBytes).toBeLessThanOrEqual(5 * mib);
  });

  it('is bounded although it reads no answer: it is not heard until it does', async () => {
    const { stream } = await openPath(new InstantHost(), { capacityBytes: 64 * 1024 });
    const pings = bytesOf({ type: 4, id: 7 });
    for (let count = 0; count < 20_000; count += 1) {
      stream.feed(pings);
      if (count % 500 === 0) await turn();
    }
    await turn();
    expect(stream.unreadPeakBytes).toBeLessThan(128 * 1024);
    expect(stream.isPaused).toBe(true);
    // One that reads late gets all of its answers.
    let answeredBytes = 0;
    for (let taken = stream.take(); taken.length > 0; taken = stream.take()) {
      answeredBytes += taken.length;
      await turn();
    }
    expect(answeredBytes).toBeGreaterThanOrEqual(20_000 * 64);
    expect(stream.isDestroyed).toBe(false);
  });

  it('and one that reads nothing for as long as silence is allowed is dropped', async () => {
    const { stream, clock } = await openPath(new InstantHost(), { capacityBytes: 1_024 });
    for (let count = 0; count < 100; count += 1) stream.feed(bytesOf({ type: 4 }));
    await turn();
    for (let count = 0; count < 100; count += 1) stream.feed(bytesOf({ type: 4 }));
    expect(stream.isPaused).toBe(true);
    await clock.advance(3_000);
    expect(stream.isDestroyed).toBe(true);
  });

  it('is not a request of no bytes, for which there is no range to lock', async () => {
    const { stream } = await openPath(new InstantHost());
    stream.feed(bytesOf({ type: 65, id: 1, generation: 1 }));
    await turn();
    expect(stream.isDestroyed).toBe(true);
  });
});
