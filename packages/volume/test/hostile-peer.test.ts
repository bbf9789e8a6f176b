import { type Gate, HoldfastError } from '@holdfast/core';
import { memoryDevice, MemoryDisk, VirtualClock } from '@holdfast/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import type { DataPathContext, PeerChannel } from '../src/group/context.js';
import { Follower, type FollowerLimits } from '../src/group/follower.js';
import { Generations } from '../src/group/generations.js';
import { metadataSizeBytes } from '../src/index.js';
import { blockBytes } from '../src/metadata/layout.js';
import { Leg } from '../src/metadata/leg.js';
import type { NodeTuning } from '../src/options.js';
import { Origins } from '../src/order/origins.js';
import { RepeatMemory } from '../src/order/repeat-memory.js';
import { ResyncSource } from '../src/resync/resync-source.js';
import { ResyncTarget } from '../src/resync/resync-target.js';
import { type Frame, frame, frameTypes } from '../src/wire/index.js';

const chunkBytes = 4 * blockBytes;
const volumeBytes = 64 * chunkBytes;

async function newLeg(index = 0): Promise<Leg> {
  const disk = (name: string, sizeBytes: number) => memoryDevice(new MemoryDisk({ name, sizeBytes }));
  const tuning = { activityLogExtentBytes: volumeBytes, activityLogExtents: 8 } as NodeTuning;
  return Leg.open(
    {
      volumeId: `vol${String(index)}`,
      data: disk('data', volumeBytes),
      metadata: disk('metadata', metadataSizeBytes(volumeBytes, 8)),
      content: 'zeros',
    },
    index,
    { clusterId: 'c', groupId: 'g', nodeId: 'a' },
    tuning,
    new VirtualClock(),
    () => undefined,
  );
}

/** The other node as the tests speak for it: what it is sent is kept. */
class SaidToPeer implements PeerChannel {
  readonly session = 1;
  readonly bootId = 'b1';
  readonly frames: Frame[] = [];

  send(next: Frame): void {
    this.frames.push(next);
  }

  flush(): void {
    return;
  }

  originIndex(): number {
    return 1;
  }

  originAt(): string | undefined {
    return undefined;
  }

  ofType(type: number): Frame[] {
    return this.frames.filter((next) => next.type === type);
  }
}

const turns = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function contextOf(legs: readonly Leg[], peer: PeerChannel): DataPathContext {
  const gate = { mode: 'mirrored', host: 'open', epoch: 3, sequencer: 'b', legs: 'both' } as unknown as Gate;
  const origins = new Origins();
  const clock = new VirtualClock();
  const save = (): Promise<void> => Promise.resolve();
  return {
    nodeId: 'a',
    legs,
    origins,
    repeats: new RepeatMemory({ origins, legs, clock, save, legFailed: () => undefined }),
    clock,
    gate,
    peer,
    isDraining: false,
    isLegOut: false,
    fact: () => undefined,
    progressed: () => undefined,
  };
}

function codeOf(work: () => void): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return HoldfastError.is(error) ? error.code : String(error);
  }
}

describe('a target of a resync that says it has what it was not sent', () => {
  /** Two dirty chunks, of which one is on its way; the target's word for it is changed. */
  async function answerWith(change: Partial<Frame>): Promise<{ failures: string[]; isOtherDirty: boolean }> {
    const legs = [await newLeg(0), await newLeg(1)];
    const peer = new SaidToPeer();
    const failures: string[] = [];
    const source = new ResyncSource({
      legs,
      peer,
      epoch: 3,
      full: false,
      copyId: undefined,
      noteIntervalMs: 1_000,
      clock: new VirtualClock(),
      flusher: {
        flushPeer: (_leg: Leg, done: () => void) => {
          done();
        },
      } as never,
      chunkBytes,
      depth: 1,
      rateBytesPerSecond: 0,
      digest: undefined,
      progressed: () => undefined,
      caughtUp: () => undefined,
      failed: (detail) => void failures.push(detail),
    });
    const map = legs[0]?.map;
    map?.mark(chunkBytes, chunkBytes);
    map?.mark(10 * chunkBytes, chunkBytes);
    source.begin();
    for (const volume of [0, 1]) source.peerFrame(frame(frameTypes.resyncMapEnd, { volume }));
    await turns();
    const [sent] = peer.ofType(frameTypes.resyncWrite);
    expect(sent?.offsetBytes).toBe(chunkBytes);
    const { id = 0, offsetBytes = 0, lengthBytes = 0 } = sent ?? {};
    source.peerFrame(frame(frameTypes.resyncApplied, { id, offsetBytes, lengthBytes, ...change }));
    const isOtherDirty = map?.isDirty((10 * chunkBytes) / blockBytes) ?? false;
    source.stop();
    return { failures, isOtherDirty };
  }

  it.each([
    ['elsewhere', { offsetBytes: 10 * chunkBytes }],
    ['before it', { offsetBytes: 0 }],
    ['far beyond it', { lengthBytes: volumeBytes - chunkBytes }],
    ['on another volume', { volume: 1 }],
  ])('is not believed: %s', async (_where, change) => {
    const { failures, isOtherDirty } = await answerWith(change);
    expect(failures).toEqual(['the target says that it has what it was not sent']);
    expect(isOtherDirty).toBe(true);
  });

  it('is believed when it names what it was sent', async () => {
    expect((await answerWith({})).failures).toEqual([]);
  });
});

