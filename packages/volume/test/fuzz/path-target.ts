import { type BlockBuffer, type Gate } from '@holdfast/core';
import { NbdByteBudget } from '@holdfast/nbd';
import {
  type Dice,
  FedStream,
  type FuzzOutcome,
  type FuzzTarget,
  joined,
  mutate,
  showBytes,
  VirtualClock,
} from '@holdfast/testkit';
import type { HostSide, HostWrite, VolumeDescription } from '../../src/api.js';
import { PathServer } from '../../src/path/path-server.js';
import { judgePath, pathHello, pathVolumeBytes } from './reference-path.js';
import { bytesOf, jsonBytes } from './reference-frames.js';

/** One frame of an initiator, and whether it arrives together with the next one. */
export interface PathPiece {
  readonly bytes: Uint8Array;
  readonly joinsNext: boolean;
}

/** A node's side of hosts that does at once what it is asked, and remembers it. */
export class InstantHost implements HostSide {
  readonly bytes = new Uint8Array(pathVolumeBytes);
  readonly volumes: readonly VolumeDescription[] = [{ volumeId: 'vol0', sizeBytes: pathVolumeBytes }];
  readonly gate: Gate = {
    mode: 'mirrored',
    host: 'open',
    epoch: 1,
    lineageId: 'l1',
    sequencer: 'p',
    legs: 'both',
    reads: 'leased',
  };

  read(_volume: number, offsetBytes: number, lengthBytes: number): Promise<BlockBuffer> {
    const bytes = this.bytes.slice(offsetBytes, offsetBytes + lengthBytes);
    return Promise.resolve({ bytes, release: () => undefined });
  }

  write({ offsetBytes, lengthBytes, data }: HostWrite): Promise<void> {
    if (data === undefined) this.bytes.fill(0, offsetBytes, offsetBytes + lengthBytes);
    else this.bytes.set(data, offsetBytes);
    return Promise.resolve();
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  raiseGeneration(): Promise<void> {
    return Promise.resolve();
  }

  served(): Promise<void> {
    return Promise.resolve();
  }

  onGate(): () => void {
    return () => undefined;
  }

  initiatorsChanged(): void {
    return;
  }
}

/** A node's path server against an initiator that says anything. */
export class PathTarget implements FuzzTarget<PathPiece> {
  readonly name = 'path';

  /** @param wrap - changes what lies between server and reference: a mutant to be found. */
  constructor(private readonly wrap: (host: InstantHost, stream: FedStream) => void = () => undefined) {}

  draw(dice: Dice): readonly PathPiece[] {
    const frames = [
      bytesOf({ type: 1, payload: jsonBytes(dice.oneIn(20) ? { ...pathHello, groupId: 'g2' } : pathHello) }),
      bytesOf({ type: 26, generation: 1 }),
      ...Array.from({ length: dice.below(250) }, (_, index) => drawFrame(dice, index)),
    ];
    const damagedOneIn = dice.pick([0, 20, 100, 300]);
    return frames.map((frame, index) => {
      const isDamaged = damagedOneIn > 0 && dice.oneIn(damagedOneIn);
      const bytes = isDamaged ? mutate(frame, frames[dice.below(frames.length)] ?? frame, dice) : frame;
      return { bytes, joinsNext: index > 1 && !dice.oneIn(10) };
    });
  }

  show({ bytes, joinsNext }: PathPiece): string {
    return `${showBytes(bytes, 80)}${joinsNext ? ', joined to the next' : ''}`;
  }

  async run(pieces: readonly PathPiece[]): Promise<FuzzOutcome> {
    const clock = new VirtualClock();
    const host = new InstantHost();
    const budget = new NbdByteBudget(4 * 1024 * 1024);
    const server = new PathServer({ ...pathHello, nodeId: 'p', hostSide: host, clock, budget });
    const stream = new FedStream({ capacityBytes: 256 * 1024 });
    this.wrap(host, stream);
    server.accept(stream);
    const chunks = chunksOf(pieces);
    const answers: Uint8Array[] = [];
    for (const chunk of chunks) {
      stream.feed(chunk);
      await turn();
      for (let taken = stream.take(); taken.length > 0; taken = stream.take()) {
        answers.push(taken);
        await turn();
      }
    }
    await turn();
    answers.push(stream.take());
    const isClosed = stream.isDestroyed || stream.hasEnded;
    const { frames, problem } = judgePath(chunks, Buffer.concat(answers), isClosed, host.bytes);
    stream.lose();
    await turn();
    await server[Symbol.asyncDispose]();
    const left =
      budget.usedBytes === 0
        ? undefined
        : `${String(budget.usedBytes)} bytes of the budget are never given back`;
    const held =
      stream.allocatedPeakBytes <= 4 * 1024 * 1024
        ? undefined
        : `${String(stream.allocatedPeakBytes)} bytes at once`;
    return { frames, problem: problem ?? left ?? held };
  }
}

function chunksOf(pieces: readonly PathPiece[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let open: Uint8Array[] = [];
  for (const { bytes, joinsNext } of pieces) {
    open.push(bytes);
    if (joinsNext) continue;
    chunks.push(joined(...open));
    open = [];
  }
  if (open.length > 0) chunks.push(joined(...open));
  return chunks.filter(({ length }) => length > 0);
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

function drawFrame(dice: Dice, index: number): Uint8Array {
  if (dice.oneIn(40)) return bytesOf({ type: dice.pick([4, 5, 1, 26, 16, 999]), id: index, generation: 2 });
  const type = dice.pick([64, 65, 65, 66, 67]);
  const isEdge = dice.oneIn(30);
  const lengthBytes = type === 67 ? 0 : isEdge ? dice.edge32() : 1 + dice.below(700);
  const payloadBytes = type !== 65 ? 0 : dice.oneIn(100) ? dice.below(50) : Math.min(lengthBytes, 70_000);
  return bytesOf({
    type,
    id: dice.oneIn(50) ? dice.edge32() * 2 ** 21 : index,
    volume: dice.oneIn(200) ? 1 : 0,
    flags: dice.below(4),
    offsetBytes: type === 67 ? 0 : dice.oneIn(20) ? dice.edge32() * 2 ** dice.below(22) : dice.below(65_000),
    lengthBytes,
    generation: dice.oneIn(200) ? dice.edge32() : 1,
    operation: dice.oneIn(60) ? dice.edge32() : index,
    extra: dice.oneIn(60) ? dice.edge32() : 0,
    payload: new Uint8Array(payloadBytes).fill(index),
  });
}
