import { describe, expect, it } from 'vitest';
import { type Frame, frame, frameStatus, FrameStream, frameTypes } from '../src/wire/index.js';
import { decodeReason, decodeState, decodeWelcome, encodeHello, pathVersion } from '../src/path/messages.js';
import { Stage } from './support/stage.js';

/** An initiator that says exactly what a test wants. */
class RawPath {
  readonly frames: FrameStream;
  readonly got: Frame[] = [];
  cause: string | undefined;

  private constructor(
    private readonly stage: Stage,
    readonly stream: Awaited<ReturnType<ReturnType<Stage['network']['host']>['connect']>>,
  ) {
    this.frames = new FrameStream(stream, {
      frame: (next) => this.got.push(next),
      closed: (cause) => (this.cause = cause),
    });
  }

  static async open(
    stage: Stage,
    hello: Partial<{ clusterId: string; groupId: string; initiatorId: string }> = {},
  ): Promise<RawPath> {
    const path = await RawPath.connect(stage);
    path.frames.send(
      frame(frameTypes.hello, {
        payload: encodeHello({ pathVersion, clusterId: 'c1', groupId: 'g1', initiatorId: 'raw', ...hello }),
      }),
    );
    await stage.clock.advance(2);
    return path;
  }

  static async connect(stage: Stage): Promise<RawPath> {
    const stream = await stage.until(stage.network.host('raw').connect('tcp:p:7000'));
    return new RawPath(stage, stream);
  }

  async raise(generation: number): Promise<Frame | undefined> {
    this.frames.send(frame(frameTypes.raiseGeneration, { generation }));
    await this.stage.clock.advance(5);
    return this.last(frameTypes.generationRaised);
  }

  async ask(fields: Partial<Frame> & { readonly type: Frame['type'] }): Promise<Frame | undefined> {
    this.frames.send({ ...frame(frameTypes.pathFlush), generation: 1, ...fields });
    await this.stage.clock.advance(5);
    return this.last(frameTypes.pathReply);
  }

  last(type: number): Frame | undefined {
    return this.got.findLast((one) => one.type === type);
  }
}

describe('the greeting', () => {
  it('says at once which volumes there are and whether this node serves, and again with every gate', async () => {
    await using stage = await Stage.open();
    const path = await RawPath.open(stage);
    expect(decodeWelcome(path.last(frameTypes.welcome)?.payload ?? new Uint8Array())).toEqual({
      nodeId: 'p',
      volumes: [{ volumeId: 'vol0', sizeBytes: 65_536 }],
    });
    const state = (): unknown => decodeState(path.last(frameTypes.pathState)?.payload ?? new Uint8Array());
    expect(state()).toEqual({ nodeId: 'p', mode: 'mirrored', host: 'open', epoch: 1, sequencer: 'p' });
    stage.group.fence('p');
    await stage.clock.advance(1);
    expect(state()).toMatchObject({ mode: 'fenced', host: 'closed' });
  });

  it.each([
    [{ clusterId: 'elsewhere' }, /another cluster/],
    [{ groupId: 'g9' }, /does not serve the group/],
  ])('refuses %j before anything else is looked at', async (hello, reason) => {
    await using stage = await Stage.open();
    const path = await RawPath.open(stage, hello);
    expect(decodeReason(path.last(frameTypes.refuse)?.payload ?? new Uint8Array())).toMatch(reason);
    expect(path.cause).toBeDefined();
    expect(stage.notices).toEqual([expect.objectContaining({ kind: 'path-refused' })]);
    expect(stage.group.node('p').initiators).toBe(0);
    expect(stage.group.node('p').raises).toBe(0);
  });

  it('drops who says nothing within the deadline, and who comes when all paths are taken', async () => {
    await using stage = await Stage.open({ limits: { maxPaths: 2 } });
    const silent = await RawPath.connect(stage);
    const greeted = await RawPath.open(stage);
    const late = await RawPath.connect(stage);
    await stage.clock.advance(2);
    expect(late.cause).toBeDefined();
    await stage.clock.advance(1_000);
    greeted.frames.send(frame(frameTypes.ping));
    await stage.clock.advance(1_000);
    expect(silent.cause).toBeUndefined();
    await stage.clock.advance(8_100);
    expect(silent.cause).toBeDefined();
  });

  it('drops an initiator that has gone silent, and counts it no more', async () => {
    await using stage = await Stage.open();
    await RawPath.open(stage);
    expect(stage.group.node('p').initiators).toBe(1);
    stage.network.cut('raw', 'p');
    await stage.clock.advance(2_500);
    expect(stage.group.node('p').initiators).toBe(0);
  });
});

