import type { Dice } from './dice.js';

/** Longer than this nothing grows by mutation. */
const longestBytes = 256 * 1024;

/**
 * A frame, damaged in one of the ways in which streams are damaged or forged: bits flipped, cut short, a part twice, a part of
 * another frame inside, random bytes inside, or a field of two, four or eight bytes set to an edge.
 */
export function mutate(frame: Uint8Array, other: Uint8Array, dice: Dice): Uint8Array {
  return damaged(frame, other, dice).subarray(0, longestBytes);
}

function damaged(frame: Uint8Array, other: Uint8Array, dice: Dice): Uint8Array {
  const at = dice.below(frame.length + 1);
  switch (dice.below(8)) {
    case 0:
      return flipped(frame, dice);
    case 1:
      return frame.slice(0, at);
    case 2: {
      const to = Math.min(frame.length, at + 1 + dice.below(64));
      return joined(frame.subarray(0, to), frame.subarray(at));
    }
    case 3:
      return joined(frame.subarray(0, at), other.subarray(dice.below(other.length + 1)));
    case 4:
      return joined(frame.subarray(0, at), dice.bytes(1 + dice.below(16)), frame.subarray(at));
    case 5:
      return withField(frame, dice, 2);
    case 6:
      return withField(frame, dice, 8);
    default:
      return withField(frame, dice, 4);
  }
}

/** All parts as one. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function flipped(frame: Uint8Array, dice: Dice): Uint8Array {
  const copy = frame.slice();
  for (let turns = 1 + dice.below(3); turns > 0 && copy.length > 0; turns -= 1) {
    const at = dice.below(copy.length);
    copy[at] = (copy[at] ?? 0) ^ (1 << dice.below(8));
  }
  return copy;
}

/** An aligned field, in either order of bytes. */
function withField(frame: Uint8Array, dice: Dice, width: 2 | 4 | 8): Uint8Array {
  if (frame.length < width) return flipped(frame, dice);
  const copy = frame.slice();
  const view = new DataView(copy.buffer);
  const places = Math.floor((frame.length - width) / 2) + 1;
  // Fields stand at the beginning of a frame, payloads behind them.
  const at = 2 * dice.below(Math.min(places, 36));
  const little = dice.oneIn(2);
  const value = dice.edge32();
  if (width === 2) view.setUint16(at, value & 0xffff, little);
  else if (width === 4) view.setUint32(at, value, little);
  else {
    const high = dice.oneIn(2) ? 0 : dice.edge32();
    view.setUint32(at, little ? value : high, little);
    view.setUint32(at + 4, little ? high : value, little);
  }
  return copy;
}
