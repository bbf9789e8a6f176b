import type { Dice } from './dice.js';

/**
 * Every way to cut a stream once, byte by byte, and whole. What reads it must not see a difference.
 * A stream of n bytes gives n + 1 ways.
 */
export function* everySplit(stream: Uint8Array): Generator<readonly Uint8Array[]> {
  yield [stream.slice()];
  for (let at = 1; at < stream.length; at += 1) yield [stream.slice(0, at), stream.slice(at)];
  yield Array.from(stream, (byte) => Uint8Array.of(byte));
}

/** One way to cut it into several pieces. No piece shares memory with another. */
export function someSplit(stream: Uint8Array, dice: Dice): readonly Uint8Array[] {
  const longestBytes = dice.pick([1, 7, 64, 1_000, 65_536, 1_000_000]);
  if (longestBytes === 1 && stream.length > 2_000) return [stream.slice()];
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < stream.length;) {
    const lengthBytes = 1 + dice.below(longestBytes);
    pieces.push(stream.slice(at, at + lengthBytes));
    at += lengthBytes;
  }
  return pieces;
}