describe('requests', () => {
  it('are taken only under the generation that was opened on the path', async () => {
    await using stage = await Stage.open();
    const early = await RawPath.open(stage);
    await early.ask({ type: frameTypes.pathFlush, id: 1 });
    expect(early.cause).toBeDefined();
    expect(early.last(frameTypes.pathReply)).toBeUndefined();
    const path = await RawPath.open(stage, { initiatorId: 'raw2' });
    expect(await path.raise(1)).toMatchObject({ generation: 1, status: frameStatus.ok });
    expect(await path.ask({ type: frameTypes.pathFlush, id: 7 })).toMatchObject({
      id: 7,
      status: frameStatus.ok,
    });
    await path.ask({ type: frameTypes.pathFlush, id: 8, generation: 2 });
    expect(path.cause).toBeDefined();
  });

  it('learn that an older generation is stale', async () => {
    await using stage = await Stage.open();
    const path = await RawPath.open(stage);
    await path.raise(5);
    const other = await RawPath.open(stage);
    expect(await other.raise(4)).toMatchObject({ status: frameStatus.staleGeneration });
    expect(path.cause).toBeUndefined();
    // A newer path of the same initiator ends the older one.
    expect(await other.raise(6)).toMatchObject({ status: frameStatus.ok });
    expect(path.cause).toBeDefined();
  });

  it.each([
    ['a volume that is not there', { type: frameTypes.pathRead, volume: 3, lengthBytes: 512 }],
    ['more than one request may carry', { type: frameTypes.pathRead, lengthBytes: 2_000_000 }],
    [
      'a length that is not the payload',
      { type: frameTypes.pathWrite, lengthBytes: 512, operation: 1, payload: new Uint8Array(511) },
    ],
    [
      'a write far ahead of its answers',
      { type: frameTypes.pathZeroes, lengthBytes: 512, operation: 999_999, extra: 1 },
    ],
    ['a frame that means nothing here', { type: frameTypes.replicateWrite }],
    ['a second greeting', { type: frameTypes.hello }],
  ] as const)('end the path of who asks for %s', async (_what, fields) => {
    await using stage = await Stage.open();
    const path = await RawPath.open(stage);
    await path.raise(1);
    await path.ask({ id: 9, ...fields });
    expect(path.cause).toBeDefined();
    expect(stage.budgets.get('p')?.usedBytes).toBe(0);
  });

  it('outside of the volume are answered with that', async () => {
    await using stage = await Stage.open();
    const path = await RawPath.open(stage);
    await path.raise(1);
    const reply = await path.ask({
      type: frameTypes.pathRead,
      id: 3,
      offsetBytes: 65_000,
      lengthBytes: 1_000,
    });
    expect(reply).toMatchObject({ id: 3, status: frameStatus.outOfRange });
  });

  it('are not answered by a node that stopped serving: it says so and closes', async () => {
    await using stage = await Stage.open();
    const path = await RawPath.open(stage);
    await path.raise(1);
    stage.group.fence('p');
    await path.ask({ type: frameTypes.pathRead, id: 3, lengthBytes: 512 });
    expect(path.last(frameTypes.pathReply)).toBeUndefined();
    expect(path.cause).toBeDefined();
    expect(decodeState(path.last(frameTypes.pathState)?.payload ?? new Uint8Array())).toMatchObject({
      host: 'closed',
    });
  });

  it('hold no more bytes than the budget, give all back, and lend reads only until they have left', async () => {
    const budgetBytes = 1024 * 1024 + 4096;
    await using stage = await Stage.open({ sizeBytes: 2 * 1024 * 1024, budgetBytes });
    stage.group.bytes.fill(0xab);
    const budget = stage.budgets.get('p');
    const path = await RawPath.open(stage);
    await path.raise(1);
    stage.group.node('p').setGate({ mode: 'suspended', host: 'held' });
    const payload = new Uint8Array(100_000);
    for (let id = 1; id <= 30; id++) {
      path.frames.send(
        id % 2 === 0
          ? frame(frameTypes.pathRead, { id, generation: 1, lengthBytes: 100_000 })
          : frame(frameTypes.pathWrite, {
              id,
              generation: 1,
              operation: id,
              extra: 1,
              offsetBytes: 1024 * 1024,
              lengthBytes: 100_000,
              payload,
            }),
      );
    }
    // Far longer than an initiator may be silent: the node does not read, so it may not complain either.
    await stage.clock.advance(5_000);
    expect(path.cause).toBeUndefined();
    expect(budget?.peakBytes).toBeLessThanOrEqual(budgetBytes);
    expect(budget?.waiting).toBe(1);
    stage.group.node('p').setGate({ mode: 'mirrored', host: 'open' });
    await stage.clock.advance(500);
    const replies = path.got.filter(({ type }) => type === frameTypes.pathReply);
    expect(replies.map(({ id }) => id).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 30 }, (_, index) => index + 1),
    );
    expect(
      replies.every(
        ({ id, payload: bytes }) =>
          id % 2 === 1 || (bytes.length === 100_000 && bytes.every((byte) => byte === 0xab)),
      ),
    ).toBe(true);
    expect(budget?.usedBytes).toBe(0);
  });

  it('give their bytes back when the path dies under them', async () => {
    await using stage = await Stage.open();
    const path = await RawPath.open(stage);
    await path.raise(1);
    stage.group.node('p').queueMs = 20;
    for (let id = 1; id <= 10; id++)
      path.frames.send(frame(frameTypes.pathRead, { id, generation: 1, lengthBytes: 4096 }));
    await stage.clock.advance(5);
    expect(stage.budgets.get('p')?.usedBytes).toBeGreaterThan(0);
    stage.network.reset('raw', 'p');
    await stage.clock.advance(100);
    expect(stage.budgets.get('p')?.usedBytes).toBe(0);
  });

  it('of noise end the path and nothing else', async () => {
    await using stage = await Stage.open();
    const host = await stage.initiator('h1');
    for (let seed = 0; seed < 40; seed++) {
      const path = await RawPath.connect(stage);
      const noise = Uint8Array.from({ length: 200 }, (_, index) => (seed * 7919 + index * index * 31) % 256);
      // Half of them begin like a frame.
      if (seed % 2 === 0) noise.set([1, 0, 0x46, 0x48, 1, 0]);
      path.stream.write([noise]);
      await stage.clock.advance(1);
    }
    await stage.clock.advance(10_500);
    expect(stage.network.host('raw').openStreams).toBe(0);
    await stage.until(host.write('vol0', 0, new Uint8Array(512).fill(1)));
  });
});
