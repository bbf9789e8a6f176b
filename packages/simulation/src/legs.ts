import type { Site } from './site.js';

/** The first byte in which the legs of two sites differ, for people; undefined when they are equal. */
export function visibleDifference([one, other]: readonly [Site, Site]): string | undefined {
  for (const [index, { data }] of one.disks.entries()) {
    const against = other.disks[index]?.data;
    if (against === undefined) continue;
    const mine = new Uint8Array(data.sizeBytes);
    const theirs = new Uint8Array(against.sizeBytes);
    data.readVisible(0, mine);
    against.readVisible(0, theirs);
    for (let at = 0; at < mine.length; at += 1)
      if (mine[at] !== theirs[at])
        return `volume ${String(index)}, byte ${String(at)}: ${one.name} has ${String(mine[at])}, ${other.name} has ${String(theirs[at])}`;
  }
  return undefined;
}
