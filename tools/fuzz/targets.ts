import type { FuzzTarget } from '@holdfast/testkit';
import { NbdClientTarget } from '../../packages/nbd/test/fuzz/client-target.js';
import { NbdServerTarget } from '../../packages/nbd/test/fuzz/server-target.js';
import { FrameTarget } from '../../packages/volume/test/fuzz/frame-target.js';
import { LinkTarget } from '../../packages/volume/test/fuzz/link-target.js';
import { PathTarget } from '../../packages/volume/test/fuzz/path-target.js';
import { WitnessTarget } from '../../packages/witness/test/fuzz/witness-target.js';

/** A target with its share of a campaign's frames, out of a hundred. */
export interface Share {
  readonly percent: number;
  readonly make: () => FuzzTarget;
}

const share = <Piece>(percent: number, make: () => FuzzTarget<Piece>): Share => ({
  percent,
  // What a target draws, only that target runs.
  make: () => make(),
});

/** Everything that listens to somebody else. */
export const shares: readonly Share[] = [
  share(25, () => new NbdServerTarget({ tls: 'none', maxSliceBytes: 32_768 })),
  share(10, () => new NbdServerTarget({ tls: 'none', maxSliceBytes: 4_096 })),
  share(5, () => new NbdServerTarget({ tls: 'required', maxSliceBytes: 32_768 })),
  share(5, () => new NbdServerTarget({ tls: 'offered', maxSliceBytes: 32_768 })),
  share(15, () => new NbdClientTarget()),
  share(15, () => new FrameTarget()),
  share(20, () => new PathTarget()),
  share(4, () => new LinkTarget()),
  share(1, () => new WitnessTarget()),
];