describe('a source of a resync that asks again and again', () => {
  it('is told once what may differ: the answer can be a thousand times as long as the question', async () => {
    const leg = await newLeg();
    leg.map.mark(0, chunkBytes);
    const peer = new SaidToPeer();
    const target = new ResyncTarget({
      legs: [leg],
      peer,
      epoch: 3,
      follower: undefined as never,
      digest: undefined,
      clock: new VirtualClock(),
      noteIntervalMs: 1_000,
      makeRoom: () => undefined,
    });
    for (let asked = 0; asked < 5; asked += 1) target.peerFrame(frame(frameTypes.resyncBegin, { epoch: 3 }));
    expect(peer.frames.map(({ type }) => type)).toEqual([frameTypes.resyncMap, frameTypes.resyncMapEnd]);
  });
});

describe('a sequencer that makes the follower remember', () => {
  const limits: FollowerLimits = { numbersAheadMax: 20, earlyBytesMax: 10 * blockBytes, earlyFramesMax: 30 };
  const rejected: unknown[] = [];
  const note = (error: unknown): void => void rejected.push(error);

  afterEach(() => {
    process.off('unhandledRejection', note);
  });

  async function newFollower(): Promise<{ follower: Follower; context: DataPathContext; peer: SaidToPeer }> {
    const peer = new SaidToPeer();
    const context = contextOf([await newLeg()], peer);
    return { follower: new Follower(context, limits), context, peer };
  }

  const write = (id: number, epoch: number, payloadBytes: number): Frame =>
    frame(payloadBytes === 0 ? frameTypes.replicateZeroes : frameTypes.replicateWrite, {
      id,
      epoch,
      lengthBytes: payloadBytes === 0 ? blockBytes : payloadBytes,
      payload: new Uint8Array(payloadBytes),
    });

  it('may send so many bytes ahead of its epoch, and not more', async () => {
    const { follower } = await newFollower();
    for (let id = 1; id <= 10; id += 1) follower.replicate(write(id, 4, blockBytes));
    expect(
      codeOf(() => {
        follower.replicate(write(11, 4, blockBytes));
      }),
    ).toBe('PROTOCOL');
  });

  it('may send so many writes of no bytes ahead of its epoch, and not more', async () => {
    const { follower } = await newFollower();
    for (let id = 1; id <= 30; id += 1) follower.replicate(write(id, 4, 0));
    expect(
      codeOf(() => {
        follower.replicate(write(31, 4, 0));
      }),
    ).toBe('PROTOCOL');
  });

  it('has all of that room again when its epoch has come, and in its next session', async () => {
    const { follower, context, peer } = await newFollower();
    for (let id = 1; id <= 10; id += 1) follower.replicate(write(id, 4, blockBytes));
    context.gate = { ...context.gate, epoch: 4 };
    follower.gateChanged(1);
    await turns();
    expect(peer.ofType(frameTypes.applied)).toHaveLength(10);
    for (let id = 11; id <= 20; id += 1) follower.replicate(write(id, 5, blockBytes));
    follower.sessionEnded();
    for (let id = 11; id <= 20; id += 1) follower.replicate(write(id, 5, blockBytes));
  });

  it('may leave a number out, but not for ever: the session ends, and the process goes on', async () => {
    process.on('unhandledRejection', note);
    const { follower, peer } = await newFollower();
    for (let id = 2; id <= 21; id += 1) {
      follower.replicate(write(id, 3, blockBytes));
      follower.unsettled.settled(id);
      await turns();
    }
    expect(
      codeOf(() => {
        follower.replicate(write(22, 3, blockBytes));
      }),
    ).toBe('PROTOCOL');
    await turns();
    expect(peer.ofType(frameTypes.applied)).toHaveLength(20);
    expect(rejected).toEqual([]);
    follower.replicate(write(21, 3, blockBytes));
    follower.replicate(write(1, 3, blockBytes));
    follower.unsettled.settled(1);
    await turns();
    follower.replicate(write(22, 3, blockBytes));
  });

  it('has all of that room again in its next life', async () => {
    const { follower, context } = await newFollower();
    for (const [bootId, from] of [
      ['b1', 2],
      ['b2', 102],
    ] as const) {
      context.peer = Object.assign(new SaidToPeer(), { bootId });
      for (let id = from; id < from + 20; id += 1) follower.replicate(write(id, 3, blockBytes));
      for (let id = from; id < from + 20; id += 1) {
        follower.unsettled.settled(id);
        await turns();
      }
    }
  });
});

describe('a generation that no frame could carry', () => {
  it.each([-1, 1.5, 2 ** 32, 2 ** 53, '1', null])(
    'is refused, and nobody is raised to it: %j',
    (generation) => {
      const peer = new SaidToPeer();
      const dropped: unknown[] = [];
      const generations = new Generations(contextOf([], peer), (...lower) => void dropped.push(lower));
      const raise = (value: unknown, initiatorId = 'i'): (() => void) => {
        const payload = new TextEncoder().encode(JSON.stringify({ initiatorId, generation: value }));
        return () => {
          generations.peerFrame(frame(frameTypes.raiseGeneration, { id: 7, payload }));
        };
      };
      expect(codeOf(raise(generation))).toBe('PROTOCOL');
      expect(codeOf(raise(1, 'i'.repeat(5_000)))).toBe('PROTOCOL');
      expect([dropped, peer.frames]).toEqual([[], []]);
      raise(2 ** 32 - 1)();
      expect(peer.ofType(frameTypes.generationRaised)).toHaveLength(1);
    },
  );
});
