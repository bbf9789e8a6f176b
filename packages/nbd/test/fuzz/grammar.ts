import { type Dice, joined, mutate } from '@holdfast/testkit';
import { encodeGoRequest, encodeMetaContextRequest, encodeOption } from '../../src/codec/option.js';
import { encodeRequest } from '../../src/codec/request.js';

/** One frame of a stream, and how it travels. */
export interface WirePiece {
  readonly bytes: Uint8Array;
  /** It arrives in two parts, cut here; 0: in one. */
  readonly cutAt: number;
  /** It arrives together with what follows. */
  readonly joinsNext: boolean;
}

const names = ['disk', 'frozen', 'blocks', '', 'nobody', 'd\u0000sk', 'ü'.repeat(40)] as const;
const contexts = ['base:allocation', 'base:', 'qemu:dirty-bitmap:x', '', 'x'.repeat(300)] as const;
const optionCodes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 99, 0xffff_ffff] as const;

/** Text with a length that lies, which no encoder writes. */
function lyingText(dice: Dice): Uint8Array {
  const bytes = joined(new Uint8Array(4), dice.bytes(dice.below(40)));
  new DataView(bytes.buffer).setUint32(0, dice.edge32());
  return bytes;
}

function optionData(code: number, dice: Dice): Uint8Array {
  const name = dice.pick([...names, 'disk', 'disk', 'disk', 'blocks']);
  if (dice.oneIn(12)) return lyingText(dice);
  if (dice.oneIn(30)) return dice.bytes(dice.pick([1, 100, 4_096, 4_097, 16_383, 16_384]));
  switch (code) {
    case 1:
      return new TextEncoder().encode(name);
    case 6:
    case 7:
      return encodeGoRequest({ name, infoTypes: Array.from({ length: dice.below(5) }, () => dice.below(5)) });
    case 9:
    case 10:
      return encodeMetaContextRequest({
        name,
        queries: Array.from({ length: dice.below(3) }, () => dice.pick(contexts)),
      });
    default:
      return new Uint8Array(dice.oneIn(8) ? dice.below(20) : 0);
  }
}

/** What a client says before it has chosen an export, sensible or not. */
export function drawOption(dice: Dice, code: number = dice.pick(optionCodes)): Uint8Array {
  return encodeOption(code, optionData(code, dice));
}

/** The options of a client that wants to get on. */
export function drawOpening(dice: Dice): Uint8Array[] {
  const frames: Uint8Array[] = [];
  if (dice.oneIn(40)) {
    // More than there may be, of those that end nothing.
    for (let count = 30 + dice.below(6); count > 0; count -= 1)
      frames.push(drawOption(dice, dice.pick([3, 6, 8, 9, 99])));
  } else for (let count = dice.below(4); count > 0; count -= 1) frames.push(drawOption(dice));
  if (dice.oneIn(2)) frames.push(encodeOption(8));
  const name = dice.pick(['disk', 'disk', 'disk', 'frozen', 'blocks']);
  if (dice.oneIn(2)) {
    const other = dice.oneIn(6) ? dice.pick(['disk', 'frozen']) : name;
    frames.push(encodeOption(10, encodeMetaContextRequest({ name: other, queries: ['base:allocation'] })));
  }
  frames.push(
    dice.oneIn(6)
      ? encodeOption(1, new TextEncoder().encode(name))
      : encodeOption(7, encodeGoRequest({ name, infoTypes: [3] })),
  );
  return frames;
}

/** A request of a client that means it, or one at an edge of what may be asked. */
export function drawRequest(dice: Dice, cookieLow: number): Uint8Array {
  const command = dice.oneIn(16)
    ? dice.oneIn(20)
      ? 2
      : dice.pick([8, 255, 0x103])
    : dice.pick([0, 0, 1, 1, 1, 3, 4, 5, 6, 7]);
  // The announcement of a payload that does not come ends most conversations: seldom, so that others have a middle.
  const atEdge = dice.oneIn(command === 1 ? 80 : 4);
  const isLarge = dice.oneIn(24);
  const small = dice.oneIn(3) ? 512 * dice.below(4) : dice.below(700);
  const lengthBytes =
    command === 3 && !dice.oneIn(4) ? 0 : atEdge ? dice.edge32() : isLarge ? dice.below(32_769) : small;
  const offsetBytes = command === 3 && !dice.oneIn(6) ? 0 : drawOffset(dice);
  const header = new Uint8Array(28);
  const flags = dice.oneIn(3) ? dice.pick([0, 1, 2, 4, 8, 16, 17, 3, 0xffff]) : 0;
  encodeRequest(header, 0, { flags, command, cookieHigh: 0xc0, cookieLow, offsetBytes, lengthBytes });
  if (command !== 1) return header;
  // An edge is announced, and what comes after it is up to chance.
  const payloadBytes = lengthBytes <= 70_000 && !dice.oneIn(200) ? lengthBytes : dice.below(200);
  const payload = new Uint8Array(payloadBytes).fill(1 + (cookieLow % 250));
  return joined(header, payload);
}

function drawOffset(dice: Dice): number {
  if (dice.oneIn(5))
    return dice.pick([0, 98_815, 98_816, 98_817, 8_191, 8_192, 16_384, 2 ** 52, 0xffff_ffff]);
  return dice.oneIn(2) ? 512 * dice.below(200) : dice.below(100_000);
}

/** A conversation: flags, options, requests. In one case of four nothing is damaged; in the others a few frames are. */
export function drawConversation(dice: Dice): WirePiece[] {
  const flags = Uint8Array.of(0, 0, 0, dice.oneIn(30) ? dice.below(256) : dice.below(4));
  const frames = [flags, ...drawOpening(dice)];
  const requests = dice.below(400);
  for (let count = 1; count <= requests; count += 1) frames.push(drawRequest(dice, count));
  const damagedOneIn = dice.pick([0, 10, 100, 400]);
  return frames.map((frame) => {
    const isDamaged = damagedOneIn > 0 && dice.oneIn(damagedOneIn);
    const bytes = isDamaged ? mutate(frame, frames[dice.below(frames.length)] ?? frame, dice) : frame;
    const cutAt = dice.oneIn(20) ? dice.below(Math.max(1, bytes.length)) : 0;
    return { bytes, cutAt, joinsNext: !dice.oneIn(12) };
  });
}

/** The chunks in which the pieces arrive. */
export function chunksOf(pieces: readonly WirePiece[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let open: Uint8Array[] = [];
  const close = (): void => {
    if (open.length > 0) chunks.push(joined(...open));
    open = [];
  };
  for (const { bytes, cutAt, joinsNext } of pieces) {
    if (cutAt > 0) {
      open.push(bytes.subarray(0, cutAt));
      close();
    }
    open.push(bytes.subarray(cutAt));
    if (!joinsNext) close();
  }
  close();
  return chunks.filter(({ length }) => length > 0);
}
