import type { ByteStream } from '@holdfast/core';
import { type Dice, type FuzzOutcome, type FuzzTarget, joined, mutate, showBytes } from '@holdfast/testkit';
import { Cluster, mib, stamp, take, visible } from '../support/cluster.js';
import { bytesOf, framesOf, jsonBytes } from './reference-frames.js';

/** What the attacker sends after its greeting, in one go. */
export interface LinkPiece {
  readonly bytes: Uint8Array;
}

/** Frames that would write if their epoch were the present one. */
const writing = new Set([16, 17, 18, 20, 21, 34]);
const presentEpochs = new Set([1, 2, 3, 4, 5, 6, 7, 8]);
const sizeBytes = mib;

/**
 * A node of a mirror against somebody who has proved to be the other node and sends old, forged and damaged frames. What an honest
 * node in its place could say (a write in the present epoch, a well-formed message of the policy) is not part of it: whoever holds
 * a node's key can say that. The rest must gain nothing: no halt, no byte of the leg, no lost mirror.
 */
export class LinkTarget implements FuzzTarget<LinkPiece> {
  readonly name = 'link';

  draw(dice: Dice): readonly LinkPiece[] {
    const damagedOneIn = dice.pick([0, 10, 60]);
    const frames = Array.from({ length: 100 + dice.below(900) }, (_, index) => drawFrame(dice, index));
    return [
      ...frames
        .map((frame) =>
          damagedOneIn > 0 && dice.oneIn(damagedOneIn) ? mutate(frame, frames[0] ?? frame, dice) : frame,
        )
        .filter(isForged)
        .map((bytes) => ({ bytes })),
      { bytes: dice.oneIn(2) ? drawMalformed(dice) : new Uint8Array(0) },
    ];
  }

  show({ bytes }: LinkPiece): string {
    return showBytes(bytes, 96);
  }

  async run(pieces: readonly LinkPiece[]): Promise<FuzzOutcome> {
    const stream = joined(...pieces.map(({ bytes }) => bytes));
    const frames = framesOf(stream).frames.length;
    await using cluster = await Cluster.mirrored({ sizeBytes });
    const host = await cluster.initiator();
    await cluster.finish(host.write('vol0', 8_192, stamp(7), {}), 'a write before');
    const before = visible(must(cluster.a.disks[0]).data);
    await attack(cluster, stream);
    const problem = await this.#afterwards(cluster, before);
    if (problem !== undefined) return { frames, problem };
    const found = take(await cluster.finish(host.read('vol0', 8_192, 4_096), 'a read afterwards'));
    return {
      frames,
      problem: Buffer.compare(found, stamp(7)) === 0 ? undefined : 'a host reads other bytes than it wrote',
    };
  }

  async #afterwards(cluster: Cluster, before: Uint8Array): Promise<string | undefined> {
    const halted = cluster.a.events.find(({ kind }) => kind === 'halted');
    if (halted !== undefined) return `the node has halted: ${JSON.stringify(halted)}`;
    try {
      const { a, b } = cluster;
      await cluster.until(() => a.mode === 'mirrored' && b.mode === 'mirrored', 'both mirror again', 30_000);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    const [a, b] = [cluster.a, cluster.b].map((site) => visible(must(site.disks[0]).data));
    if (Buffer.compare(must(a), before) !== 0) return 'the leg has changed';
    return Buffer.compare(must(b), before) === 0 ? undefined : 'the legs differ';
  }
}

function must<Thing>(thing: Thing | undefined): Thing {
  if (thing === undefined) throw new TypeError('there is none');
  return thing;
}

/** A session in the place of the other node, that says all of it and stays until it is replaced. */
async function attack(cluster: Cluster, bytes: Uint8Array): Promise<void> {
  const stream: ByteStream = await cluster.finish(
    cluster.network.host('evil').connect('tcp:a:1000'),
    'a way in',
  );
  stream.attach({
    data: () => undefined,
    drain: () => undefined,
    end: () => undefined,
    close: () => undefined,
  });
  const b = cluster.b.running.status();
  const introduction = {
    nodeId: 'b',
    role: 'nonPreferred',
    bootId: b.bootId,
    machineBootId: b.record.machineBootId,
    mode: b.mode,
    record: b.record,
    mirroringWithBootId: cluster.a.running.status().bootId,
    asked: false,
    pristine: false,
    health: 'ok',
    initiators: 0,
  };
  const volumes = [{ volumeId: 'vol0', sizeBytes }];
  const greeting = { clusterId: 'test', groupId: 'group', nodeId: 'b', volumes, introduction };
  stream.write([bytesOf({ type: 1, payload: jsonBytes(greeting) }), bytes]);
  await cluster.clock.advance(20);
  stream.destroy();
  await cluster.clock.advance(5);
}

/** False for what an honest node could send. */
function isForged(bytes: Uint8Array): boolean {
  return framesOf(bytes).frames.every(({ type, epoch }) => !writing.has(type) || !presentEpochs.has(epoch));
}

function drawFrame(dice: Dice, index: number): Uint8Array {
  const type = dice.pick([
    4, 5, 7, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 27, 28, 29, 32, 33, 34, 35, 36, 37, 39, 40, 41, 77,
  ]);
  const lengthBytes = dice.oneIn(20) ? dice.edge32() : 1 + dice.below(2_000);
  const carries = type === 16 || type === 20 || type === 34;
  const payload =
    type === 7
      ? jsonBytes({ initiatorId: `i${String(index)}` })
      : new Uint8Array(carries ? lengthBytes % 100_000 : 0);
  return bytesOf({
    type,
    flags: dice.below(8),
    volume: dice.oneIn(30) ? dice.below(65_536) : 0,
    status: dice.below(6),
    id: dice.oneIn(10) ? dice.edge32() : index,
    offsetBytes: dice.oneIn(20) ? dice.edge32() * 2 ** 20 : 512 * dice.below(2_000),
    lengthBytes,
    // Of a time before this mirror, or of one that has not come.
    epoch: dice.oneIn(10) ? 0xffff_fff0 : 0,
    origin: dice.oneIn(50) ? dice.edge32() : 1 + dice.below(5),
    generation: dice.edge32(),
    operation: dice.edge32(),
    extra: dice.edge32(),
    payload,
  });
}

/** A frame whose words are not what they should be: the session may end for it, and nothing else. */
function drawMalformed(dice: Dice): Uint8Array {
  const message = dice.pick([
    null,
    {},
    { kind: 'toString' },
    { kind: 'ttl-grant', epoch: 1 },
    { kind: 'mode-changed' },
    { kind: 'mode-changed', introduction: { record: null } },
    { kind: 'commit-win', epoch: 1e300, lineageId: 'x' },
    { kind: 'health', level: 'ok', reasons: 7, dataState: 'upToDate', initiators: 0 },
  ]);
  return dice.pick([
    bytesOf({ type: 6, payload: jsonBytes({ message }) }),
    bytesOf({ type: 6, payload: jsonBytes({}) }),
    bytesOf({
      type: 38,
      payload: jsonBytes(dice.pick<object>([{}, endless, { version: 1, initiators: [null] }])),
    }),
    bytesOf({ type: 26, payload: jsonBytes({ initiatorId: 'x', generation: dice.pick([-1, 0.5, 1e300]) }) }),
    bytesOf({ type: 7, origin: 0xffff_ffff, payload: jsonBytes({ initiatorId: 'x' }) }),
  ]);
}

/** A list of operations that takes for ever to walk through. */
const endless: object = {
  version: 1,
  initiators: [{ initiatorId: 'x', generation: 1, doneBelow: 0, done: [1, 2 ** 53 - 1] }],
};
