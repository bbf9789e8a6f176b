import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeHeader, type Frame, frame, FrameParser, frameTypes, headerBytes } from './frame.js';

const payloads = fc.array(fc.tuple(fc.constantFrom(0, 7, 150, 250), fc.boolean()), { maxLength: 12 });
const cuts = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 20 });

/** The frames as they stand on the wire; payload `index` is full of its number. */
function encoded(lengths: readonly number[]): Uint8Array {
  const parts = lengths.map((length, index) => {
    const bytes = new Uint8Array(headerBytes + length).fill(index + 1, headerBytes);
    const payload = bytes.subarray(headerBytes);
    encodeHeader(new DataView(bytes.buffer), 0, frame(frameTypes.pathReply, { id: index, payload }));
    return bytes;
  });
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

describe('cutting bytes into frames', () => {
  it('gives the same frames however the bytes are split, and reuses only memory that was given back', () => {
    fc.assert(
      fc.property(payloads, cuts, (wanted, pieces) => {
        const bytes = encoded(wanted.map(([length]) => length));
        const isWhole = ({ id, payload }: Frame): boolean =>
          payload.length === wanted[id]![0] && payload.every((byte) => byte === id + 1);
        const kept: Frame[] = [];
        const ids: number[] = [];
        const parser = new FrameParser(
          (next) => {
            ids.push(next.id);
            if (!isWhole(next)) throw new Error(`frame ${next.id} has other bytes`);
            // Some are done with at once, and say so, even twice; others are held to the end.
            if (!wanted[next.id]![1]) kept.push(next);
            else for (let times = 0; times < 2; times += 1) next.giveBack?.();
          },
          (length) => new Uint8Array(length).fill(0xee),
          (chunk) => chunk.fill(0xdd),
        );
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const length = pieces[turn % pieces.length]!;
          parser.push(bytes.slice(at, at + length));
          at += length;
        }
        expect(ids).toEqual(wanted.map((_, index) => index));
        expect(kept.filter((held) => !isWhole(held))).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  it('takes the rest of a payload where it said that it belongs', () => {
    const large = fc.array(fc.constantFrom(0, 300, 5_000, 20_000), { minLength: 1, maxLength: 6 });
    const largeCuts = fc.array(fc.integer({ min: 1, max: 9_000 }), { minLength: 1, maxLength: 20 });
    let landedBytes = 0;
    fc.assert(
      fc.property(large, largeCuts, (lengths, pieces) => {
        const bytes = encoded(lengths);
        const ids: number[] = [];
        const parser = new FrameParser(
          (next) => {
            ids.push(next.id);
            expect(next.payload.length).toBe(lengths[next.id]);
            expect(next.payload.every((byte) => byte === next.id + 1)).toBe(true);
            next.giveBack?.();
          },
          (length) => new Uint8Array(length).fill(0xee),
        );
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const piece = bytes.slice(at, at + pieces[turn % pieces.length]!);
          const landing = parser.landing();
          if (landing === undefined) {
            parser.push(piece);
            at += piece.length;
            continue;
          }
          const fits = piece.subarray(0, landing.length);
          landing.set(fits);
          parser.landed(fits.length);
          landedBytes += fits.length;
          at += fits.length;
        }
        expect(ids).toEqual(lengths.map((_, index) => index));
      }),
      { numRuns: 100 },
    );
    expect(landedBytes).toBeGreaterThan(100_000);
  });

  it('needs no new memory for what comes after something of the same size that was given back', () => {
    const lengths = Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? 4_096 : 24));
    let allocated = 0;
    let chunksBack = 0;
    const parser = new FrameParser(
      (next) => next.giveBack?.(),
      (length) => {
        allocated += 1;
        return new Uint8Array(length);
      },
      () => (chunksBack += 1),
    );
    const bytes = encoded(lengths);
    const chunk = 2 * headerBytes + 4_096 + 24;
    for (let at = 0; at < bytes.length; at += chunk) parser.push(bytes.subarray(at, at + chunk));
    expect({ allocated, chunksBack }).toEqual({ allocated: 1, chunksBack: 25 });
  });
});
