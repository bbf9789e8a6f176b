import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DoubtfulExtents } from './doubtful-extents.js';

const sectorBytes = 512;
const extentBytes = 8 * sectorBytes;
const volumeBytes = 5 * extentBytes;

const range = fc
  .tuple(fc.nat(volumeBytes - 1), fc.integer({ min: 1, max: 2 * extentBytes }))
  .map(([offsetBytes, lengthBytes]) => ({
    offsetBytes,
    lengthBytes: Math.min(lengthBytes, volumeBytes - offsetBytes),
  }));

/** The dumb reference: one answer for every byte. */
function bytesWritten(
  extents: ReadonlySet<number>,
  writes: readonly { offsetBytes: number; lengthBytes: number }[],
): boolean[] {
  const written = new Array<boolean>(volumeBytes).fill(false);
  for (const { offsetBytes, lengthBytes } of writes) {
    const from = Math.floor(offsetBytes / sectorBytes) * sectorBytes;
    const end = Math.ceil((offsetBytes + lengthBytes) / sectorBytes) * sectorBytes;
    for (let at = from; at < end; at += 1) if (extents.has(Math.floor(at / extentBytes))) written[at] = true;
  }
  return written;
}

describe('extents that a former process may have written to', () => {
  it('say of every sector whether it was written since, and nothing of other extents', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(4)),
        fc.array(range, { maxLength: 6 }),
        range,
        (extents, writes, { offsetBytes, lengthBytes }) => {
          const doubtful = new DoubtfulExtents(extentBytes, new Set(extents));
          for (const write of writes) doubtful.mark(write.offsetBytes, write.lengthBytes);
          const found = new Array<boolean>(volumeBytes).fill(false);
          for (const run of doubtful.writtenIn(offsetBytes, lengthBytes))
            found.fill(true, run.offsetBytes, run.offsetBytes + run.lengthBytes);
          const expected = bytesWritten(new Set(extents), writes).map(
            (isWritten, at) => isWritten && at >= offsetBytes && at < offsetBytes + lengthBytes,
          );
          expect(found).toEqual(expected);
        },
      ),
    );
  });

  it('are all of them when the log is lost', () => {
    const doubtful = new DoubtfulExtents(extentBytes, undefined);
    doubtful.mark(3 * extentBytes, sectorBytes);
    expect(doubtful.writtenIn(0, volumeBytes)).toEqual([
      { offsetBytes: 3 * extentBytes, lengthBytes: sectorBytes },
    ]);
  });
});
