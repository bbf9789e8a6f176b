export { checkCodec } from './check-codec.js';
export {
  explore,
  type Exploration,
  type ExploreOptions,
  type ExploreProgress,
  type Violation,
} from './explore.js';
export { collisionProbability, FingerprintSet } from './fingerprints.js';
export { KeyBuffer } from './key.js';
export { Pieces } from './pieces.js';
export { describeExploration } from './report.js';
export type {
  CalmSchedule,
  ExplorableSystem,
  KeyReader,
  KeyWriter,
  Landmark,
  StateCodec,
  SystemInvariant,
} from './system.js';
