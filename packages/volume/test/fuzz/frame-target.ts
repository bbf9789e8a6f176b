import {
  type Dice,
  type FuzzOutcome,
  type FuzzTarget,
  joined,
  mutate,
  showBytes,
  someSplit,
} from '@holdfast/testkit';
import { HoldfastError } from '@holdfast/core';
import { type Frame, FrameParser, maxPayloadBytes } from '../../src/wire/frame.js';
import { bytesOf, framesOf } from './reference-frames.js';

/** A stream and one way to cut it. */
export interface CutStream {
  readonly chunks: readonly Uint8Array[];
}

/** Cutting a stream of the link or a path into frames, against a reading that has the whole stream before it. */
export class FrameTarget implements FuzzTarget<CutStream> {
  readonly name = 'frames';

  /** @param makeParser - the parser under test, or a mutant of it. */
  constructor(
    private readonly makeParser = (
      found: (next: Frame) => void,
      allocate: (lengthBytes: number) => Uint8Array,
    ): Pick<FrameParser, 'push' | 'landing' | 'landed'> => new FrameParser(found, allocate),
  ) {}

  draw(dice: Dice): readonly CutStream[] {
    return Array.from({ length: 8 }, () => ({ chunks: someSplit(drawStream(dice), dice) }));
  }

  show({ chunks }: CutStream): string {
    return `${String(chunks.length)} chunks of ${showBytes(joined(...chunks), 160)}`;
  }

  run(streams: readonly CutStream[]): Promise<FuzzOutcome> {
    let frames = 0;
    for (const { chunks } of streams) {
      const stream = joined(...chunks);
      const wanted = framesOf(stream);
      const problem = this.#compare(chunks, wanted.frames, wanted.isBroken, stream.length);
      if (problem !== undefined) return Promise.resolve({ frames, problem });
      frames += wanted.frames.length;
    }
    return Promise.resolve({ frames, problem: undefined });
  }

  #compare(
    chunks: readonly Uint8Array[],
    wanted: ReturnType<typeof framesOf>['frames'],
    isBroken: boolean,
    streamBytes: number,
  ): string | undefined {
    const found: Frame[] = [];
    let allocatedBytes = 0;
    const parser = this.makeParser(
      (next) => found.push(next),
      (lengthBytes) => {
        allocatedBytes += lengthBytes;
        return new Uint8Array(lengthBytes).fill(0xee);
      },
    );
    let broke = false;
    try {
      for (const chunk of chunks) feed(parser, chunk.slice());
    } catch (error) {
      if (!HoldfastError.is(error, 'PROTOCOL')) return `the parser threw ${String(error)}`;
      broke = true;
    }
    if (broke !== isBroken)
      return isBroken ? 'the parser took what is no frame' : 'the parser refused a frame';
    if (found.length !== wanted.length)
      return `${String(found.length)} frames were found, there are ${String(wanted.length)}`;
    // What was allocated has arrived, but for the one payload that is under way.
    if (allocatedBytes > streamBytes + maxPayloadBytes)
      return `${String(allocatedBytes)} bytes were allocated`;
    for (const [index, frame] of wanted.entries()) {
      const problem = unlike(found[index], frame);
      if (problem !== undefined) return `frame ${String(index)}: ${problem}`;
    }
    return undefined;
  }
}

function unlike(
  found: Frame | undefined,
  wanted: ReturnType<typeof framesOf>['frames'][number],
): string | undefined {
  const { payload, end: _end, ...fields } = wanted;
  for (const [name, value] of Object.entries(fields)) {
    const got = found?.[name as keyof typeof fields];
    if (got !== value) return `${name} is ${String(got)}, ${String(value)} was sent`;
  }
  return found !== undefined && Buffer.compare(found.payload, payload) === 0 ? undefined : 'another payload';
}

/** As a stream does: bytes land where they belong when that is known before they come. */
function feed(parser: Pick<FrameParser, 'push' | 'landing' | 'landed'>, chunk: Uint8Array): void {
  let rest = chunk;
  for (;;) {
    const place = parser.landing();
    if (place === undefined || rest.length === 0) break;
    const lands = rest.subarray(0, place.length);
    place.set(lands);
    parser.landed(lands.length);
    rest = rest.slice(lands.length);
  }
  if (rest.length > 0) parser.push(rest);
}

/** Some frames, most of them whole. */
export function drawStream(dice: Dice): Uint8Array {
  const frames = Array.from({ length: 1 + dice.below(30) }, () => drawFrame(dice));
  const damagedOneIn = dice.pick([0, 10, 40]);
  return joined(
    ...frames.map((frame) =>
      damagedOneIn > 0 && dice.oneIn(damagedOneIn) ? mutate(frame, frames[0] ?? frame, dice) : frame,
    ),
  );
}

function drawFrame(dice: Dice): Uint8Array {
  const large = dice.pick([2_047, 2_048, 4_095, 4_096, 9_000]);
  return bytesOf({
    type: dice.below(100),
    flags: dice.below(65_536),
    volume: dice.below(65_536),
    status: dice.below(8),
    id: dice.edge32() * 2 ** dice.below(21),
    offsetBytes: dice.edge32() * 2 ** dice.below(21),
    lengthBytes: dice.edge32(),
    epoch: dice.edge32(),
    origin: dice.edge32(),
    generation: dice.edge32(),
    operation: dice.edge32() * 2 ** dice.below(21),
    extra: dice.edge32(),
    payload: dice.oneIn(4) ? dice.bytes(dice.below(200)) : new Uint8Array(dice.oneIn(12) ? large : 0).fill(7),
  });
}
